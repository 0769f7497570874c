//! What the inventory says of one resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::kind::KindName;

/// A resource that a stack has made, or is making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What the declaration calls it.
    pub resource: String,
    /// What it is.
    pub kind: KindName,
    /// What the cloud calls it; none as long as it is not made, where the cloud decides that.
    pub id: Option<String>,
    /// The target of the declaration that it is in; none for the environment's own place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// How far it is.
    pub state: RecordState,
    /// What it needs, so that it is removed before that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<String>,
    /// The number of the lease that this was written under.
    pub lease: u64,
}

/// How far a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordState {
    /// It was not there, and is going to be made: should it be there, then this stack has made it.
    Making,
    /// It is there.
    Made,
}
