//! What a team declares: the files of `infra/`, merged, for one environment.
//!
//! A file is parsed into [`Node`]s that know their places, what the environment says is laid over what all have in common, the
//! expressions in texts are rendered, and only then it becomes a type: so whatever is wrong is said with its line and column, and a
//! number or a switch can differ between environments as well as a text.

mod error;
pub(crate) mod expression;
mod node;
mod typed;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use error::DeclarationError;
pub(crate) use error::choose;
pub use expression::Scope;
pub use node::{Key, Node, NodeValue, Place};

use crate::kind::KindName;
use crate::policy::CheckSettings;

type Result<T> = std::result::Result<T, DeclarationError>;

/// The keys of a file.
const FILE_KEYS: [&str; 7] = ["version", "values", "targets", "environments", "resources", "outputs", "checks"];
/// The keys that an environment lays over those of a file.
const ENVIRONMENT_KEYS: [&str; 5] = ["values", "targets", "resources", "outputs", "checks"];

/// What is declared for one environment.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The values that expressions can name.
    pub values: BTreeMap<String, String>,
    /// Where resources can be, beside the environment's own account and Region.
    pub targets: BTreeMap<String, TargetSection>,
    /// The resources, in the order of the files.
    pub resources: Vec<DeclaredResource>,
    /// What the stack says of itself, by name.
    pub outputs: Vec<(String, Node)>,
    /// How the checks are set.
    pub checks: CheckSettings,
}

/// A resource as it is declared, before its expressions are rendered.
#[derive(Clone, Debug)]
pub struct DeclaredResource {
    /// What the declaration calls it.
    pub name: String,
    /// What it is.
    pub kind: KindName,
    /// Where it is, where that is not the environment's own place: a key of `targets`.
    pub target: Option<String>,
    /// What it needs to be there first: what it says, and what its expressions name.
    pub depends_on: BTreeSet<String>,
    /// The checks that it is excused from.
    pub waivers: Vec<Waiver>,
    /// The kind's own keys.
    pub node: Node,
    /// Where it is declared.
    pub place: Place,
}

/// A place in AWS: an account, a Region, and how to get in. What is absent is as for the environment's own place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSection {
    /// The account that the credentials have to lead to.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// The role to assume.
    pub role_arn: Option<String>,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
}

/// Why a check does not count for a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The id of the check, as `S3-TLS`.
    pub check: String,
    /// Why, in words for whoever reads the declaration.
    pub reason: String,
    /// The day after which it does not count any more, `YYYY-MM-DD`.
    pub until: Option<String>,
}

impl Declaration {
    /// Parses and merges files (name and text each) for `environment`.
    ///
    /// # Errors
    /// [`DeclarationError`], with the place of what is wrong.
    pub fn parse(files: &[(String, String)], environment: &str) -> Result<Self> {
        let mut whole: Option<Node> = None;
        for (name, text) in files {
            let file = Node::parse(text, name)?;
            check_version(&file)?;
            check_keys(&file, &FILE_KEYS)?;
            check_twice(whole.as_ref(), &file)?;
            whole = Some(match whole {
                Some(before) => before.merged_with(&file),
                None => file,
            });
        }
        let Some(mut whole) = whole else {
            return Err(DeclarationError::new(
                "nothing is declared",
                "`parados init --store aws --project NAME --environment NAME` writes a declaration to begin with",
            ));
        };
        if let Some(environments) = whole.take("environments") {
            let known: Vec<&str> =
                environments.entries().unwrap_or_default().iter().map(|(key, _)| key.text.as_str()).collect();
            let Some(over) = environments.get(environment) else {
                let message = format!("there is no environment `{environment}` in the declaration");
                return Err(DeclarationError::at(&environments.place, message, choose(environment, known)));
            };
            if over.value != NodeValue::Null {
                check_keys(over, &ENVIRONMENT_KEYS)?;
                whole = whole.merged_with(over);
            }
        }
        Self::of_node(&whole)
    }

    fn of_node(whole: &Node) -> Result<Self> {
        let mut resources = Vec::new();
        for (key, node) in entries_of(whole, "resources")? {
            resources.push(DeclaredResource::of_node(key, node)?);
        }
        let known: BTreeSet<String> = resources.iter().map(|one| one.name.clone()).collect();
        let targets: BTreeMap<String, TargetSection> = section(whole, "targets")?;
        for one in &resources {
            for name in &one.depends_on {
                if !known.contains(name) {
                    let message = format!("`{}` needs the resource `{name}`, which is not declared", one.name);
                    return Err(DeclarationError::at(
                        &one.place,
                        message,
                        choose(name, known.iter().map(String::as_str)),
                    ));
                }
            }
            if let Some(target) = one.target.as_ref().filter(|target| !targets.contains_key(*target)) {
                let message = format!("`{}` is in the target `{target}`, which is not declared", one.name);
                return Err(DeclarationError::at(&one.place, message, "declare it under `targets`"));
            }
        }
        let outputs =
            entries_of(whole, "outputs")?.iter().map(|(key, node)| (key.text.clone(), node.clone())).collect();
        Ok(Self { values: values(whole)?, targets, resources, outputs, checks: section(whole, "checks")? })
    }
}

