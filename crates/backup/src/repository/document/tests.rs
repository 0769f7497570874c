//! Tests of which object holds a document.

use std::sync::Arc;

use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::*;
use crate::manifest::tests::{draft, key, target};
use crate::repository::{Completion, Objects};
use crate::trust::TrustedSigners;

/// A repository with one snapshot, and its objects.
async fn repository() -> (Arc<dyn ObjectStore>, Repository, ManifestSummary, Digest) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let objects = Objects::new(store.clone(), "memory://", Completion::Checked);
    let now = "2025-10-15T12:00:45Z".parse().unwrap();
    let repository = Repository::open_or_init(objects, [7; 16], now).await.unwrap();
    let committed = repository.commit(draft(1), &key()).await.unwrap();
    (store, repository, committed.summary, committed.digest)
}

fn sealed_anew(summary: &ManifestSummary, manifest_digest: Digest, number: u32) -> AmendmentDraft {
    let stored = Bytes::from(format!("sealed {number}"));
    let document = DocumentObject {
        key: Repository::resealed_key(summary, number),
        size: stored.len() as u64,
        digest: Digest::of(&stored),
        ..summary.document.clone()
    };
    let at = "2025-10-16T00:00:00Z".parse().unwrap();
    let recipients = vec![format!("age1recipient{number}")];
    AmendmentDraft { number, manifest_digest, document, recipients, at, tool: "parados test".into() }
}

#[tokio::test]
async fn the_newest_valid_amendment_says_where_the_document_is() {
    let (store, repository, summary, digest) = repository().await;
    let own = repository.document(&summary).await.unwrap();
    assert_eq!((&own.object, own.amended_by), (&summary.document, None));
    for number in [1, 2] {
        assert_eq!(repository.next_amendment(&summary).await.unwrap(), number);
        let draft = sealed_anew(&summary, digest, number);
        repository.amend(&summary, draft.clone(), &key()).await.unwrap();
        let document = repository.document(&summary).await.unwrap();
        assert_eq!((document.object, document.recipients), (draft.document, draft.recipients));
        assert_eq!(document.amended_by, Some(number));
    }
    let listed = repository.amendments(&SnapshotFilter::target(&target())).await.unwrap();
    assert!(listed.damaged.is_empty(), "{:?}", listed.damaged);
    assert_eq!(listed.entries.iter().map(|(_, one)| one.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(listed.entries[1].1.manifest_digest, digest);
    let other = SnapshotFilter { environment: Some("another".into()), ..SnapshotFilter::default() };
    assert!(repository.amendments(&other).await.unwrap().entries.is_empty());

    // One that is damaged counts for nothing, and its place stays taken.
    let newest = Path::from(listed.entries[1].0.as_str());
    let bytes = store.get(&newest).await.unwrap().bytes().await.unwrap();
    for at in 0..bytes.len() - 1 {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1;
        store.put(&newest, flipped.into()).await.unwrap();
        let amended_by = repository.document(&summary).await.unwrap().amended_by;
        // A few bits of an armored signature say nothing.
        assert!(amended_by == Some(1) || at >= bytes.iter().position(|byte| *byte == b'\n').unwrap(), "{at}");
    }
    store.put(&newest, bytes.slice(..bytes.len() / 2).into()).await.unwrap();
    assert_eq!(repository.document(&summary).await.unwrap().amended_by, Some(1));
    assert_eq!(repository.next_amendment(&summary).await.unwrap(), 3);
    assert_eq!(repository.amendments(&SnapshotFilter::default()).await.unwrap().damaged.len(), 1);
}

#[tokio::test]
async fn an_amendment_of_another_place_or_document_counts_for_nothing() {
    let (store, repository, summary, digest) = repository().await;
    let second = repository.commit(draft(2), &key()).await.unwrap();
    repository.amend(&summary, sealed_anew(&summary, digest, 1), &key()).await.unwrap();
    let bytes = store.get(&layout::amendment(&target(), 1, 1)).await.unwrap().bytes().await.unwrap();
    for (sequence, number) in [(2, 1), (1, 2)] {
        store.put(&layout::amendment(&target(), sequence, number), bytes.clone().into()).await.unwrap();
    }
    assert_eq!(repository.document(&summary).await.unwrap().amended_by, Some(1));
    assert_eq!(repository.document(&second.summary).await.unwrap().amended_by, None);
    let damaged = repository.amendments(&SnapshotFilter::default()).await.unwrap().damaged;
    assert!(damaged.iter().all(|(_, error)| matches!(error, AmendmentError::Place)) && damaged.len() == 2);

    let mut foreign = sealed_anew(&summary, digest, 3);
    foreign.document.content_digest = Digest::of(b"another document");
    let error = repository.amend(&summary, foreign, &key()).await.unwrap_err();
    assert!(error.to_string().contains("another content"), "{error}");
    let nobody = AmendmentDraft { recipients: Vec::new(), ..sealed_anew(&summary, digest, 3) };
    repository.amend(&summary, nobody, &key()).await.unwrap_err();
}

#[tokio::test]
async fn of_two_that_seal_a_snapshot_again_at_once_one_is_told() {
    let (_, repository, summary, digest) = repository().await;
    let draft = sealed_anew(&summary, digest, repository.next_amendment(&summary).await.unwrap());
    let other = AmendmentDraft { recipients: vec!["age1other".into()], ..draft.clone() };
    repository.amend(&summary, draft.clone(), &key()).await.unwrap();
    let error = repository.amend(&summary, other, &key()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::AlreadyExists { .. }), "{error}");
    repository.amend(&summary, draft, &key()).await.unwrap();
}

#[tokio::test]
async fn only_those_whose_signatures_count_amend() {
    let (_, repository, summary, digest) = repository().await;
    repository.amend(&summary, sealed_anew(&summary, digest, 1), &key()).await.unwrap();
    let stranger = SigningKey::from_seed(&[99; 32], "");
    repository.amend(&summary, sealed_anew(&summary, digest, 2), &stranger).await.unwrap();
    assert_eq!(repository.document(&summary).await.unwrap().amended_by, Some(2), "nobody said whom to trust");
    let repository = repository.trusting(TrustedSigners::parse(&key().public_line()).unwrap());
    assert_eq!(repository.document(&summary).await.unwrap().amended_by, Some(1));
    let damaged = repository.amendments(&SnapshotFilter::default()).await.unwrap().damaged;
    assert!(matches!(damaged[..], [(_, AmendmentError::Untrusted(_))]), "{damaged:?}");
}
