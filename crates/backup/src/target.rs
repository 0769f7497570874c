//! What a snapshot is of.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place that is backed up: an environment of a project, in one account and Region. Each target has a chain of snapshots
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The project.
    pub project: String,
    /// The environment: dev, prod, …
    pub environment: String,
    /// The AWS account's number; `000000000000` for an embedded store, and for one in PostgreSQL that is given no other.
    pub account: String,
    /// The AWS Region; `embedded` for an embedded store, and for one in PostgreSQL that is given no other.
    pub region: String,
    /// What kind of store it is.
    pub store: StoreKind,
}

/// The kinds of store that a target can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// AWS SSM Parameter Store.
    Aws,
    /// The embedded store.
    Embedded,
    /// A store in a PostgreSQL database.
    Postgres,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in {}/{}", self.project, self.environment, self.account, self.region)
    }
}
