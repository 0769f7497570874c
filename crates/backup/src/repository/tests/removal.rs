//! Tests of what takes snapshots away: marks, locks, removals.

use std::collections::BTreeSet;

use rstest::rstest;

use super::*;
use crate::document::Digest;
use crate::manifest::{DocumentObject, SnapshotId};
use crate::trust::TrustedSigners;

fn removal_draft() -> RemovalDraft {
    let marked_at = "2025-11-01T00:00:00Z".parse().unwrap();
    let removed_at = "2025-11-08T00:00:00Z".parse().unwrap();
    RemovalDraft { reason: "no rule keeps it".into(), marked_at, removed_at, tool: "parados test".into() }
}

async fn remove(repository: &Repository, manifest_key: &str) -> Result<Removal, RepositoryError> {
    let manifest = repository.read_manifest(manifest_key).await?;
    let removal = repository.begin_removal(&manifest, removal_draft(), &key()).await?;
    repository.finish_removal(&removal, &BTreeSet::new()).await?;
    Ok(removal)
}

/// A repository of some snapshots.
async fn filled(objects: Objects, snapshots: u8) -> (Repository, Vec<Committed>) {
    let repository = open(objects).await.unwrap();
    let mut committed = Vec::new();
    for number in 1..=snapshots {
        committed.push(back_up(&repository, number, 250).await.unwrap());
    }
    (repository, committed)
}

/// Seals a snapshot again, as far as its repository can tell.
async fn seal_again(repository: &Repository, committed: &Committed) -> String {
    let key = Repository::resealed_key(&committed.summary, 1);
    write(repository, &key, b"sealed again").await.unwrap();
    let digest = Digest::of(b"sealed again");
    let draft = AmendmentDraft {
        number: 1,
        manifest_digest: committed.digest,
        document: DocumentObject { key: key.clone(), size: 12, digest, ..committed.summary.document.clone() },
        recipients: vec!["age1other".into()],
        at: now(),
        tool: "parados test".into(),
    };
    repository.amend(&committed.summary, draft, &crate::manifest::tests::key()).await.unwrap();
    key
}

#[tokio::test]
async fn a_removed_snapshot_leaves_a_record_and_nothing_else() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 3).await;
    let [first, second, third] = &committed[..] else { panic!() };
    let resealed = seal_again(&repository, second).await;
    repository.mark(&second.summary, second.digest, now(), "test", &key()).await.unwrap();
    let before = contents(&*store).await;

    let removal = remove(&repository, &second.key).await.unwrap();
    assert_eq!((removal.sequence, removal.snapshot), (2, second.summary.id));
    assert_eq!(removal.previous.as_ref().unwrap().digest, first.digest);
    assert_eq!(removal.manifest_digest, third.summary.previous.as_ref().unwrap().digest, "the chain stays provable");
    let after = contents(&*store).await;
    let gone: Vec<_> = before.keys().filter(|key| !after.contains_key(*key)).collect();
    let place = "jenkins/dev/123456789012/eu-west-1/0000000002";
    let (amendment, mark) = (format!("amendments/{place}.0001.amendment"), format!("marks/{place}.mark"));
    assert_eq!(gone, [&resealed, &second.summary.document.key, &amendment, &second.key, &mark]);
    assert!(before.iter().all(|(key, bytes)| gone.contains(&key) || after[key] == *bytes));
    assert_eq!(after.len(), before.len() - gone.len() + 1);

    let removals = repository.removals(&SnapshotFilter::target(&target())).await.unwrap();
    assert_eq!(removals.entries, [(format!("removed/{place}.removed"), removal.clone())]);
    assert!(removals.damaged.is_empty() && repository.is_removed(&target(), 2).await.unwrap());
    let other = SnapshotFilter { environment: Some("another".into()), ..SnapshotFilter::default() };
    assert!(repository.removals(&other).await.unwrap().entries.is_empty());
    repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
    assert_eq!(contents(&*store).await, after, "a second time changes nothing");
}

#[tokio::test]
async fn the_chain_goes_on_after_what_was_removed_and_never_begins_anew() {
    let (_, objects) = memory();
    let (repository, committed) = filled(objects, 2).await;
    remove(&repository, &committed[1].key).await.unwrap();
    let third = back_up(&repository, 3, 10).await.unwrap().summary;
    let (previous, second) = (third.previous.unwrap(), &committed[1]);
    assert_eq!((third.sequence, previous.id, previous.digest), (3, Some(second.summary.id), second.digest));
    for entry in repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries {
        remove(&repository, &entry.manifest_key).await.unwrap();
    }
    assert!(repository.head(&target()).await.unwrap().is_none());
    let fourth = back_up(&repository, 4, 10).await.unwrap().summary;
    assert_eq!((fourth.sequence, fourth.previous.unwrap().id), (4, Some(third.id)));
}

