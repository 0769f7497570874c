//! What is there, as a declaration: for a stack that is to take over what was made by hand or by another tool.
//!
//! It changes nothing. What it gives is put into `infra/`, and an apply that adopts makes the resource the stack's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::cloud::CallError;
use crate::difference::{Difference, differences, is_nothing};
use crate::kind::{At, KindName, Live, OWNER_TAG, RESOURCE_TAG, Spec};
use crate::stack::{Stack, StackError};

/// A resource that is there, as it would be declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What the declaration calls it.
    pub resource: String,
    /// `kind`, `target` and the kind's own keys, but for those whose default is so.
    pub keys: Value,
    /// What no declaration can say, and an apply would change.
    pub unsaid: Vec<Difference>,
}

/// Why something cannot be imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is not there.
    #[error("there is no {} `{id}`", .kind.as_str())]
    Absent {
        /// What was looked for.
        kind: KindName,
        /// What it was called.
        id: String,
    },
    /// No declaration says which it is.
    #[error("which {} it is stands in no declaration, but in its tags", .kind.as_str())]
    ByTags {
        /// What was looked for.
        kind: KindName,
    },
    /// It is something that cannot be declared.
    #[error("the {} `{id}` cannot be declared: {message}", .kind.as_str())]
    Undeclarable {
        /// What it is.
        kind: KindName,
        /// What it is called.
        id: String,
        /// Why.
        message: String,
    },
    /// It could not be read.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The target is not open.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// Reads what the cloud calls `id` and says it as a declaration, in which it is called `resource`.
///
/// # Errors
/// [`ImportError`].
pub async fn import(
    stack: &Stack,
    target: Option<&str>,
    kind: KindName,
    id: &str,
    resource: &str,
) -> Result<Imported, ImportError> {
    let cloud = stack.cloud(target)?;
    let undeclarable =
        |error: serde_json::Error| ImportError::Undeclarable { kind, id: id.to_owned(), message: error.to_string() };
    let named = kind.named(id).ok_or(ImportError::ByTags { kind })?;
    let at = At {
        owner: stack.owner(),
        resource: resource.to_owned(),
        account: cloud.account.clone(),
        region: cloud.region.clone(),
        partition: cloud.partition.clone(),
    };
    let read = kind.of_keys(&named).map_err(undeclarable)?.read(cloud, &at, Some(id)).await?;
    let live = read.ok_or_else(|| ImportError::Absent { kind, id: id.to_owned() })?;
    let own = own_keys(kind, &named, &live);
    let spec = kind.of_keys(&Value::Object(own.clone())).map_err(undeclarable)?;
    let mut keys = Map::from_iter([("kind".to_owned(), Value::from(kind.as_str()))]);
    keys.extend(target.map(|target| ("target".to_owned(), Value::from(target))));
    keys.extend(without_defaults(kind, &at, &spec, own).into_iter().map(|(key, value)| (key, as_text(value))));
    Ok(Imported { resource: resource.to_owned(), keys: Value::Object(keys), unsaid: unsaid(&spec, &at, &live) })
}

/// What a declaration can call a resource, from what the cloud calls it. None of `taken` is given.
pub fn resource_name(id: &str, taken: &BTreeSet<String>) -> String {
    let words = id.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("_").to_lowercase();
    if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
        name.insert_str(0, "r_");
    }
    // The end tells more: what begins alike ends differently.
    let name = match name.len().checked_sub(37) {
        None | Some(0) => name,
        Some(cut) => format!("r_{}", name[cut + 2..].trim_start_matches('_')),
    };
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

fn own_keys(kind: KindName, named: &Value, live: &Live) -> Map<String, Value> {
    let mut keys = named.as_object().cloned().unwrap_or_default();
    for (field, value) in live.fields.iter().filter(|(_, value)| !is_nothing(value)) {
        let (key, mut value) = match kind.declared(field, value) {
            Some((key, value)) => (key.to_owned(), value),
            None => (field.clone(), value.clone()),
        };
        if let (true, Some(tags)) = (key == "tags", value.as_object_mut()) {
            tags.retain(|tag, _| tag != OWNER_TAG && tag != RESOURCE_TAG);
        }
        keys.insert(key, without_nulls(value));
    }
    keys
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let said = entries.into_iter().filter(|(_, value)| !value.is_null());
            said.map(|(key, value)| (key, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// The keys without which it would be something else.
fn without_defaults(kind: KindName, at: &At, spec: &Spec, keys: Map<String, Value>) -> Map<String, Value> {
    let is_same = |keys: &Map<String, Value>| {
        let parsed = kind.of_keys(&Value::Object(keys.clone()));
        parsed.is_ok_and(|other| other.id(at) == spec.id(at) && other.fields(at) == spec.fields(at))
    };
    let mut left = keys.clone();
    for key in keys.keys() {
        let mut fewer = left.clone();
        fewer.remove(key);
        if is_same(&fewer) {
            left = fewer;
        }
    }
    left
}

/// Texts that look like expressions, so that they are none.
fn as_text(value: Value) -> Value {
    match value {
        Value::String(text) if ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) => {
            let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
            Value::String(format!("{{{{ '{escaped}' }}}}"))
        }
        Value::Array(items) => items.into_iter().map(as_text).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, as_text(value))).collect(),
        other => other,
    }
}

fn unsaid(spec: &Spec, at: &At, live: &Live) -> Vec<Difference> {
    let owners = [OWNER_TAG, RESOURCE_TAG].map(|tag| format!("tags.{tag}"));
    let of_field = |(field, desired): (&'static str, Value)| {
        differences(field, live.fields.get(field).unwrap_or(&Value::Null), &desired)
    };
    let found = spec.fields(at).into_iter().flat_map(of_field);
    found.filter(|one| !owners.contains(&one.path)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::declaration::{Node, Scope};

    #[test]
    fn a_name_is_made_from_what_the_cloud_calls_it() {
        let mut taken = BTreeSet::new();
        assert_eq!(resource_name("/jenkins/dev/backup/s3-bucket-name", &taken), "jenkins_dev_backup_s3_bucket_name");
        assert_eq!(resource_name("123-Backup", &taken), "r_123_backup");
        taken.insert("r_123_backup".to_owned());
        assert_eq!(resource_name("123-Backup", &taken), "r_123_backup_2");
        let long = resource_name("jenkins-ssm-backup-dev-123456789012-eu-west-1", &taken);
        assert!(long.len() <= 37 && long.ends_with("_123456789012_eu_west_1"), "{long}");
        assert_eq!(resource_name("///", &taken), "r_");
    }

    #[test]
    fn a_text_that_looks_like_an_expression_is_a_text() {
        let value = r"it's {{ project }} \ {# no #}";
        let node = Node::parse(&json!({ "a": as_text(json!(value)) }).to_string(), "f").unwrap();
        let place = node.place.clone();
        let rendered =
            crate::declaration::expression::render(node.get("a").unwrap().text().unwrap(), &Scope::default(), &place);
        assert_eq!(rendered.unwrap(), value);
    }
}
