//! What a snapshot was made for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a snapshot was made for that is no ordinary backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// What a restore was about to change, as it was before. It holds these parameters only, and is in a chain of its own: that
    /// of the environment `{environment}.undo`.
    Undo,
    /// A document that an older pipeline wrote, taken over.
    Import,
}

impl Purpose {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Import => "import",
        }
    }

    /// Whether a snapshot of this purpose is of all that was selected, so that it may be meant by `latest` or a date.
    pub fn is_whole(self) -> bool {
        self != Self::Undo
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