#[tokio::test]
async fn a_damaged_removal_at_the_end_of_a_chain_stops_the_next_backup() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 1).await;
    remove(&repository, &committed[0].key).await.unwrap();
    let place = layout::removal(&target(), 1);
    store.put(&place, "damaged".into()).await.unwrap();
    let error = back_up(&repository, 2, 10).await.unwrap_err();
    assert!(matches!(&error, RepositoryError::Damaged { key, .. } if key == place.as_ref()), "{error}");
    assert_eq!(repository.removals(&SnapshotFilter::default()).await.unwrap().damaged.len(), 1);
}

/// Three snapshots, the second of which is removed with a fault. Whether the fault was met.
async fn with_fault(folder: bool, nth: usize, all_after: bool, fault: Fault) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (store, completion): (Arc<dyn ObjectStore>, _) = match folder {
        true => (Arc::new(LocalFileSystem::new_with_prefix(directory.path()).unwrap()), Completion::Staged),
        false => (Arc::new(InMemory::new()), Completion::Checked),
    };
    let (sound, committed) = filled(Objects::new(Arc::clone(&store), "x", completion), 3).await;
    let second = &committed[1];
    seal_again(&sound, second).await;
    sound.mark(&second.summary, second.digest, now(), "test", &key()).await.unwrap();
    let before = contents(&*store).await;
    let belongs = |key: &str| key.contains("120047") || key.contains("0000000002");

    let faulty = FaultyStore::new(Arc::clone(&store), nth, all_after, fault);
    let repository = open(Objects::new(Arc::new(faulty.clone()), "x", completion)).await;
    let outcome = match &repository {
        Ok(repository) => remove(repository, &second.key).await.map(drop),
        Err(_) => return true,
    };
    let context = format!("call {nth} {fault:?}, folder {folder}, all {all_after}: {outcome:?}");
    let kept = |contents: BTreeMap<String, Bytes>| -> BTreeMap<_, _> {
        contents.into_iter().filter(|(key, _)| !belongs(key)).collect()
    };
    let after = contents(&*store).await;
    assert_eq!(kept(after.clone()), kept(before.clone()), "{context}");
    if after.contains_key(&second.key) {
        assert!(after.contains_key(&second.summary.document.key), "no manifest without its document: {context}");
    } else {
        assert!(after.keys().any(|key| key.ends_with(".removed")), "not without a record: {context}");
    }

    // The next run finds out from the record, or begins anew.
    match sound.removals(&SnapshotFilter::default()).await.unwrap().entries.as_slice() {
        [] => drop(remove(&sound, &second.key).await.unwrap()),
        [(_, removal)] => sound.finish_removal(removal, &BTreeSet::new()).await.unwrap(),
        more => panic!("{more:?}"),
    }
    let left = contents(&*store).await;
    let left: Vec<_> = left.keys().filter(|key| belongs(key)).collect();
    assert!(matches!(&left[..], [record] if record.ends_with(".removed")), "{left:?}: {context}");
    faulty.calls() > nth
}

#[rstest]
#[tokio::test]
async fn a_fault_at_any_call_of_a_removal_harms_nothing_else_and_the_next_run_ends_it(
    #[values(false, true)] folder: bool,
    #[values(false, true)] all_after: bool,
) {
    for fault in Fault::ALL {
        let mut nth = 0;
        while with_fault(folder, nth, all_after, fault).await {
            nth += 1;
        }
        assert!(nth >= 11, "a removal makes more than {nth} calls");
    }
}

#[tokio::test]
async fn another_manifest_in_the_place_of_a_removed_one_stays() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 2).await;
    let manifest = repository.read_manifest(&committed[0].key).await.unwrap();
    let removal = repository.begin_removal(&manifest, removal_draft(), &key()).await.unwrap();
    let again = RemovalDraft { reason: "another".into(), ..removal_draft() };
    assert_eq!(repository.begin_removal(&manifest, again, &key()).await.unwrap(), removal, "one begun before");

    let other = ReadManifest { digest: Digest::of(b"other"), ..manifest };
    let error = repository.begin_removal(&other, removal_draft(), &key()).await.unwrap_err();
    assert!(error.to_string().contains("another manifest"), "{error}");
    let place = Path::from(committed[0].key.as_str());
    store.put(&place, "another".into()).await.unwrap();
    let before = contents(&*store).await;
    let error = repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap_err();
    assert!(error.to_string().contains("not the one that was removed"), "{error}");
    assert_eq!(contents(&*store).await, before);
}

