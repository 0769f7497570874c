//! What is wrong with a configuration: the place, the rule, and what to write instead.

use std::io;
use std::path::Path;

use serde_saphyr::{Location, MessageFormatter as _, UserMessageFormatter};
use thiserror::Error;

use super::DEFAULT_FILE;
use crate::error::Place;

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    /// Where.
    pub(crate) place: Option<Place>,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hints: Vec<String>,
}

impl ConfigError {
    /// Something wrong that is nowhere in a file.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: None, message: message.into(), hints: vec![hint.into()] }
    }

    /// A file that cannot be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let place = Place { file: path.display().to_string(), line: 0, column: 0 };
        let hint = match error.kind() {
            io::ErrorKind::NotFound => {
                format!("name a file that is there, or leave --config out to read {DEFAULT_FILE}")
            }
            io::ErrorKind::InvalidData => "write it in UTF-8".to_owned(),
            _ => "make it readable for the user that runs this".to_owned(),
        };
        Self { place: Some(place), message: format!("the configuration cannot be read: {error}"), hints: vec![hint] }
    }

    /// A text that is not YAML, or is not what the configuration takes.
    pub(super) fn malformed(file: &str, error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        let (message, hint) = explain(error);
        Problem { location, message, hint }.in_file(file)
    }
}

/// What is wrong at a place of a file that is not named yet.
#[derive(Debug)]
pub(super) struct Problem {
    /// Where.
    pub(super) location: Location,
    /// What is wrong.
    pub(super) message: String,
    /// What to do about it.
    pub(super) hint: String,
}

impl Problem {
    /// The same in the file `name`.
    pub(super) fn in_file(self, name: &str) -> ConfigError {
        let place = Place { file: name.to_owned(), line: self.location.line(), column: self.location.column() };
        ConfigError { place: Some(place), message: self.message, hints: vec![self.hint] }
    }
}

/// The closest of `known` to `text`, where one is close.
pub(super) fn closest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|one| (strsim::normalized_damerau_levenshtein(text, one), one))
        .filter(|(similarity, _)| *similarity >= 0.5)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, one)| one)
}

fn explain(error: &serde_saphyr::Error) -> (String, String) {
    use serde_saphyr::Error as Yaml;
    const REFERENCE: &str = "`parados schema config` prints what each key takes";
    let choose = |text: &str, known: &[&str]| match closest(text, known.iter().copied()) {
        Some(one) => format!("did you mean `{one}`?"),
        None => format!("one of {} stands here", known.join(", ")),
    };
    match error {
        Yaml::SerdeUnknownField { field, expected, .. } => (format!("unknown key `{field}`"), choose(field, expected)),
        Yaml::SerdeUnknownVariant { variant, expected, .. } => {
            (format!("unknown value `{variant}`"), choose(variant, expected))
        }
        Yaml::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), format!("add `{field}: …` here; {REFERENCE}"))
        }
        Yaml::DuplicateMappingKey { key, .. } => (
            format!("the key `{}` stands here twice", key.as_deref().unwrap_or("?")),
            "take one of the two out".to_owned(),
        ),
        Yaml::SerdeInvalidType { unexpected, expected, .. } => {
            (format!("expected {expected}, found {unexpected}"), REFERENCE.to_owned())
        }
        Yaml::Unexpected { expected: "mapping start", .. } => {
            ("keys with values belong here".to_owned(), format!("write `key: value`; {REFERENCE}"))
        }
        Yaml::Unexpected { expected: "sequence start", .. } => {
            ("a list belongs here".to_owned(), "write `[one, two]`, or a line `- one` for each".to_owned())
        }
        Yaml::Unexpected { expected: "string scalar", .. } => {
            ("one text belongs here".to_owned(), REFERENCE.to_owned())
        }
        Yaml::InvalidScalar { ty: "f64" | "floating point", .. } => {
            ("a number belongs here".to_owned(), "write it as 0.5".to_owned())
        }
        Yaml::InvalidScalar { ty: "u32", .. } => ("a whole number belongs here".to_owned(), REFERENCE.to_owned()),
        Yaml::Eof { .. } => ("the file ends too early".to_owned(), REFERENCE.to_owned()),
        other => (UserMessageFormatter.format_message(other).into_owned(), REFERENCE.to_owned()),
    }
}
