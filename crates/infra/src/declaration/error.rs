//! What is wrong with a declaration: the place, the rule, and what to write instead.

use std::fmt;
use std::sync::Arc;

use serde::de::{Expected, Unexpected};
use serde_saphyr::{Location, MessageFormatter as _, UserMessageFormatter};
use thiserror::Error;

use super::node::Place;

/// A declaration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct DeclarationError {
    /// Where.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

const REFERENCE: &str = "`parados schema infra` prints what each key takes";

impl DeclarationError {
    /// Something wrong at `place`.
    pub fn at(place: &Place, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: Some(place.clone()), message: message.into(), hint: hint.into() }
    }

    /// Something wrong that is nowhere in a file.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), hint: hint.into() }
    }

    /// A text that is not YAML.
    pub(super) fn malformed(file: &str, error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let place = Place { file: Arc::from(file), line: location.line(), column: location.column() };
        let message = match error {
            serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
                format!("the key `{}` stands here twice", key.as_deref().unwrap_or("?"))
            }
            other => UserMessageFormatter.format_message(other).into_owned(),
        };
        Self::at(&place, message, REFERENCE)
    }

    /// The same, at `place` where it has none yet.
    pub(super) fn or_at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }
}

/// The closest of `known` to `text`, where one is close.
pub(crate) fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|one| (strsim::normalized_damerau_levenshtein(text, one), one))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, one)| one)
}

/// What to write in place of `text`.
pub(crate) fn choose<'a>(text: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match closest(text, known.clone()) {
        Some(one) => format!("did you mean `{one}`?"),
        None => format!("one of {} stands here", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

impl serde::de::Error for DeclarationError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), REFERENCE)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let hint = match unexpected {
            Unexpected::Signed(_) | Unexpected::Float(_) | Unexpected::Bool(_) => {
                format!("put it in quotes where a text is meant; {REFERENCE}")
            }
            _ => REFERENCE.to_owned(),
        };
        Self::new(format!("expected {expected}, found {unexpected}"), hint)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown value `{variant}`"), choose(variant, expected.iter().copied()))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown key `{field}`"), choose(field, expected.iter().copied()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"), format!("add `{field}: …` here; {REFERENCE}"))
    }
}