#[tokio::test]
async fn an_object_that_another_snapshot_needs_or_that_is_none_of_a_document_stays() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 1).await;
    let shared = &committed[0].summary.document;
    let mut second = draft(2);
    second.document = shared.clone();
    let second = repository.commit(second, &key()).await.unwrap();
    let removal = repository
        .begin_removal(&repository.read_manifest(&second.key).await.unwrap(), removal_draft(), &key())
        .await
        .unwrap();
    repository.finish_removal(&removal, &BTreeSet::from([shared.key.clone()])).await.unwrap();
    let after = contents(&*store).await;
    assert!(after.contains_key(&shared.key) && !after.contains_key(&second.key));

    let mut forged = draft(3);
    forged.document.key = "parados.json".into();
    let forged = repository.commit(forged, &key()).await.unwrap();
    let error = remove(&repository, &forged.key).await.unwrap_err();
    assert!(error.to_string().contains("not a document's object"), "{error}");
    assert!(contents(&*store).await.contains_key("parados.json"));
}

#[tokio::test]
async fn a_mark_stays_as_it_is_until_it_is_taken_away() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 1).await;
    let (summary, digest) = (&committed[0].summary, committed[0].digest);
    let later = now() + SignedDuration::from_hours(24);
    for at in [now(), later] {
        repository.mark(summary, digest, at, "test", &key()).await.unwrap();
    }
    let marks = repository.marks(&SnapshotFilter::default()).await.unwrap();
    let [(_, mark)] = &marks.entries[..] else { panic!("{marks:?}") };
    assert_eq!((mark.marked_at, mark.snapshot, mark.manifest_digest), (now(), summary.id, digest));
    let stranger =
        repository.trusting(TrustedSigners::parse(&SigningKey::from_seed(&[9; 32], "").public_line()).unwrap());
    let marks = stranger.marks(&SnapshotFilter::default()).await.unwrap();
    assert!(matches!(&marks.damaged[..], [(_, RecordError::Untrusted(_))]) && marks.entries.is_empty());
    for _ in 0..2 {
        stranger.unmark(&target(), 1).await.unwrap();
    }
    assert!(contents(&*store).await.keys().all(|key| !key.starts_with("marks/")));
    stranger.time_of_place(7).await.unwrap();
    assert!(contents(&*store).await.keys().all(|key| !key.starts_with("marks/")));
}

#[tokio::test]
async fn a_lock_holds_until_its_time_or_its_end_and_a_damaged_one_too() {
    let (store, objects) = memory();
    let (repository, committed) = filled(objects, 2).await;
    let [snapshot, other] = [0, 1].map(|at: usize| committed[at].summary.id);
    let hour = |hours| now() + SignedDuration::from_hours(hours);
    let draft = |id: u8, until| LockDraft { id: [id; 4], snapshot, reason: "audit".into(), created_at: now(), until };
    let first = repository.lock(draft(1, Some(hour(1))), &key()).await.unwrap();
    let hold = async |at| repository.locks().await.unwrap().hold(snapshot, at);
    assert!(hold(now()).await && !hold(hour(1)).await);
    let second = repository.lock(draft(2, None), &key()).await.unwrap();
    assert!(hold(hour(1)).await && !repository.locks().await.unwrap().hold(other, now()));
    let locks = repository.locks().await.unwrap();
    assert_eq!(locks.entries.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), [&first, &second]);

    store.put(&Path::from(second.as_str()), "damaged".into()).await.unwrap();
    assert!(hold(hour(1)).await);
    repository.unlock(&second).await.unwrap();
    assert!(!hold(hour(1)).await);
    for key in [second.as_str(), "parados.json", committed[0].key.as_str()] {
        let error = repository.unlock(key).await.unwrap_err();
        assert!(matches!(error, RepositoryError::NotFound { .. }), "{error}");
    }
    assert!(contents(&*store).await.contains_key("parados.json"));
    let place = layout::lock(&SnapshotId::from_bytes([7; 8]), "00000007");
    store.put(&place, contents(&*store).await[&first].clone().into()).await.unwrap();
    assert!(matches!(repository.locks().await.unwrap().damaged[..], [(_, RecordError::Place)]));
}
