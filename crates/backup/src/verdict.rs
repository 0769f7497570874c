//! How a backup ended.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a backup of one target ended. Each has an exit code of its own kind in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every parameter that matched was read whole, and the snapshot is committed.
    Complete,
    /// A snapshot is committed, and something that matched is not in it: each is named with the reason.
    Partial,
    /// No parameter matched. Nothing was written.
    NothingMatched,
    /// Nothing was committed.
    Failed,
}

impl Verdict {
    /// The verdict in words, as it stands in reports and manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::NothingMatched => "nothing-matched",
            Self::Failed => "failed",
        }
    }

    /// Whether a snapshot stands in the repository because of this backup.
    pub fn is_committed(self) -> bool {
        matches!(self, Self::Complete | Self::Partial)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
