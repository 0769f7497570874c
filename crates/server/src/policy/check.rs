//! Whether a text is a policy that can be stored.

use std::fmt;
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use thiserror::Error;

use super::{MAX_POLICY_BYTES, SCHEMA};

/// Most characters of a policy's name.
const MAX_NAME_CHARS: usize = 128;

/// A text that is not stored as a policy, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The name is none.
    #[error("policy name {0:?} is not valid: it is 1 to 128 letters, digits and +=,.@_-")]
    Name(String),
    /// It is too long.
    #[error("policy {name} has {found} bytes; a policy has at most {MAX_POLICY_BYTES}")]
    TooLong {
        /// The policy.
        name: String,
        /// Its bytes.
        found: usize,
    },
    /// It is not Cedar.
    #[error("policy {name} is not a policy in Cedar: {message}")]
    Syntax {
        /// The policy.
        name: String,
        /// What and where.
        message: String,
    },
    /// It has no statement.
    #[error("policy {0} has no permit and no forbid in it")]
    Empty(String),
    /// It has a slot, as `?principal`.
    #[error("policy {0} is a template; write the principal instead of ?principal")]
    Template(String),
    /// It speaks of what is not in the schema, or compares what cannot be compared.
    #[error("policy {name} does not fit the schema ('parados store policy schema' shows it): {message}")]
    Schema {
        /// The policy.
        name: String,
        /// What and where.
        message: String,
    },
}

/// Something in a policy that is allowed and probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWarning(pub String);

impl fmt::Display for PolicyWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The schema, read once.
pub(super) static READ_SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::from_cedarschema_str(SCHEMA).expect("the schema is tested").0);

/// Says whether `text` can be stored as the policy `name`, and what about it is probably not meant.
///
/// # Errors
/// It is not one, with where in the text.
pub fn check_policy(name: &str, text: &str) -> Result<Vec<PolicyWarning>, PolicyError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME_CHARS || !name.bytes().all(fits) {
        return Err(PolicyError::Name(name.chars().take(MAX_NAME_CHARS).collect()));
    }
    if text.len() > MAX_POLICY_BYTES {
        return Err(PolicyError::TooLong { name: name.to_owned(), found: text.len() });
    }
    let mut set = PolicySet::new();
    for policy in statements(name, text)? {
        set.add(policy).expect("statements are numbered");
    }
    let result = Validator::new(READ_SCHEMA.clone()).validate(&set, ValidationMode::Strict);
    let errors: Vec<String> = result.validation_errors().map(|error| located(text, error)).collect();
    if !errors.is_empty() {
        return Err(PolicyError::Schema { name: name.to_owned(), message: errors.join("; ") });
    }
    Ok(result.validation_warnings().map(|warning| PolicyWarning(warning.to_string())).collect())
}

/// The statements of a stored policy. The one statement of a policy has its name; of several each has `name#1`, `name#2`, …, or the
/// `@id` that it gives itself behind the name.
pub(super) fn statements(name: &str, text: &str) -> Result<Vec<Policy>, PolicyError> {
    let set = PolicySet::from_str(text).map_err(|error| syntax(name, text, &error))?;
    if set.num_of_templates() > 0 {
        return Err(PolicyError::Template(name.to_owned()));
    }
    // Cedar calls them policy0, policy1, … in their order.
    let order = |policy: &Policy| {
        let id: &str = policy.id().as_ref();
        id.strip_prefix("policy").and_then(|number| number.parse::<usize>().ok()).unwrap_or(usize::MAX)
    };
    let mut statements: Vec<Policy> = set.policies().cloned().collect();
    statements.sort_by_key(order);
    let count = statements.len();
    if count == 0 {
        return Err(PolicyError::Empty(name.to_owned()));
    }
    let named = statements.into_iter().enumerate().map(|(at, statement)| {
        let id = match statement.annotation("id") {
            Some(id) => format!("{name}#{}:{id}", at + 1),
            None if count == 1 => name.to_owned(),
            None => format!("{name}#{}", at + 1),
        };
        statement.new_id(PolicyId::new(id))
    });
    Ok(named.collect())
}

fn syntax(name: &str, text: &str, error: &(impl Diagnostic + ?Sized)) -> PolicyError {
    PolicyError::Syntax { name: name.to_owned(), message: located(text, error) }
}

/// An error with the line and column that it is about.
fn located(text: &str, error: &(impl Diagnostic + ?Sized)) -> String {
    let help = error.help().map_or_else(String::new, |help| format!(" ({help})"));
    let Some(label) = error.labels().and_then(|mut labels| labels.next()) else {
        return format!("{error}{help}");
    };
    let before = text.get(..label.offset()).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    format!("line {line}, column {column}: {error}{help}")
}
