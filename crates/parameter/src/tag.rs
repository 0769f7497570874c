//! Tags.

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// Most tags of one parameter.
pub const MAX_TAGS: usize = 50;

/// A key and a value attached to a parameter. Serialised as AWS does: `{"Key": …, "Value": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: Box<str>,
    value: Box<str>,
}

impl Tag {
    /// A tag that a person or a file gave.
    ///
    /// # Errors
    /// [`Invalid`] by the rules of AddTagsToResource: a key of 1 to 128 and a value of at most 256 characters, of letters,
    /// digits, spaces and `_.:/=+-@`; the key not beginning with `aws:`, which AWS keeps for itself.
    pub fn new(key: &str, value: &str) -> Result<Self, Invalid> {
        let allowed =
            |text: &str| text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c));
        if key.is_empty() || key.chars().count() > 128 || !allowed(key) {
            return Err(Invalid::new("tag key", key, "it has 1 to 128 letters, digits, spaces or _.:/=+-@"));
        }
        if key.starts_with("aws:") {
            return Err(Invalid::new("tag key", key, "keys that begin with 'aws:' are AWS's own"));
        }
        if value.chars().count() > 256 || !allowed(value) {
            return Err(Invalid::new("tag value", value, "it has at most 256 letters, digits, spaces or _.:/=+-@"));
        }
        Ok(Self::observed(key, value))
    }

    /// Parses `key=value`; the key ends at the first `=`.
    ///
    /// # Errors
    /// [`Invalid`] when there is no `=`, or as [`Tag::new`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (key, value) = text.split_once('=').ok_or_else(|| Invalid::new("tag", text, "write it as key=value"))?;
        Self::new(key, value)
    }

    /// Takes a tag as a store returned it, without judging it: AWS's own `aws:*` tags are backed up too.
    pub fn observed(key: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl std::str::FromStr for Tag {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        let tag = Tag::parse("team=a=b").unwrap();
        assert_eq!((tag.key(), tag.value()), ("team", "a=b"));
        assert_eq!(serde_json::to_string(&tag).unwrap(), r#"{"Key":"team","Value":"a=b"}"#);
        Tag::parse("team").unwrap_err();
        Tag::parse("aws:x=1").unwrap_err();
        Tag::new("k", "a*b").unwrap_err();
        Tag::new("", "").unwrap_err();
    }
}
