//! The error of a parsing constructor.

use thiserror::Error;

/// A text that is not what it was given as: which noun, which text, and the rule that it breaks with what to write instead.
///
/// The text of a secret is never put here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{noun} {text:?} is not valid: {rule}")]
pub struct Invalid {
    noun: &'static str,
    text: String,
    rule: String,
}

impl Invalid {
    /// An error for `text`, cut to its first 80 characters, given as a `noun`.
    pub fn new(noun: &'static str, text: &str, rule: impl Into<String>) -> Self {
        let mut shown: String = text.chars().take(80).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self { noun, text: shown, rule: rule.into() }
    }

    /// What was expected: "parameter name", "label", …
    pub fn noun(&self) -> &'static str {
        self.noun
    }

    /// The rule that was broken.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}
