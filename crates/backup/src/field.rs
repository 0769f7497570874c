//! The fields of a parameter that a restore brings back, and so a comparison names.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
