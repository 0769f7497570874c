//! The actions, and how they are drawn: from few names, labels and tags, so that they meet one another; with values about
//! the limits, so that some are refused.

use std::ops::RangeInclusive;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{
    AllowedPattern, DataType, Description, Filter, FilterKey, FilterOption, KeyId, Label, MAX_PAGE, MAX_PATH_PAGE,
    ParameterName, ParameterReference, ParameterType, Policy, PutRequest, Secret, Tag, TierRequest, Version,
    VersionReference,
};

/// Something that is done to a store.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they are the methods of the contract, with their arguments")]
pub enum Action {
    Put(PutRequest),
    /// Many versions of one parameter.
    Fill {
        name: ParameterName,
        versions: usize,
    },
    Delete(ParameterName),
    Label {
        name: ParameterName,
        version: Option<Version>,
        labels: Vec<String>,
    },
    Unlabel {
        name: ParameterName,
        version: Version,
        labels: Vec<Label>,
    },
    Tag {
        name: ParameterName,
        tags: Vec<Tag>,
    },
    Untag {
        name: ParameterName,
        keys: Vec<String>,
    },
    /// The whole listing, by pages of this size.
    Describe {
        filters: Vec<Filter>,
        max_results: usize,
    },
    Get(ParameterReference),
    GetMany(Vec<ParameterName>),
    /// The whole listing, by pages of this size.
    ByPath {
        path: String,
        recursive: bool,
        filters: Vec<Filter>,
        max_results: usize,
    },
    /// The whole history, by pages of this size.
    History {
        name: ParameterName,
        max_results: usize,
    },
    Tags(Vec<ParameterName>),
    ListTags(ParameterName),
}

impl Action {
    /// Every action's name.
    #[cfg(test)]
    pub(super) const NAMES: &[&str] = &[
        "Put", "Fill", "Delete", "Label", "Unlabel", "Tag", "Untag", "Describe", "Get", "GetMany", "ByPath", "History",
        "Tags", "ListTags",
    ];

    #[cfg(test)]
    pub(super) fn name(&self) -> &'static str {
        let shown = format!("{self:?}");
        let is_named = |name: &&&str| shown.strip_prefix(**name).is_some_and(|rest| rest.starts_with([' ', '(']));
        Self::NAMES.iter().find(is_named).expect("every action has a name")
    }
}

const NAMES: [&str; 8] = ["plain", "/plain", "/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/A/b"];
const LABELS: [&str; 14] =
    ["l1", "l2", "l3", "l4", "l5", "l6", "l7", "l8", "l9", "l10", "l11", "l12", "1st", "aws-label"];

/// Lists of actions.
pub fn actions(length: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), length)
}

/// What shows everything that a store holds of these actions' names.
pub(super) fn look_at_everything() -> Vec<Action> {
    let names = NAMES.map(ParameterName::observed);
    let mut looks = vec![Action::Describe { filters: vec![], max_results: MAX_PAGE }];
    for name in names {
        looks.push(Action::History { name: name.clone(), max_results: MAX_PAGE });
        looks.push(Action::ListTags(name));
    }
    looks
}

fn action() -> impl Strategy<Value = Action> {
    let label = || {
        (name(), option::weighted(0.7, version()), texts(&LABELS, 1..=4))
            .prop_map(|(name, version, labels)| Action::Label { name, version, labels })
    };
    let many_labels = (name(), texts(&LABELS, 8..=14)).prop_map(|(name, labels)| Action::Label {
        name,
        version: Some(Version::FIRST),
        labels,
    });
    let unlabel = (name(), version(), texts(&LABELS, 1..=3)).prop_map(|(name, version, labels)| {
        let labels = labels.into_iter().map(Label::observed).collect();
        Action::Unlabel { name, version, labels }
    });
    let tag = (name(), tags(0..=3)).prop_map(|(name, tags)| Action::Tag { name, tags });
    let many_tags = (name(), 0..60_usize).prop_map(|(name, from)| Action::Tag {
        name,
        tags: (from..from + 30).map(|n| Tag::observed(format!("many{n}"), "")).collect(),
    });
    let untag = (name(), texts(&["k1", "k2", "k3", "many1", "none"], 1..=3))
        .prop_map(|(name, keys)| Action::Untag { name, keys });
    let fill = (name(), 40..=70_usize).prop_map(|(name, versions)| Action::Fill { name, versions });
    prop_oneof![
        24 => put().prop_map(Action::Put),
        1 => fill,
        3 => name().prop_map(Action::Delete),
        6 => label(),
        2 => many_labels,
        4 => unlabel,
        4 => tag,
        2 => many_tags,
        3 => untag,
        5 => (filters(), 0..=MAX_PAGE).prop_map(|(filters, max_results)| Action::Describe { filters, max_results }),
        5 => reference().prop_map(Action::Get),
        4 => prop::collection::vec(name(), 0..=6).prop_map(Action::GetMany),
        5 => by_path(),
        4 => (name(), 0..=MAX_PAGE).prop_map(|(name, max_results)| Action::History { name, max_results }),
        3 => prop::collection::vec(name(), 0..=6).prop_map(Action::Tags),
        3 => name().prop_map(Action::ListTags),
    ]
}

fn name() -> impl Strategy<Value = ParameterName> {
    select(&NAMES[..]).prop_map(ParameterName::observed)
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![4 => 1_i64..=4, 1 => 1_i64..=120]
        .prop_map(|number| Version::new(number).expect("versions are drawn from 1 up"))
}

