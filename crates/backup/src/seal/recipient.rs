//! Who can open what is sealed.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use age::ssh::ParseRecipientKeyError;
use parados_parameter::KeyId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Somebody who can open what is sealed to them: an age key, an OpenSSH key or an AWS KMS key.
///
/// Two are equal when their key is; the comment of an OpenSSH key does not count.
#[derive(Clone)]
pub struct Recipient {
    /// As it was given, without space around it.
    text: Box<str>,
    pub(super) key: RecipientKey,
}

#[derive(Clone)]
pub(super) enum RecipientKey {
    X25519(age::x25519::Recipient),
    Ssh(Box<age::ssh::Recipient>),
    Kms(KeyId),
}

/// A text that is not a recipient. It does not show the text where that is a private key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecipientError {
    /// It is a private key.
    #[error(
        "this is a private key, which must stay where it is: name the public one (`age-keygen -y FILE`, or the .pub file)"
    )]
    Private,
    /// It is none of the kinds.
    #[error("{text:?} is not a recipient: it begins with age1, ssh-ed25519, ssh-rsa or arn:aws:kms:")]
    UnknownKind {
        /// The text, cut short.
        text: String,
    },
    /// It is a kind that age's plugins know and we do not, or a kind of OpenSSH key that cannot be sealed to.
    #[error(
        "{text:?}: keys of the kind {kind} cannot be sealed to; use an age key (age1…), ssh-ed25519, ssh-rsa or a KMS key"
    )]
    UnsupportedKind {
        /// The text, cut short.
        text: String,
        /// The kind.
        kind: String,
    },
    /// It begins as one of the kinds, and is damaged.
    #[error("{text:?} is not a whole {kind}: {rule}")]
    Malformed {
        /// The text, cut short.
        text: String,
        /// The kind that it begins as.
        kind: &'static str,
        /// What one looks like.
        rule: &'static str,
    },
}

impl Recipient {
    /// Parses `age1…`, `ssh-ed25519 … [comment]`, `ssh-rsa … [comment]` or `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` (or
    /// `…:alias/NAME`).
    ///
    /// # Errors
    /// [`RecipientError`] says which kind it is not a whole one of.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim();
        let lower = text.get(..64.min(text.len())).unwrap_or_default().to_ascii_lowercase();
        let key =
            if lower.starts_with("age-secret-key-") || lower.contains("-----begin") || lower.contains("private key") {
                return Err(RecipientError::Private);
            } else if lower.starts_with("age1") {
                RecipientKey::X25519(parse_x25519(text)?)
            } else if lower.starts_with("ssh-") || lower.starts_with("ecdsa-") || lower.starts_with("sk-") {
                RecipientKey::Ssh(Box::new(parse_ssh(text)?))
            } else if lower.starts_with("arn:") {
                RecipientKey::Kms(parse_kms(text)?)
            } else {
                return Err(RecipientError::UnknownKind { text: cut(text) });
            };
        Ok(Self { text: text.into(), key })
    }

    /// The recipient as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The KMS key, where it is one.
    pub fn kms_key(&self) -> Option<&KeyId> {
        match &self.key {
            RecipientKey::Kms(key) => Some(key),
            _ => None,
        }
    }

    /// The key without a comment.
    fn canonical(&self) -> &str {
        match &self.key {
            RecipientKey::X25519(_) | RecipientKey::Kms(_) => &self.text,
            RecipientKey::Ssh(_) => match self.text.match_indices(' ').nth(1) {
                Some((end, _)) => &self.text[..end],
                None => &self.text,
            },
        }
    }
}

fn parse_x25519(text: &str) -> Result<age::x25519::Recipient, RecipientError> {
    const RULE: &str = "62 characters, age1 and then small letters and digits, as `age-keygen -y FILE` prints them";
    text.parse().map_err(|_| match text[4..].split_once('1') {
        // Bech32 has its data after the last '1', and no '1' in it: what is before is the name of a plugin.
        Some((plugin, _)) if plugin.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            RecipientError::UnsupportedKind { text: cut(text), kind: format!("age1{plugin}") }
        }
        _ => RecipientError::Malformed { text: cut(text), kind: "age key", rule: RULE },
    })
}

