//! A question to the policies, in Cedar's terms.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use parados_parameter::{AccountRegion, Tag};

use super::check::READ_SCHEMA;
use crate::Action;

/// What something is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// A parameter, by its name; policies know it with a `/` in front.
    Parameter(&'a str),
    /// A path of the hierarchy.
    Path(&'a str),
    /// All parameters of an account in a Region: IAM's `*`.
    Store,
}

/// What kind of thing an operation is done to, as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A parameter.
    Parameter,
    /// A path.
    Path,
    /// All parameters.
    Store,
}

impl TargetKind {
    /// What `action` is done to.
    pub fn of(action: Action) -> Self {
        match action {
            Action::GetParametersByPath => Self::Path,
            Action::DescribeParameters
            | Action::GetResources
            | Action::GetServiceSetting
            | Action::UpdateServiceSetting
            | Action::ResetServiceSetting
            | Action::GetCallerIdentity => Self::Store,
            _ => Self::Parameter,
        }
    }
}

/// How something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// From which address; where it is not known, from none that a range holds.
    pub source: Option<IpAddr>,
    /// Whether values of type SecureString are asked for in the clear.
    pub with_decryption: bool,
    /// Whether a put may overwrite.
    pub overwrite: bool,
    /// Whether a path is asked for with everything below it.
    pub recursive: bool,
}

/// May this principal do this?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The principal's ARN.
    pub principal: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its account, and the Region that it calls.
    pub place: &'a AccountRegion,
    /// The IAM action: `ssm:GetParameter`.
    pub action: &'static str,
    /// What it is done to.
    pub target: Target<'a>,
    /// The tags of the parameter; those that it will have, where it is not there yet.
    pub tags: &'a [Tag],
    /// How.
    pub circumstances: Circumstances,
}

struct Types {
    account: EntityTypeName,
    user: EntityTypeName,
    action: EntityTypeName,
    path: EntityTypeName,
    parameter: EntityTypeName,
    store: EntityTypeName,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let name = |text| EntityTypeName::from_str(text).expect("it is a name");
    Types {
        account: name("Account"),
        user: name("User"),
        action: name("Action"),
        path: name("Path"),
        parameter: name("Parameter"),
        store: name("Store"),
    }
});

/// The actions and the groups that they are in.
static ACTIONS: LazyLock<Entities> = LazyLock::new(|| READ_SCHEMA.action_entities().expect("the schema is tested"));

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// The principal as policies name it.
pub(super) fn principal_uid(arn: &str) -> EntityUid {
    uid(&TYPES.user, arn)
}

/// The question as Cedar takes it; none where Cedar takes it for none, which denies.
pub(super) fn cedar_question(question: &Question<'_>) -> Option<(Request, Entities)> {
    let (account, region) = (question.place.account(), question.place.region());
    let principal = principal_uid(question.principal);
    let user = Entity::new_with_tags(
        principal.clone(),
        [("account".to_owned(), text(account)), ("name".to_owned(), text(question.name))],
        [uid(&TYPES.account, account)],
        [],
    );
    let attributes = |name: &str| {
        [("name".to_owned(), text(name)), ("account".to_owned(), text(account)), ("region".to_owned(), text(region))]
    };
    let above = |name: &str| paths_above(name).map(|path| uid(&TYPES.path, path)).collect::<Vec<_>>();
    let (target, resource) = match question.target {
        Target::Parameter(name) => {
            let name = format!("/{}", name.strip_prefix('/').unwrap_or(name));
            let target = uid(&TYPES.parameter, &name);
            let tags = question.tags.iter().map(|tag| (tag.key().to_owned(), text(tag.value())));
            (target.clone(), Entity::new_with_tags(target, attributes(&name), above(&name), tags))
        }
        Target::Path(path) => {
            let bare = path.trim_end_matches('/');
            let (id, name) = if bare.is_empty() { ("/", "/".to_owned()) } else { (bare, format!("{bare}/")) };
            let target = uid(&TYPES.path, id);
            (target.clone(), Entity::new_with_tags(target, attributes(&name), above(id), []))
        }
        Target::Store => {
            let target = uid(&TYPES.store, &question.place.to_string());
            (target.clone(), Entity::new_with_tags(target, attributes("*"), [], []))
        }
    };
    let entities = ACTIONS.clone().add_entities([user.ok()?, resource.ok()?], None).ok()?;
    let how = &question.circumstances;
    let source = how.source.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)).to_canonical();
    let flag = RestrictedExpression::new_bool;
    let context = Context::from_pairs([
        ("sourceIp".to_owned(), RestrictedExpression::new_ip(source.to_string())),
        ("withDecryption".to_owned(), flag(how.with_decryption)),
        ("overwrite".to_owned(), flag(how.overwrite)),
        ("recursive".to_owned(), flag(how.recursive)),
    ]);
    let request = Request::new(principal, uid(&TYPES.action, question.action), target, context.ok()?, None).ok()?;
    Some((request, entities))
}

/// Every path that holds `name`, nearest first, down to `/`.
fn paths_above(name: &str) -> impl Iterator<Item = &str> {
    let inner = name.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).collect::<Vec<_>>();
    let root = (name != "/").then_some("/");
    inner.into_iter().rev().map(|at| &name[..at]).chain(root)
}
