//! Texts with a rule of their own: key id, description, allowed pattern, data type.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// A newtype over text with a parsing constructor, for a noun whose whole rule is its length and a check.
macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $noun:literal, $min:literal..=$max:literal, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a text that a person or a file gave.
            ///
            /// # Errors
            /// [`Invalid`] when its length or its content breaks AWS's rule.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                if !($min..=$max).contains(&text.chars().count()) {
                    return Err(Invalid::new($noun, text, concat!("it has ", $min, " to ", $max, " characters")));
                }
                let check: fn(&str) -> Result<(), String> = $check;
                check(text).map_err(|rule| Invalid::new($noun, text, rule))?;
                Ok(Self(text.into()))
            }

            /// Takes a text as a store returned it, without judging it.
            pub fn observed(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> { Self::parse(text) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self::observed(String::deserialize(deserializer)?))
            }
        }
    };
}

text! {
    /// A KMS key: an id, an ARN, an alias (`alias/aws/ssm`) or an alias's ARN.
    KeyId, "key id", 1..=256, |text| match text.chars().all(|c| c.is_ascii_alphanumeric() || ":/_-.".contains(c)) {
        true => Ok(()),
        false => Err("only letters, digits and :/_-. are allowed".into()),
    }
}

text! {
    /// What a parameter is for, in a person's words.
    Description, "description", 0..=1024, |_| Ok(())
}

text! {
    /// A regular expression that values must match.
    AllowedPattern, "allowed pattern", 0..=1024, |text| regex::Regex::new(text).map(drop).map_err(|_| {
        "not a regular expression".into()
    })
}

text! {
    /// What a value means (`text`, `aws:ec2:image`, `aws:ssm:integration`), which AWS validates. A text and not an
    /// enumeration, so that one which AWS adds later is backed up as it is.
    DataType, "data type", 1..=128, |_| Ok(())
}

impl Default for DataType {
    fn default() -> Self {
        Self::observed("text")
    }
}

impl DataType {
    /// Whether it is one that Parameter Store documents.
    pub fn is_known(&self) -> bool {
        ["text", "aws:ec2:image", "aws:ssm:integration"].contains(&self.as_str())
    }
}

impl KeyId {
    /// The key that AWS encrypts a SecureString under where none is named.
    pub fn aws_managed() -> Self {
        Self::observed("alias/aws/ssm")
    }
}

impl AllowedPattern {
    /// Whether the whole of `value` matches. A pattern that is not understood here allows nothing.
    pub fn allows(&self, value: &str) -> bool {
        regex::Regex::new(&format!("^(?:{})$", self.0)).is_ok_and(|regex| regex.is_match(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        KeyId::parse("arn:aws:kms:eu-west-1:123456789012:key/1234-5678").unwrap();
        KeyId::parse("alias/a b").unwrap_err();
        Description::parse(&"é".repeat(1024)).unwrap();
        Description::parse(&"é".repeat(1025)).unwrap_err();
        AllowedPattern::parse("[").unwrap_err();
        let digits = AllowedPattern::parse(r"\d+").unwrap();
        assert!(digits.allows("123") && !digits.allows("123a"), "the whole value matches");
    }
}