fn parse_ssh(text: &str) -> Result<age::ssh::Recipient, RecipientError> {
    let malformed = |rule| RecipientError::Malformed { text: cut(text), kind: "OpenSSH public key", rule };
    if text.chars().any(char::is_control) {
        return Err(malformed("it is one line, the content of a .pub file"));
    }
    let mut words = text.split(' ');
    let (kind, base64) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let key = format!("{kind} {base64}");
    let parsed = age::ssh::Recipient::from_str(&key).map_err(|error| match error {
        ParseRecipientKeyError::RsaModulusTooSmall => malformed("an RSA key has at least 2048 bits"),
        ParseRecipientKeyError::RsaModulusTooLarge => malformed("an RSA key has at most 4096 bits"),
        ParseRecipientKeyError::Unsupported(kind) => RecipientError::UnsupportedKind { text: cut(text), kind },
        _ => malformed("it is one line, the content of a .pub file"),
    })?;
    // The parser stops at the end of the key, and does not see what else is in the word.
    if parsed.to_string() != key {
        return Err(malformed("it is one line, the content of a .pub file"));
    }
    Ok(parsed)
}

fn parse_kms(text: &str) -> Result<KeyId, RecipientError> {
    let malformed = || RecipientError::Malformed {
        text: cut(text),
        kind: "KMS key's ARN",
        rule: "it is arn:aws:kms:REGION:ACCOUNT:key/ID, or with alias/NAME at its end",
    };
    let parts: Vec<&str> = text.split(':').collect();
    let &["arn", partition, "kms", region, account, resource] = parts.as_slice() else { return Err(malformed()) };
    let (kind, id) = resource.split_once('/').ok_or_else(malformed)?;
    let whole = partition.starts_with("aws")
        && !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && ["key", "alias"].contains(&kind)
        && !id.is_empty();
    match KeyId::parse(text) {
        Ok(key) if whole => Ok(key),
        _ => Err(malformed()),
    }
}

/// The beginning of a text, for an error.
fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Recipient {
    type Error = RecipientError;

    fn try_from(text: String) -> Result<Self, RecipientError> {
        Self::parse(&text)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.text)
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Recipient {}

impl Hash for Recipient {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl Serialize for Recipient {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const AGE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";
    const KMS: &str = "arn:aws:kms:eu-west-1:123456789012:key/12345678-90ab-cdef-1234-567890abcdef";

    #[rstest]
    #[case(AGE)]
    #[case(ED25519)]
    #[case(&format!("{ED25519} alice@example.com"))]
    #[case(KMS)]
    #[case("arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/backup")]
    fn gives_the_text_back(#[case] text: &str) {
        let recipient = Recipient::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(recipient.to_string(), text);
        assert_eq!(recipient.kms_key().is_some(), text.starts_with("arn:"));
        let json = serde_json::to_string(&recipient).unwrap();
        assert_eq!(serde_json::from_str::<Recipient>(&json).unwrap(), recipient);
    }

    #[test]
    fn a_comment_does_not_make_another_recipient() {
        let with = Recipient::parse(&format!("{ED25519} alice@example.com and a cat")).unwrap();
        assert_eq!(with, Recipient::parse(ED25519).unwrap());
        assert_ne!(with, Recipient::parse(AGE).unwrap());
    }

    #[rstest]
    #[case::empty("", "is not a recipient")]
    #[case::word("alice", "is not a recipient")]
    #[case::damaged(&AGE.replace('q', "p"), "age key")]
    #[case::short(&AGE[..40], "age key")]
    #[case::plugin("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "kind age1yubikey")]
    #[case::ssh_short(&ED25519[..60], ".pub file")]
    #[case::ssh_long(&format!("{ED25519}AAAA"), ".pub file")]
    #[case::ssh_two_lines(&format!("{ED25519}\n{ED25519}"), "one line")]
    #[case::ssh_no_key("ssh-ed25519", ".pub file")]
    #[case::ecdsa(
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHFliOyIZs1gxGF3fmDxFykQhE88wy6AKDGFBfn0R6ZuvRmENABZQa9+pj9hMki+LX0qDJbmHTiWDbYv/cmFt/Q=",
        "kind ecdsa-sha2-nistp256"
    )]
    #[case::other_service("arn:aws:s3:::bucket", "KMS")]
    #[case::no_account("arn:aws:kms:eu-west-1::key/1", "KMS")]
    #[case::no_id("arn:aws:kms:eu-west-1:123456789012:key/", "KMS")]
    #[case::space("arn:aws:kms:eu-west-1:123456789012:key/a b", "KMS")]
    fn refuses(#[case] text: &str, #[case] expected: &str) {
        let message = Recipient::parse(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[rstest]
    #[case("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX")]
    #[case("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA")]
    fn a_private_key_is_refused_and_not_shown(#[case] text: &str) {
        let error = Recipient::parse(text).unwrap_err();
        assert_eq!(error, RecipientError::Private);
        assert!(!error.to_string().contains("GFPYYS"));
    }
}