fn reference() -> impl Strategy<Value = ParameterReference> {
    let at = prop_oneof![
        version().prop_map(VersionReference::Version),
        select(&LABELS[..6]).prop_map(|label| VersionReference::Label(Label::observed(label))),
    ];
    (name(), option::of(at)).prop_map(|(name, at)| ParameterReference { name, at })
}

fn texts(pool: &'static [&'static str], count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(select(pool).prop_map(str::to_owned), count)
}

fn tags(count: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Tag>> {
    let tag = (select(&["k1", "k2", "k3"][..]), select(&["", "red", "blue"][..]));
    let tag = prop_oneof![20 => tag, 1 => Just(("aws:reserved", "x"))];
    prop::collection::vec(tag.prop_map(|(key, value)| Tag::observed(key, value)), count)
}

fn put() -> impl Strategy<Value = PutRequest> {
    let value = prop_oneof![
        16 => "[a-z]{1,8}",
        4 => "\\PC{1,20}",
        2 => select(&[4095_usize, 4096, 4097, 8192, 8193][..]).prop_map(|length| "x".repeat(length)),
        1 => select(&["", "{{x}}", "a,b", "é☃\u{0}\n"][..]).prop_map(str::to_owned),
    ];
    let identity = (name(), value, prop::bool::weighted(0.7), rarely(tags(1..=2)));
    let kind = (
        rarely(select(ParameterType::ALL)),
        rarely(select(&["alias/app", "alias/aws/ssm"][..]).prop_map(KeyId::observed)),
        rarely(select(TierRequest::ALL)),
        rarely(select(&["text", "aws:ec2:image", "Text"][..]).prop_map(DataType::observed)),
    );
    let words = (
        rarely(select(&["", "what for", "é"][..]).prop_map(Description::observed)),
        rarely(select(&["", "[a-z]*", "[", ".*"][..]).prop_map(AllowedPattern::observed)),
        rarely(prop::collection::vec(policy(), 0..=2)),
    );
    (identity, kind, words).prop_map(
        |(
            (name, value, overwrite, tags),
            (parameter_type, key_id, tier, data_type),
            (description, allowed_pattern, policies),
        )| {
            PutRequest {
                name,
                value: Secret::new(value),
                parameter_type,
                key_id,
                overwrite,
                description,
                allowed_pattern,
                tags: tags.unwrap_or_default(),
                tier,
                policies,
                data_type,
            }
        },
    )
}

fn rarely<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.15, strategy)
}

fn policy() -> impl Strategy<Value = Policy> {
    select(&["Expiration", "NoChangeNotification"][..]).prop_map(|policy_type| Policy {
        policy_text: format!(r#"{{"Attributes":{{"After":"20"}},"Type":"{policy_type}","Version":"1.0"}}"#),
        policy_type: policy_type.into(),
        policy_status: None,
    })
}

fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let filter = |keys: &'static [FilterKey], options: &'static [FilterOption], values: &'static [&'static str]| {
        (select(keys), select(options), texts(values, 1..=2)).prop_map(|(key, option, values)| Filter {
            key,
            option,
            values,
        })
    };
    use FilterOption::{BeginsWith, Contains, Equals, OneLevel, Recursive};
    let tag = (select(&["k1", "k2"][..]), texts(&["red", "blue"], 0..=2)).prop_map(|(key, values)| Filter {
        key: FilterKey::Tag(key.into()),
        option: Equals,
        values,
    });
    let one = prop_oneof![
        filter(&[FilterKey::Name], &[Equals, BeginsWith, Contains], &["/a", "a", "plain", "/a/b", "b"]),
        filter(&[FilterKey::Path], &[Recursive, OneLevel], &["/", "/a", "/a/b", "/A"]),
        filter(&[FilterKey::Type], &[Equals, BeginsWith], &["String", "StringList", "SecureString"]),
        filter(&[FilterKey::Tier, FilterKey::DataType, FilterKey::KeyId], &[Equals, BeginsWith], &["Standard", "text"]),
        filter(&[FilterKey::KeyId], &[Equals, BeginsWith], &["alias/aws/ssm", "alias/"]),
        filter(&[FilterKey::Label, FilterKey::Name], &[Equals, Recursive], &["l1"]),
        tag,
    ];
    prop::collection::vec(one, 0..=2)
}

fn by_path() -> impl Strategy<Value = Action> {
    let filter = |key: FilterKey, values: &'static [&'static str]| {
        (Just(key), texts(values, 1..=2)).prop_map(|(key, values)| Filter { key, option: FilterOption::Equals, values })
    };
    let filter = prop_oneof![
        filter(FilterKey::Type, &["String", "SecureString"]),
        filter(FilterKey::KeyId, &["alias/aws/ssm"]),
        filter(FilterKey::Label, &LABELS[..6]),
        filter(FilterKey::Tier, &["Standard"]),
    ];
    let filters = prop::collection::vec(filter, 0..=1);
    let path = select(&["/", "/a", "/a/", "/a/b", "/A", "/none", "a"][..]);
    (path, any::<bool>(), filters, 0..=MAX_PATH_PAGE + 1).prop_map(|(path, recursive, filters, max_results)| {
        Action::ByPath { path: path.into(), recursive, filters, max_results }
    })
}
