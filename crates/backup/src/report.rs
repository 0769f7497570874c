//! What a backup says at its end.

use std::collections::BTreeMap;
use std::error::Error;

use jiff::Timestamp;
use parados_parameter::ParameterName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::Digest;
use crate::target::Target;
use crate::verdict::Verdict;

/// What a backup of one target did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BackupReport {
    /// How it ended.
    pub verdict: Verdict,
    /// What was backed up.
    pub target: Target,
    /// The snapshot's id; absent when none was committed.
    pub snapshot: Option<String>,
    /// Its place in the target's chain, from 1; absent when none was committed.
    pub sequence: Option<u64>,
    /// The digest of its manifest; absent when none was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub manifest_digest: Option<Digest>,
    /// The data object's key in the repository: where it is, or on a dry run where it would be.
    pub key: Option<String>,
    /// The repository's URL.
    pub repository: String,
    /// Parameters in the snapshot, or on a dry run parameters that would be.
    pub parameter_count: u64,
    /// Versions in the snapshot, the newest ones included.
    pub version_count: u64,
    /// Of the parameters, those whose value was taken over from the previous snapshot.
    pub reused: u64,
    /// What is not in the snapshot, and why.
    pub missing: Vec<Missing>,
    /// Calls to the store on the wire, retries included.
    pub calls: u64,
    /// The same by operation.
    pub calls_by_operation: BTreeMap<String, u64>,
    /// Calls that were refused because the quota was used up.
    pub throttles: u64,
    /// Bytes of the document before compression and sealing.
    pub content_bytes: u64,
    /// Bytes of the data object.
    pub bytes: u64,
    /// When the backup began.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// Whether it was a dry run, which writes nothing.
    pub dry_run: bool,
    /// Why it failed; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl BackupReport {
    /// The report of a backup that has done nothing yet, and so, as it stands, failed.
    pub fn failed(target: Target, repository: String, started_at: Timestamp) -> Self {
        Self {
            verdict: Verdict::Failed,
            target,
            snapshot: None,
            sequence: None,
            manifest_digest: None,
            key: None,
            repository,
            parameter_count: 0,
            version_count: 0,
            reused: 0,
            missing: Vec::new(),
            calls: 0,
            calls_by_operation: BTreeMap::new(),
            throttles: 0,
            content_bytes: 0,
            bytes: 0,
            started_at,
            seconds: 0.0,
            dry_run: false,
            error: None,
            hints: Vec::new(),
        }
    }
}

/// Something that matched and is not in the snapshot, or not whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// The parameter.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// What of it could not be read. The parameter is in the snapshot without it, except where it is the value.
    pub what: MissingPart,
    /// Why.
    pub reason: String,
}

/// A part of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MissingPart {
    /// Its value, and so all of it.
    Value,
    /// Its tags.
    Tags,
    /// Its labels, and its older versions.
    History,
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let words = error.to_string();
        // Some libraries repeat their source in their own message.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = error.source();
    }
    text
}
