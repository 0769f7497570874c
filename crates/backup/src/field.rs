//! The fields of a parameter that a restore brings back, and so a comparison names.
//!
//! Owns what counts as a difference, between two records and between the fingerprints of two that nobody has opened. Does not
//! own what is done about one.

mod comparable;
mod fingerprints;
mod words;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::fingerprints::{FieldFingerprinter, FieldFingerprints, InvalidFieldFingerprints};
pub use self::words::in_words;
use crate::document::ParameterRecord;

/// A field of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The type.
    Type,
    /// The value of the newest version.
    Value,
    /// What it is for.
    Description,
    /// The key of a SecureString.
    KeyId,
    /// The tier.
    Tier,
    /// The policies.
    Policies,
    /// What values must match.
    AllowedPattern,
    /// What the value means.
    DataType,
    /// The tags.
    Tags,
    /// The labels of all versions, by their position from the newest.
    Labels,
    /// The older versions.
    History,
}

impl Field {
    /// Every one, in order.
    pub const ALL: [Self; 11] = [
        Self::Type,
        Self::Value,
        Self::Description,
        Self::KeyId,
        Self::Tier,
        Self::Policies,
        Self::AllowedPattern,
        Self::DataType,
        Self::Tags,
        Self::Labels,
        Self::History,
    ];

    /// The field in words, as reports have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Value => "value",
            Self::Description => "description",
            Self::KeyId => "key-id",
            Self::Tier => "tier",
            Self::Policies => "policies",
            Self::AllowedPattern => "allowed-pattern",
            Self::DataType => "data-type",
            Self::Tags => "tags",
            Self::Labels => "labels",
            Self::History => "history",
        }
    }
}

/// The fields in which two records differ, in order: what a restore would have to change to make one like the other.
///
/// Name, version number, dates, ARN, user, AWS's own tags (`aws:`) and the status of policies do not count: nobody can set
/// them. What was not read on either side is not comparable, hence not different: tags, labels, older versions, and in a
/// document of the old pipeline all that it does not say.
pub fn differing(a: &ParameterRecord, b: &ParameterRecord) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut note = |field, differs| fields.extend(Some(field).filter(|_| differs));
    note(Field::Type, a.parameter_type != b.parameter_type);
    note(Field::Value, a.value != b.value);
    note(Field::Description, differs(comparable::description(a), comparable::description(b)));
    note(Field::KeyId, differs(comparable::key_id(a), comparable::key_id(b)));
    note(Field::Tier, differs(comparable::tier(a), comparable::tier(b)));
    note(Field::Policies, differs(comparable::policies(a), comparable::policies(b)));
    note(Field::AllowedPattern, differs(comparable::allowed_pattern(a), comparable::allowed_pattern(b)));
    note(Field::DataType, a.data_type != b.data_type);
    note(Field::Tags, differs(comparable::tags(a), comparable::tags(b)));
    note(Field::Labels, differs(comparable::labels(a), comparable::labels(b)));
    note(Field::History, differs(comparable::history(a), comparable::history(b)));
    fields
}

fn differs<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
