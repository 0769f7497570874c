//! What can be wrong with a repository.

use std::fmt;

use parados_parameter::ParameterName;
use schemars::JsonSchema;
use serde::Serialize;

/// The kinds of damage, from the least to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Bytes are others than those that were written.
    Changed,
    /// The end is missing.
    Truncated,
    /// It is another object's content, or stands in another one's place.
    Swapped,
    /// It is gone.
    Removed,
    /// It is an older state, put in the place of a newer one.
    Replayed,
    /// Somebody who is not trusted made it, or it is well made and says what is not so.
    Forged,
}

impl FindingKind {
    /// The kind in a word, as reports have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Truncated => "truncated",
            Self::Swapped => "swapped",
            Self::Removed => "removed",
            Self::Replayed => "replayed",
            Self::Forged => "forged",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is wrong. Holds no value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// The kind of damage.
    pub kind: FindingKind,
    /// The key of the object that is damaged, or should be there.
    pub object: String,
    /// The snapshot that it is of, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The parameter, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub parameter: Option<ParameterName>,
    /// What is wrong, in words.
    pub message: String,
    /// What to do about it, where it may be no damage at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Something that could not be checked, which says neither that it is right nor that it is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Unchecked {
    /// The object's key.
    pub object: String,
    /// Why not.
    pub reason: String,
}

/// What a check found of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    Finding(Finding),
    Unchecked(Unchecked),
}

impl Noticed {
    pub(super) fn finding(
        kind: FindingKind,
        object: &str,
        snapshot: Option<impl ToString>,
        message: impl Into<String>,
    ) -> Self {
        let snapshot = snapshot.map(|snapshot| snapshot.to_string());
        Self::Finding(Finding {
            kind,
            object: object.into(),
            snapshot,
            parameter: None,
            message: message.into(),
            hint: None,
        })
    }

    /// Something that `signer`, a public key's line, signed rightly, who is not trusted.
    pub(super) fn untrusted(object: &str, snapshot: Option<impl ToString>, signer: &str) -> Self {
        let key: Vec<_> = signer.split_whitespace().take(2).collect();
        let hint = format!(
            "only if this key is known to be one of yours, trust it: --trusted-signer '{}', or the same under trusted_signers: in the configuration",
            key.join(" ")
        );
        Self::Finding(Finding {
            kind: FindingKind::Forged,
            object: object.into(),
            snapshot: snapshot.map(|snapshot| snapshot.to_string()),
            parameter: None,
            message: format!("its signer is not trusted: {signer}"),
            hint: Some(hint),
        })
    }

    pub(super) fn unchecked(object: &str, reason: impl Into<String>) -> Self {
        Self::Unchecked(Unchecked { object: object.into(), reason: reason.into() })
    }
}