impl DeclaredResource {
    fn of_node(key: &Key, node: &Node) -> Result<Self> {
        let name = &key.text;
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 40
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_name {
            let message = format!("`{name}` is no name of a resource");
            let hint = "it has at most 40 lower-case letters, digits and `_`, and begins with a letter";
            return Err(DeclarationError::at(&key.place, message, hint));
        }
        let mut node = node.clone();
        let Some(kind) = node.take("kind") else {
            let message = format!("`{name}` does not say its kind");
            let hint = format!("add `kind: …`, one of {}", KindName::ALL.map(KindName::as_str).join(", "));
            return Err(DeclarationError::at(&node.place, message, hint));
        };
        let kind: KindName = kind.typed()?;
        let target = node.take("target").map(|node| node.typed()).transpose()?;
        let waivers = node.take("waivers").map(|node| node.typed()).transpose()?.unwrap_or_default();
        let said: BTreeSet<String> = node.take("depends_on").map(|node| node.typed()).transpose()?.unwrap_or_default();
        let depends_on = &said | &expression::used_resources(&node)?;
        Ok(Self { name: name.clone(), kind, target, depends_on, waivers, node, place: key.place.clone() })
    }

    /// The kind's own keys with their expressions rendered.
    ///
    /// # Errors
    /// [`DeclarationError`] when an expression names what there is not.
    pub fn rendered(&self, scope: &Scope) -> Result<Node> {
        self.node.map_texts(&mut |text, place| expression::render(text, scope, place))
    }
}

/// A text with its expressions rendered.
pub(crate) fn rendered_text(node: &Node, scope: &Scope) -> Result<String> {
    let node = node.map_texts(&mut |text, place| expression::render(text, scope, place))?;
    scalar(&node)
}

fn check_version(file: &Node) -> Result<()> {
    match file.get("version").map(|node| &node.value) {
        Some(NodeValue::Integer(1)) => Ok(()),
        Some(_) => Err(DeclarationError::at(
            &file.get("version").expect("it is there").place,
            "this version of the declaration is not known",
            "write `version: 1`, or use a newer release of parados",
        )),
        None => Err(DeclarationError::at(&file.place, "the key `version` is missing", "begin with `version: 1`")),
    }
}

fn check_keys(node: &Node, known: &[&str]) -> Result<()> {
    let Some(entries) = node.entries() else {
        return Err(DeclarationError::at(&node.place, "keys with values belong here", "write `key: value`"));
    };
    match entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            let message = format!("unknown key `{}`", key.text);
            Err(DeclarationError::at(&key.place, message, choose(&key.text, known.iter().copied())))
        }
    }
}

/// Files are laid side by side: what one declares another may not.
fn check_twice(before: Option<&Node>, file: &Node) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    for section in ["resources", "outputs", "values", "targets"] {
        let earlier = before.get(section).and_then(Node::entries).unwrap_or_default();
        for (key, _) in file.get(section).and_then(Node::entries).unwrap_or_default() {
            if let Some((first, _)) = earlier.iter().find(|(one, _)| one.text == key.text) {
                let message = format!("`{}` is declared twice", key.text);
                let hint = format!("it is also at {}:{}:{}", first.place.file, first.place.line, first.place.column);
                return Err(DeclarationError::at(&key.place, message, hint));
            }
        }
    }
    Ok(())
}

fn entries_of<'a>(whole: &'a Node, section: &str) -> Result<&'a [(Key, Node)]> {
    match whole.get(section) {
        None => Ok(&[]),
        Some(node) if node.value == NodeValue::Null => Ok(&[]),
        Some(node) => node
            .entries()
            .ok_or_else(|| DeclarationError::at(&node.place, "keys with values belong here", "write `name: …`")),
    }
}

fn section<T: serde::de::DeserializeOwned + Default>(whole: &Node, name: &str) -> Result<T> {
    match whole.get(name) {
        Some(node) if node.value != NodeValue::Null => node.typed(),
        _ => Ok(T::default()),
    }
}

fn values(whole: &Node) -> Result<BTreeMap<String, String>> {
    entries_of(whole, "values")?.iter().map(|(key, node)| Ok((key.text.clone(), scalar(node)?))).collect()
}

fn scalar(node: &Node) -> Result<String> {
    match &node.value {
        NodeValue::Text(text) => Ok(text.clone()),
        NodeValue::Integer(number) => Ok(number.to_string()),
        NodeValue::Float(number) => Ok(number.to_string()),
        NodeValue::Bool(value) => Ok(value.to_string()),
        _ => Err(DeclarationError::at(&node.place, "a text belongs here", "write one text or number")),
    }
}

#[cfg(test)]
mod tests;
