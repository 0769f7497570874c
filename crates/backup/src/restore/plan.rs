//! The plan as a value: what is saved, hashed and approved.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::{Change, Warning};
use crate::document::Digest;
use crate::fingerprint::FingerprintKeyId;
use crate::manifest::SnapshotId;
use crate::target::{StoreKind, Target};

/// The format of saved plans that this Parados writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a restore will do. Holds no value of a parameter, and leaves no choice open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RestorePlan {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The plan; its journal is found by it.
    pub id: PlanId,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// What made it: `parados 0.1.0`.
    pub tool: String,
    /// Where values come from.
    pub source: PlanSource,
    /// Where they go.
    pub into: StoreIdentity,
    /// What was asked for, in words.
    pub options: PlannedOptions,
    /// The key of its fingerprints.
    #[schemars(with = "String")]
    pub fingerprint_key: FingerprintKeyId,
    /// One for each parameter, by name.
    pub changes: Vec<Change>,
    /// What concerns the plan as a whole.
    pub warnings: Vec<Warning>,
    /// What it costs.
    pub estimate: Estimate,
}

/// The id of a plan: 8 random bytes in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PlanId(String);

/// The SHA-256 of a saved plan, in the form of a digest: what is approved is what is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(pub Digest);

/// Where the values of a restore come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PlanSource {
    /// A snapshot of a repository.
    Snapshot {
        /// The repository's URL.
        repository: String,
        /// The repository's id.
        repository_id: String,
        /// The snapshot.
        #[schemars(with = "String")]
        snapshot: SnapshotId,
        /// Its manifest's key.
        manifest_key: String,
        /// Of its whole manifest.
        #[schemars(with = "String")]
        manifest_digest: Digest,
        /// What it is of.
        target: Target,
        /// When it was begun.
        #[schemars(with = "String")]
        started_at: Timestamp,
    },
    /// A document in a file.
    Document {
        /// The file.
        path: String,
        /// Of its bytes.
        #[schemars(with = "String")]
        digest: Digest,
    },
}

/// A store, so that a plan is not applied to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoreIdentity {
    /// What kind of store it is.
    pub kind: StoreKind,
    /// The AWS account; `000000000000` for an embedded store.
    pub account: String,
    /// The AWS Region; `embedded` for an embedded store.
    pub region: String,
    /// The folder of an embedded store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The URL of a store in PostgreSQL, without its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

/// What was asked for, in words, so that a saved plan says where it came from. Nothing is decided by it any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PlannedOptions {
    /// Which parameters of the snapshot.
    pub selector: String,
    /// As of when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// The maps of names: `/prod/=/dr/`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maps: Vec<String>,
    /// The maps of keys: `OLD=NEW`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// `skip`, `overwrite` or `fail`.
    pub conflict: String,
    /// Whether what the snapshot does not have is deleted.
    pub delete_extra: bool,
    /// Whether older versions are restored.
    pub with_history: bool,
    /// Whether labels are.
    pub with_labels: bool,
}

/// What a plan costs. Calls are exact but for retries; the rest follows from quotas and prices that the notes name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Calls by operation.
    pub calls: BTreeMap<String, u64>,
    /// How long they take at the share of the quotas that is configured, in seconds; waits of 30 s after a delete included.
    pub seconds: f64,
    /// What the calls cost, in US dollars.
    pub call_dollars: f64,
    /// What the parameters cost a month, in US dollars, beyond those that are replaced.
    pub monthly_dollars: f64,
    /// What was assumed.
    pub notes: Vec<String>,
}

impl StoreIdentity {
    /// The partition of AWS that its Region is in, as ARNs begin with it.
    pub fn partition(&self) -> &'static str {
        match self.region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl PlanId {
    /// The id of these random bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The text; safe as a file's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is 16 characters of lower-case hexadecimal, as one that was read may not be.
    pub fn is_valid(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
