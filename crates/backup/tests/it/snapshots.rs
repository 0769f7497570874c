//! Drafts of snapshots, for tests of the repository.

use jiff::Timestamp;
use parados_backup::document::Digest;
use parados_backup::fingerprint::Fingerprint;
use parados_backup::manifest::{Counts, DocumentObject, ManifestDraft, ParameterEntry, SnapshotId};
use parados_backup::signature::SigningKey;
use parados_backup::target::{StoreKind, Target};
use parados_backup::verdict::Verdict;
use parados_parameter::{ParameterName, ParameterType, Version};

pub(crate) fn now() -> Timestamp {
    "2025-10-15T12:00:45Z".parse().unwrap()
}

pub(crate) fn target() -> Target {
    Target {
        project: "jenkins".into(),
        environment: "dev".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        store: StoreKind::Aws,
    }
}

/// A draft of two parameters, with the id of `number`.
pub(crate) fn draft(number: u8) -> ManifestDraft {
    let parameters = ["/dev/b", "/dev/a"].map(|name| ParameterEntry {
        name: ParameterName::parse(name).unwrap(),
        parameter_type: ParameterType::SecureString,
        version: Version::FIRST,
        last_modified_date: now(),
        fingerprint: Fingerprint::from_bytes([1; 16]),
        metadata: Fingerprint::from_bytes([2; 16]),
        fields: None,
    });
    ManifestDraft {
        id: SnapshotId::from_bytes([number; 8]),
        target: target(),
        purpose: None,
        tool: "parados 0.1.0".into(),
        started_at: now(),
        finished_at: now(),
        verdict: Verdict::Complete,
        counts: Counts { parameters: 2, versions: 2, missing: 0, reused: 0 },
        document: DocumentObject {
            key: "2025-10-15/ssm-backup-dev-20251015_120045.json".into(),
            size: 2,
            digest: Digest::of(b"{}"),
            content_size: 2,
            content_digest: Digest::of(b"{}"),
        },
        recipients: Vec::new(),
        fingerprint_key: SigningKey::from_seed(&[1; 32], "").fingerprint_key("r").id().clone(),
        selector: "everything".into(),
        with_history: false,
        with_labels: true,
        missing: Vec::new(),
        parameters: parameters.into(),
    }
}
