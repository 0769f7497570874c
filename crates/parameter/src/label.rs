//! The label of a version.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// Most labels that one version bears.
pub const MAX_LABELS: usize = 10;

/// A name for one version of a parameter. It lives on one version at a time: labelling another moves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Label(Box<str>);

impl Label {
    /// Parses a label.
    ///
    /// # Errors
    /// [`Invalid`] by the rules of LabelParameterVersion: 1 to 100 of letters, digits, `.`, `-`, `_`; not beginning with
    /// a digit, `aws` or `ssm` in any case. (AWS answers a label that breaks them with HTTP 200 and `InvalidLabels`.)
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |rule: &str| Err(Invalid::new("label", text, rule));
        let lower = text.to_ascii_lowercase();
        if text.is_empty() || text.len() > 100 {
            return invalid("it has 1 to 100 characters");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) {
            return invalid("only letters, digits, '.', '-' and '_' are allowed");
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) || lower.starts_with("aws") || lower.starts_with("ssm") {
            return invalid("it may not begin with a digit, 'aws' or 'ssm'");
        }
        Ok(Self(text.into()))
    }

    /// Takes a label as a store returned it, without judging it.
    pub fn observed(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Label {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::observed(String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("blue", true)]
    #[case("v1.2_3-x", true)]
    #[case("", false)]
    #[case("1st", false)]
    #[case("AWS-x", false)]
    #[case("ssm", false)]
    #[case("a b", false)]
    #[case("a/b", false)]
    fn follows_aws_s_rules(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(Label::parse(text).is_ok(), valid);
    }
}
