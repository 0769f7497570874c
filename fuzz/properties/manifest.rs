//! What holds for the readers of manifests, whatever the bytes.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::document::Digest;
use parados_backup::manifest::{Manifest, ManifestDraft};
use parados_backup::repository::{Completion, Objects, Repository, SnapshotFilter, Snapshots};
use parados_backup::signature::{MANIFEST_NAMESPACE, SigningKey};

/// The last number that fits into a manifest's key.
const MAX_SEQUENCE: u64 = 9_999_999_999;

/// Reading never panics, also not of a line that is rightly signed. What reads as a manifest is listed where it says that it
/// stands, and is the same when it is written and read again.
pub(crate) fn check(bytes: &[u8]) {
    let (entries, damaged) = listed("manifests/a/b/c/d/0000000001.manifest".into(), bytes.to_vec());
    assert_eq!(entries.entries.len() + damaged, 1, "a manifest is listed, or listed as damaged");
    if let Ok(manifest) = Manifest::parse(bytes) {
        check_manifest(manifest, bytes);
    }

    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let mut stored = [&bytes[..end], b"\n"].concat();
    let armored = key().sign(MANIFEST_NAMESPACE, &Digest::of(&stored)).expect("an ed25519 key signs");
    stored.extend_from_slice(armored.as_bytes());
    if let Ok(manifest) = Manifest::parse(&stored) {
        check_manifest(manifest, &stored);
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32], "fuzz")
}

fn check_manifest(manifest: Manifest, stored: &[u8]) {
    let mut summary = manifest.summary.clone();
    let target = &summary.target;
    if summary.sequence <= MAX_SEQUENCE {
        let name = format!("{:010}.manifest", summary.sequence);
        let parts = ["manifests", &target.project, &target.environment, &target.account, &target.region, &name];
        let (snapshots, _) = listed(Path::from_iter(parts), stored.to_vec());
        let [entry] = snapshots.entries.as_slice() else {
            panic!("it is listed in its place: {:?}", snapshots.damaged)
        };
        assert_eq!(entry.summary, summary);
    }

    let draft = ManifestDraft {
        id: summary.id,
        target: summary.target.clone(),
        purpose: summary.purpose,
        tool: summary.tool.clone(),
        started_at: summary.started_at,
        finished_at: summary.finished_at,
        verdict: summary.verdict,
        counts: summary.counts,
        document: summary.document.clone(),
        recipients: summary.recipients.clone(),
        fingerprint_key: summary.fingerprint_key.clone(),
        selector: summary.selector.clone(),
        with_history: summary.with_history,
        with_labels: summary.with_labels,
        missing: summary.missing.clone(),
        parameters: manifest.parameters.clone(),
    };
    let encoded = draft.encode().expect("it keeps the rules");
    let placed = encoded.place(summary.sequence, summary.previous.clone(), &key()).expect("it keeps the rules");
    let again = Manifest::parse(&placed.chunks.concat()).expect("what was written is a manifest");
    summary.signer = key().public_line();
    assert_eq!(again, Manifest { summary, parameters: manifest.parameters });
}

/// What a repository with this one manifest lists, and how many damaged ones.
fn listed(at: Path, bytes: Vec<u8>) -> (Snapshots, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    runtime.block_on(async {
        let store = InMemory::new();
        let marker = br#"{"format_version":1,"id":"00112233445566778899aabbccddeeff"}"#;
        store.put(&"parados.json".into(), marker.to_vec().into()).await.expect("memory takes all bytes");
        store.put(&at, bytes.into()).await.expect("memory takes all bytes");
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        let repository = Repository::open(Objects::new(store, "memory", Completion::Checked)).await;
        let snapshots = repository.expect("it is one").snapshots(&SnapshotFilter::default()).await;
        let snapshots = snapshots.expect("memory can be read");
        let damaged = snapshots.damaged.len();
        (snapshots, damaged)
    })
}
