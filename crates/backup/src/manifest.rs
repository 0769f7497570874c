//! The manifest: what a snapshot is, signed. Writing it is the commit. FORMAT.md, "Manifest", is normative.
//!
//! Owns the types, their rules and their stored form. Does not read or write a repository.
//!
//! A manifest of 100,000 parameters is some 20 MB of JSON. So its entries are small ([`ParameterEntry`], about 180 bytes with
//! the name), they are serialised once whatever number of attempts the commit needs ([`ManifestDraft::encode`]), and the rest
//! of it — the [`ManifestSummary`] — stands before them and is read without them.

mod entries;
mod id;
mod purpose;
mod stored;
mod streamed;

use jiff::Timestamp;
use parados_parameter::{ParameterName, ParameterType, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::id::{InvalidSnapshotId, SnapshotId};
pub use self::purpose::Purpose;
pub use self::stored::{EncodedDraft, EncodedManifest};
pub(crate) use self::stored::{PARAMETERS_MARKER, parse_summary};
pub(crate) use self::streamed::WalkedManifest;
use crate::document::Digest;
use crate::field::FieldFingerprints;
use crate::fingerprint::{Fingerprint, FingerprintKeyId};
use crate::report::Missing;
use crate::signature::SignatureError;
use crate::target::Target;
use crate::verdict::Verdict;

/// The format that this Parados writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Most bytes of a stored manifest: a million parameters with room to spare.
pub const MAX_MANIFEST_BYTES: u64 = 512 * 1024 * 1024;
/// Most parameters of a snapshot.
pub const MAX_PARAMETERS: usize = 1_000_000;

/// A manifest without its parameters: what a listing needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestSummary {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The snapshot.
    pub id: SnapshotId,
    /// Its place in the target's chain, from 1.
    pub sequence: u64,
    /// The manifest before it in the chain; absent in the first one.
    pub previous: Option<Previous>,
    /// What was backed up.
    pub target: Target,
    /// What it was made for, where it is no ordinary backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// What wrote it: `parados 0.1.0`.
    pub tool: String,
    /// When reading began.
    pub started_at: Timestamp,
    /// When the data object was stored.
    pub finished_at: Timestamp,
    /// Complete or partial.
    pub verdict: Verdict,
    /// How much of what.
    pub counts: Counts,
    /// The data object.
    pub document: DocumentObject,
    /// Whom it is sealed to; empty when it is not sealed.
    pub recipients: Vec<String>,
    /// The key of the fingerprints.
    pub fingerprint_key: FingerprintKeyId,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
    /// What was asked for.
    pub selector: String,
    /// Whether all versions were asked for, and not only the newest and those that bear a label.
    pub with_history: bool,
    /// Whether labels were read, and with them the older versions that bear one.
    pub with_labels: bool,
    /// What matched and is not in the snapshot.
    pub missing: Vec<Missing>,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Everything but the parameters.
    pub summary: ManifestSummary,
    /// The parameters, sorted by name without its leading `/`, each once.
    pub parameters: Vec<ParameterEntry>,
}

/// What a backup knows of a snapshot before it is committed; the commit adds sequence, previous manifest and signature.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are ManifestSummary's and Manifest's")]
pub struct ManifestDraft {
    pub id: SnapshotId,
    pub target: Target,
    pub purpose: Option<Purpose>,
    pub tool: String,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub verdict: Verdict,
    pub counts: Counts,
    pub document: DocumentObject,
    pub recipients: Vec<String>,
    pub fingerprint_key: FingerprintKeyId,
    pub selector: String,
    pub with_history: bool,
    pub with_labels: bool,
    pub missing: Vec<Missing>,
    /// In any order.
    pub parameters: Vec<ParameterEntry>,
}

/// The manifest before another in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its snapshot; absent when that manifest is damaged, so that its id could not be read.
    pub id: Option<SnapshotId>,
    /// Of its stored object, whole.
    pub digest: Digest,
}

/// How much of what a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Parameters.
    pub parameters: u64,
    /// Versions, the newest ones included.
    pub versions: u64,
    /// Entries of `missing`.
    pub missing: u64,
    /// Parameters whose value was taken over from the previous snapshot.
    pub reused: u64,
}

/// The data object of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentObject {
    /// Its key in the repository.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Of its bytes.
    pub digest: Digest,
    /// The size of the document in it, before compression and sealing.
    pub content_size: u64,
    /// Of that document.
    pub content_digest: Digest,
}

/// What a manifest says of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterEntry {
    /// The name.
    pub name: ParameterName,
    /// The type.
    #[serde(rename = "type")]
    pub parameter_type: ParameterType,
    /// The version of the value that was read.
    pub version: Version,
    /// When that version was put.
    pub last_modified_date: Timestamp,
    /// Of the value.
    pub fingerprint: Fingerprint,
    /// Of what the listing said.
    pub metadata: Fingerprint,
    /// Of its other fields, so that a comparison of two manifests names those that changed; absent in early manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<FieldFingerprints>,
}

/// A stored manifest that cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// Larger than any manifest.
    #[error("it has {0} bytes, more than a manifest can have")]
    TooLarge(u64),
    /// It does not begin as one.
    #[error("it does not begin as a manifest does")]
    NotAManifest,
    /// A newer Parados wrote it.
    #[error("it is of format {found}, and this Parados reads up to format {supported}")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// It ends too early.
    #[error("it is cut off: {0}")]
    Truncated(&'static str),
    /// Its JSON is broken, or not a manifest's.
    #[error("its content is not a manifest's")]
    Content(#[source] serde_json::Error),
    /// It breaks one of the format's rules.
    #[error("its {field} is wrong: {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule.
        rule: String,
    },
    /// Its signature is not right.
    #[error("its signature cannot be accepted")]
    Signature(#[source] SignatureError),
}

impl ManifestError {
    pub(crate) fn invalid(field: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid { field, rule: rule.into() }
    }
}

impl ManifestSummary {
    /// Checks the rules that hold between the fields.
    fn check(&self) -> Result<(), ManifestError> {
        let invalid = |field, rule: &str| Err(ManifestError::invalid(field, rule));
        if self.format_version != FORMAT_VERSION {
            return invalid("format_version", "formats are numbered from 1");
        }
        match (self.sequence, &self.previous) {
            (0, _) => return invalid("sequence", "it is numbered from 1"),
            (1, Some(_)) => return invalid("previous", "the first of a chain has none"),
            (2.., None) => return invalid("previous", "only the first of a chain has none"),
            _ => {}
        }
        if !self.verdict.is_committed() {
            return invalid("verdict", "it is complete or partial");
        }
        if (self.verdict == Verdict::Partial) == self.missing.is_empty() {
            return invalid("verdict", "it is partial when something is missing, and only then");
        }
        if self.counts.missing != self.missing.len() as u64 {
            return invalid("counts.missing", "it is not the number of what is missing");
        }
        if self.counts.parameters > MAX_PARAMETERS as u64 {
            return invalid("counts.parameters", "it is more than a million");
        }
        if self.counts.reused > self.counts.parameters {
            return invalid("counts.reused", "it is more than the parameters");
        }
        if !self.fingerprint_key.is_valid() {
            return invalid("fingerprint_key", "it is 16 characters of hexadecimal");
        }
        let Target { project, environment, account, region, .. } = &self.target;
        if [project, environment, account, region].iter().any(|part| part.is_empty()) {
            return invalid("target", "a part of it is empty");
        }
        match object_store::path::Path::parse(&self.document.key) {
            Ok(path) if path.as_ref() == self.document.key && !path.is_root() => Ok(()),
            _ => invalid("document.key", "it is not an object's key"),
        }
    }
}

/// Checks the rules of the parameters: their number, their order, each once.
fn check_parameters(summary: &ManifestSummary, parameters: &[ParameterEntry]) -> Result<(), ManifestError> {
    if summary.counts.parameters != parameters.len() as u64 {
        let rule = format!("it is {}, and there are {}", summary.counts.parameters, parameters.len());
        return Err(ManifestError::invalid("counts.parameters", rule));
    }
    match parameters.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        None => Ok(()),
        Some(pair) => {
            let rule = format!("{} stands before {}", pair[0].name, pair[1].name);
            Err(ManifestError::invalid("order of parameters", rule))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
