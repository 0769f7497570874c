//! Tests of the repository as a whole.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use rstest::rstest;

use super::faulty::{Fault, FaultyStore};
use super::*;
use crate::manifest::tests::{draft, key, target};
use crate::manifest::{ManifestError, Previous};
use crate::signature::SigningKey;

const SMALL_PART: usize = 100;

fn now() -> Timestamp {
    "2025-10-15T12:00:45Z".parse().unwrap()
}

fn memory() -> (Arc<dyn ObjectStore>, Objects) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    (Arc::clone(&store), Objects::new(store, "memory://", Completion::Checked))
}

async fn open(objects: Objects) -> Result<Repository, RepositoryError> {
    let mut repository = Repository::open_or_init(objects, [7; 16], now()).await?;
    repository.part_bytes = SMALL_PART;
    Ok(repository)
}

/// Everything in a store, by key.
async fn contents(store: &dyn ObjectStore) -> BTreeMap<String, Bytes> {
    let mut contents = BTreeMap::new();
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    for meta in listed {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        contents.insert(meta.location.into(), bytes);
    }
    contents
}

async fn write(repository: &Repository, key: &str, bytes: &[u8]) -> Result<Finished, RepositoryError> {
    let mut upload = repository.upload(key)?;
    let bytes = bytes.to_vec();
    let written = tokio::task::spawn_blocking(move || upload.write_all(&bytes).map(|()| upload)).await.unwrap();
    match written {
        Ok(upload) => upload.finish().await,
        Err(error) => Err(*error.into_inner().unwrap().downcast::<RepositoryError>().unwrap()),
    }
}

/// Uploads a data object of `size` bytes and commits a snapshot of it.
async fn back_up(repository: &Repository, number: u8, size: usize) -> Result<Committed, RepositoryError> {
    let at = now() + SignedDuration::from_secs(number.into());
    let (key, _) = repository.free_data_key("dev", at, true).await?;
    let key = write(repository, &key, &vec![number; size]).await?.key;
    let mut draft = draft(number);
    (draft.document.key, draft.started_at) = (key.clone(), at);
    let committed = repository.commit(draft, &crate::manifest::tests::key()).await?;
    // A hint: its failure does not make the snapshot less committed.
    let _ = repository.write_latest(&key).await;
    Ok(committed)
}

/// Checks the chain of the target, and that each snapshot's data object is there. Its ids.
async fn chain(repository: &Repository) -> Vec<String> {
    let snapshots = repository.snapshots(&SnapshotFilter::target(&target())).await.unwrap();
    assert!(snapshots.damaged.is_empty(), "{:?}", snapshots.damaged);
    let mut entries = snapshots.entries;
    entries.sort_by_key(|entry| entry.summary.sequence);
    let (mut previous, mut ids) = (None, Vec::new());
    for (entry, sequence) in entries.iter().zip(1..) {
        let read = repository.read_manifest(&entry.manifest_key).await.unwrap();
        assert_eq!(read.manifest.summary, entry.summary, "a listing says what the manifest says");
        assert_eq!(entry.summary.sequence, sequence, "no place is left out");
        assert_eq!(entry.summary.previous, previous, "linked to the one before");
        let chunks: Vec<_> =
            repository.download(&entry.summary.document.key).await.unwrap().try_collect().await.unwrap();
        assert!(!chunks.concat().is_empty());
        previous = Some(Previous { id: Some(entry.summary.id), digest: read.digest });
        ids.push(entry.summary.id.to_string());
    }
    ids
}

#[tokio::test]
async fn a_repository_is_made_once_and_opened_again() {
    let (store, objects) = memory();
    let error = Repository::open(objects.clone()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::NotARepository { .. }), "{error}");
    let made = Repository::open_or_init(objects.clone(), [7; 16], now()).await.unwrap();
    assert_eq!(made.id(), "07".repeat(16));
    let opened = Repository::open_or_init(objects.clone(), [8; 16], now()).await.unwrap();
    assert_eq!(opened.id(), made.id());
    assert_eq!(Repository::open(objects).await.unwrap().id(), made.id());
    let marker = contents(&*store).await.remove("parados.json").unwrap();
    let expected =
        r#"{"format_version":1,"id":"07070707070707070707070707070707","created_at":"2025-10-15T12:00:45Z"}"#;
    assert_eq!(std::str::from_utf8(&marker).unwrap(), format!("{expected}\n"));
}

#[tokio::test]
async fn a_repository_that_is_only_begun_is_not_there_and_of_two_the_first_one_s_id_is_both_s() {
    let (store, objects) = memory();
    let first = Repository::open_or_begin(objects.clone(), [1; 16], now()).await.unwrap();
    let second = Repository::open_or_begin(objects.clone(), [2; 16], now()).await.unwrap();
    first.check_begun().await.unwrap();
    assert!(first.look_again().await.unwrap() && second.look_again().await.unwrap());
    assert!(contents(&*store).await.is_empty() && !first.is_established());
    assert!(first.establish().await.unwrap() && first.is_established());
    // Between its look and its write, the other one was faster.
    assert!(!second.establish().await.unwrap());
    assert_eq!((second.id(), second.is_established()), (first.id(), true));
    assert!(second.establish().await.unwrap() && second.look_again().await.unwrap(), "from now on it stays");
    let third = Repository::open_or_begin(objects, [3; 16], now()).await.unwrap();
    assert_eq!(third.id(), first.id());
}

#[rstest]
#[case(r#"{"format_version":2,"other":[]}"#, "is of format 2")]
#[case(r#"{"format_version":0}"#, "numbered from 1")]
#[case(r#"{"format_version":1}"#, "32 characters")]
#[case("hello", "not the JSON")]
#[tokio::test]
async fn what_is_no_repository_of_ours_is_refused(#[case] marker: &'static str, #[case] message: &str) {
    let (store, objects) = memory();
    store.put(&layout::marker(), marker.into()).await.unwrap();
    let error = open(objects).await.unwrap_err();
    assert!(error.to_string().contains(message), "{error}");
    assert!(!error.hints().is_empty());
    assert_eq!(contents(&*store).await.len(), 1, "nothing was written");
}

#[rstest]
#[case::small(10)]
#[case::just_a_part(SMALL_PART)]
#[case::two_parts(SMALL_PART + 1)]
#[case::many_parts(SMALL_PART * 7 + 3)]
#[case::parts_without_a_rest(SMALL_PART * 3)]
#[case::empty(0)]
#[tokio::test]
async fn an_upload_is_whole_and_create_only_on_each_kind_of_store(#[case] size: usize) {
    let folder = tempfile::tempdir().unwrap();
    let local: Arc<dyn ObjectStore> =
        Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap().with_fsync(true));
    let (memory, _) = memory();
    for (store, completion) in [(memory, Completion::Checked), (local, Completion::Staged)] {
        let repository = open(Objects::new(Arc::clone(&store), "x", completion)).await.unwrap();
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let finished = write(&repository, "2025-10-15/a.json", &bytes).await.unwrap();
        assert_eq!(finished, Finished { key: "2025-10-15/a.json".into(), size: size as u64 });
        let stored = contents(&*store).await;
        assert_eq!(stored.keys().collect::<Vec<_>>(), ["2025-10-15/a.json", "parados.json"]);
        assert_eq!(stored["2025-10-15/a.json"], bytes);

        let other = vec![9; size + 1];
        let error = write(&repository, "2025-10-15/a.json", &other).await.unwrap_err();
        assert!(matches!(error, RepositoryError::AlreadyExists { .. }), "{error}");
        assert_eq!(contents(&*store).await, stored, "nothing was overwritten, and nothing is left behind");
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = RepositoryUrl::Folder(folder.path().into());
    let repository = open(url.open(&OpenOptions::default()).unwrap()).await.unwrap();
    let mut upload = repository.upload("2025-10-15/a.json").unwrap();
    let upload = tokio::task::spawn_blocking(move || {
        upload.write_all(&[1; SMALL_PART * 5]).unwrap();
        upload
    });
    upload.await.unwrap().abort().await;
    let left: Vec<_> = std::fs::read_dir(folder.path().join(".staging")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!folder.path().join("2025-10-15").exists());
}

#[tokio::test]
async fn a_data_key_is_free() {
    let (_, objects) = memory();
    let repository = open(objects.clone()).await.unwrap();
    let (first, at) = repository.free_data_key("dev", now(), true).await.unwrap();
    assert_eq!((first.as_str(), at), ("2025-10-15/ssm-backup-dev-20251015_120045.json.zst.age", now()));
    let (second, at) = repository.free_data_key("dev", now(), true).await.unwrap();
    assert_eq!(second, "2025-10-15/ssm-backup-dev-20251015_120046.json.zst.age", "given to another backup here");
    assert_eq!(at, now() + SignedDuration::from_secs(1));
    write(&repository, &first, b"x").await.unwrap();
    let elsewhere = open(objects).await.unwrap();
    let (third, _) = elsewhere.free_data_key("dev", now(), true).await.unwrap();
    assert_eq!(third, second, "the first is in the repository");
}

/// All of them choose their key before the first one writes.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn backups_of_many_processes_that_began_in_the_same_second_all_succeed(
    #[values(false, true)] folder: bool,
    #[values(10, SMALL_PART * 3 + 7)] size: usize,
) {
    const PROCESSES: u8 = 20;
    let directory = tempfile::tempdir().unwrap();
    let (_, in_memory) = memory();
    let objects = match folder {
        true => RepositoryUrl::Folder(directory.path().into()).open(&OpenOptions::default()).unwrap(),
        false => in_memory,
    };
    open(objects.clone()).await.unwrap();
    let mut begun = Vec::new();
    for number in 0..PROCESSES {
        let repository = open(objects.clone()).await.unwrap();
        let (key, at) = repository.free_data_key("dev", now(), true).await.unwrap();
        assert_eq!(at, now(), "nobody has written yet");
        begun.push((number, repository, key));
    }
    let run = move |(number, repository, key): (u8, Repository, String)| async move {
        let bytes = vec![number; size];
        let finished = write(&repository, &key, &bytes).await.unwrap();
        (finished.key, bytes)
    };
    let finished: Vec<_> = match folder || size < SMALL_PART {
        true => {
            let tasks: Vec<_> = begun.into_iter().map(|begun| tokio::spawn(run(begun))).collect();
            futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect()
        }
        // The name of many parts in a bucket is fixed with the first of them: one after the other.
        false => {
            let mut finished = Vec::new();
            for begun in begun {
                finished.push(run(begun).await);
            }
            finished
        }
    };
    let mut stored = contents(&**objects.store()).await;
    stored.remove("parados.json");
    assert_eq!(stored.len(), usize::from(PROCESSES), "each has a key of its own");
    for (key, bytes) in finished {
        assert_eq!(stored[&key], bytes, "{key}");
    }
    let last = "2025-10-15/ssm-backup-dev-20251015_120104.json.zst.age";
    assert_eq!(stored.keys().next_back().unwrap(), last, "no second is left out");
}

/// Of an upload of three parts: a look-up, its begin, the parts, its completion.
#[rstest]
#[case(Completion::Conditional, 5, Fault::Repeated)]
#[case(Completion::Conditional, 5, Fault::After)]
#[case(Completion::Checked, 6, Fault::After)]
#[tokio::test]
async fn a_lost_answer_to_the_completion_is_looked_up(
    #[case] completion: Completion,
    #[case] nth: usize,
    #[case] fault: Fault,
) {
    let (store, objects) = memory();
    let sound = open(objects).await.unwrap();
    let lossy = FaultyStore::new(Arc::clone(&store), nth, false, fault);
    let repository = Repository { objects: Objects::new(Arc::new(lossy.clone()), "x", completion), ..sound };
    let bytes: Vec<u8> = (0..SMALL_PART * 2 + 50).map(|n| (n % 251) as u8).collect();
    let finished = write(&repository, "2025-10-15/a.json", &bytes).await.unwrap();
    assert!(lossy.calls() > nth + 1, "it was looked up");
    assert_eq!(finished.size, bytes.len() as u64);
    assert_eq!(contents(&*store).await["2025-10-15/a.json"], bytes);
}

#[rstest]
#[case::of_another_size(vec![1; 9001], false)]
#[case::that_begins_differently([vec![2; 1], vec![1; 8999]].concat(), false)]
#[case::that_ends_differently([vec![1; 8999], vec![2; 1]].concat(), false)]
#[case::of_the_same_bytes(vec![1; 9000], true)]
#[tokio::test]
async fn another_s_object_is_told_from_ours(#[case] stored: Vec<u8>, #[case] same: bool) {
    let (store, objects) = memory();
    let mut ends = objects::Ends::default();
    for part in vec![1; 9000].chunks(4000) {
        ends.push(part);
    }
    let key = Path::from("a");
    assert!(matches!(objects.has_ends(&key, &ends).await, Err(RepositoryError::NotFound { .. })));
    store.put(&key, stored.into()).await.unwrap();
    assert_eq!(objects.has_ends(&key, &ends).await.unwrap(), same);
}

#[tokio::test]
async fn snapshots_make_a_chain_and_are_listed_oldest_first() {
    let (store, objects) = memory();
    let repository = open(objects).await.unwrap();
    assert!(repository.head(&target()).await.unwrap().is_none());
    assert_eq!(repository.read_latest().await.unwrap(), None);
    for number in 1..=3 {
        let committed = back_up(&repository, number, 250).await.unwrap();
        assert_eq!(committed.summary.sequence, u64::from(number));
        let head = repository.head(&target()).await.unwrap().unwrap();
        assert_eq!((head.digest, &head.manifest.summary), (committed.digest, &committed.summary));
    }
    assert_eq!(chain(&repository).await, ["01", "02", "03"].map(|id| id.repeat(8)));
    let latest = repository.read_latest().await.unwrap().unwrap();
    assert_eq!(latest, "2025-10-15/ssm-backup-dev-20251015_120048.json.zst.age");

    let mut other = draft(4);
    other.target.environment = "prod/eu".into();
    repository.commit(other, &key()).await.unwrap();
    let count = async |filter: SnapshotFilter| repository.snapshots(&filter).await.unwrap().entries.len();
    assert_eq!(count(SnapshotFilter::default()).await, 4);
    let environment = |name: &str| SnapshotFilter { environment: Some(name.into()), ..SnapshotFilter::default() };
    assert_eq!(count(environment("prod/eu")).await, 1);
    assert_eq!(count(environment("dev")).await, 3);
    assert_eq!(count(SnapshotFilter { project: Some("other".into()), ..SnapshotFilter::default() }).await, 0);
    assert_eq!(contents(&*store).await.len(), 1 + 3 + 4 + 1, "marker, data, manifests, latest.txt and nothing else");
}

#[tokio::test]
async fn a_summary_longer_than_a_listing_reads_at_first_is_read_on() {
    let (_, objects) = memory();
    let repository = open(objects).await.unwrap();
    let mut draft = draft(1);
    draft.selector = "x".repeat(100_000);
    let committed = repository.commit(draft, &key()).await.unwrap();
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert_eq!(snapshots.entries[0].summary, committed.summary);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn backups_at_once_keep_the_chain_whole() {
    let (_, objects) = memory();
    let repository = Arc::new(open(objects.clone()).await.unwrap());
    let tasks: Vec<_> = (1..=12)
        .map(|number| {
            // Half of them in processes of their own, as far as a repository can tell.
            let (repository, objects) = (Arc::clone(&repository), objects.clone());
            tokio::spawn(async move {
                match number % 2 {
                    0 => back_up(&repository, number, 250).await,
                    _ => back_up(&open(objects).await.unwrap(), number, 250).await,
                }
            })
        })
        .collect();
    let mut committed = Vec::new();
    for task in tasks {
        committed.push(task.await.unwrap().unwrap().summary.sequence);
    }
    committed.sort_unstable();
    assert_eq!(committed, (1..=12).collect::<Vec<_>>());
    assert_eq!(chain(&repository).await.len(), 12);
}

/// A store in which another backup takes each place just before we do.
#[tokio::test(start_paused = true)]
async fn a_backup_that_never_gets_a_place_says_so() {
    let (_, objects) = memory();
    let repository = open(objects).await.unwrap();
    let taken: Arc<dyn ObjectStore> = Arc::new(AlwaysTaken(Arc::clone(repository.objects.store())));
    let contended = open(Objects::new(taken, "memory://", Completion::Checked)).await.unwrap();
    let error = contended.commit(draft(1), &key()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Contended { attempts: 16, .. }), "{error}");
    assert!(chain(&repository).await.is_empty());
}

/// What is committed in `store` after a first snapshot, a fault in the second backup, and a third one without faults.
async fn with_fault(folder: bool, nth: usize, all_after: bool, fault: Fault) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let (store, completion): (Arc<dyn ObjectStore>, _) = match folder {
        true => (Arc::new(LocalFileSystem::new_with_prefix(directory.path()).unwrap()), Completion::Staged),
        false => (Arc::new(InMemory::new()), Completion::Checked),
    };
    let sound = open(Objects::new(Arc::clone(&store), "x", completion)).await.unwrap();
    back_up(&sound, 1, 250).await.unwrap();
    let before = contents(&*store).await;

    let faulty = FaultyStore::new(Arc::clone(&store), nth, all_after, fault);
    let outcome = async {
        let repository = open(Objects::new(Arc::new(faulty.clone()), "x", completion)).await?;
        back_up(&repository, 2, 250).await
    }
    .await;
    let was_hit = faulty.calls() > nth;

    let ids = chain(&sound).await;
    let context = format!("call {nth} {fault:?}, folder {folder}, all {all_after}: {outcome:?}");
    match &outcome {
        Ok(committed) => assert_eq!(ids, ["01".repeat(8), committed.summary.id.to_string()], "{context}"),
        Err(RepositoryError::CommitUnknown { .. }) => assert_eq!(ids[0], "01".repeat(8), "{context}"),
        Err(_) => assert_eq!(ids, ["01".repeat(8)], "{context}"),
    }
    let after = contents(&*store).await;
    for (key, bytes) in before.iter().filter(|(key, _)| *key != "latest.txt") {
        assert_eq!(after.get(key), Some(bytes), "{key}: {context}");
    }
    let third = back_up(&sound, 3, 250).await.unwrap();
    assert_eq!(chain(&sound).await.last(), Some(&third.summary.id.to_string()), "{context}");
    was_hit
}

#[rstest]
#[tokio::test]
async fn a_fault_at_any_call_loses_nothing_and_commits_nothing_halfway(
    #[values(false, true)] folder: bool,
    #[values(false, true)] all_after: bool,
) {
    for fault in Fault::ALL {
        let mut nth = 0;
        while with_fault(folder, nth, all_after, fault).await {
            nth += 1;
        }
        assert!(nth >= 9, "a backup makes more than {nth} calls");
    }
}

#[tokio::test]
async fn a_lost_answer_to_the_commit_is_looked_up() {
    let (store, objects) = memory();
    let sound = open(objects).await.unwrap();
    // A commit lists manifests, lists removals, and then writes the manifest.
    let after = FaultyStore::new(Arc::clone(&store), 2, false, Fault::After);
    let repository = Repository { objects: Objects::new(Arc::new(after), "x", Completion::Checked), ..sound };
    repository.commit(draft(1), &key()).await.unwrap();
    assert_eq!(contents(&*store).await.len(), 2);

    let dead = FaultyStore::new(Arc::clone(&store), 3, true, Fault::After);
    let repository = Repository { objects: Objects::new(Arc::new(dead), "x", Completion::Checked), ..repository };
    let error = repository.commit(draft(2), &key()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::CommitUnknown { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_head_is_named_and_does_not_stop_the_next_backup() {
    let (store, objects) = memory();
    let repository = open(objects).await.unwrap();
    let first = back_up(&repository, 1, 10).await.unwrap();
    let path = Path::parse(&first.key).unwrap();
    let whole = contents(&*store).await.remove(&first.key).unwrap();

    store.put(&path, PutPayload::from(whole.slice(..200))).await.unwrap();
    let error = repository.head(&target()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Manifest { source: ManifestError::Truncated(_), .. }), "{error}");
    let second = back_up(&repository, 2, 10).await.unwrap();
    let previous = second.summary.previous.unwrap();
    assert_eq!((previous.id, previous.digest), (None, crate::document::Digest::of(&whole[..200])));
    assert!(matches!(second.damaged_previous, Some(ManifestError::Truncated(_))));
    let listed = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert_eq!((listed.entries.len(), listed.damaged[0].0.as_str()), (1, first.key.as_str()));

    // Another's manifest in its place.
    let second = contents(&*store).await.remove(&second.key).unwrap();
    store.put(&path, second.into()).await.unwrap();
    let error = repository.read_manifest(&first.key).await.unwrap_err();
    let RepositoryError::Manifest { source, .. } = error else { panic!("{error}") };
    assert!(matches!(source, ManifestError::Invalid { field: "place", .. }), "{source}");
}

#[tokio::test]
async fn a_newer_manifest_stops_the_next_backup() {
    let (store, objects) = memory();
    let repository = open(objects).await.unwrap();
    let newer = PutPayload::from_static(b"{\"format_version\":2,\"all\":\"else\"}\n");
    store.put(&layout::manifest(&target(), 1), newer).await.unwrap();
    let error = repository.commit(draft(2), &key()).await.unwrap_err();
    assert_eq!(error.hints(), ["install a newer Parados"], "{error}");
    assert_eq!(contents(&*store).await.len(), 2, "nothing was written");
}

#[tokio::test]
async fn fingerprint_keys_are_kept_for_each_set_of_recipients() {
    let (_, objects) = memory();
    let repository = open(objects).await.unwrap();
    let id = SigningKey::from_seed(&[1; 32], "").fingerprint_key(&repository.id()).id().clone();
    let (one, both) = (vec!["age1a".to_owned()], vec!["age1a".to_owned(), "age1b".to_owned()]);
    assert!(!repository.has_key(&id, &one).await.unwrap());
    repository.store_key(&id, &one, Bytes::from_static(b"1")).await.unwrap();
    repository.store_key(&id, &one, Bytes::from_static(b"again")).await.unwrap();
    assert!(repository.has_key(&id, &one).await.unwrap() && !repository.has_key(&id, &both).await.unwrap());
    repository.store_key(&id, &both, Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(repository.store_key(&id, &[], Bytes::from_static(b"3")).await.unwrap(), None, "never unsealed");
    assert!(!repository.has_key(&id, &[]).await.unwrap());
    let mut stored: Vec<_> = repository.read_keys(&id).await.unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    stored.sort();
    assert_eq!(stored, ["1", "2"], "the first one of each stays");
}

#[rstest]
#[case::another_stored_it(true)]
#[case::nobody_did(false)]
#[tokio::test]
async fn a_lost_answer_of_storing_a_fingerprint_key_is_no_failure_where_the_key_is_there(#[case] is_there: bool) {
    let (store, objects) = memory();
    let repository = open(objects).await.unwrap();
    let id = SigningKey::from_seed(&[1; 32], "").fingerprint_key(&repository.id()).id().clone();
    let recipients = vec!["age1a".to_owned()];
    if is_there {
        repository.store_key(&id, &recipients, Bytes::from_static(b"theirs")).await.unwrap();
    }
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&store), 0, false, Fault::Before));
    let faulty = Repository {
        objects: Objects::new(faulty, "s3://b", Completion::Checked),
        ..open(Objects::new(Arc::clone(&store), "x", Completion::Checked)).await.unwrap()
    };
    let stored = faulty.store_key(&id, &recipients, Bytes::from_static(b"ours")).await;
    assert_eq!(stored.ok(), is_there.then(|| repository.key_of(&id, &recipients)));
    let bytes: Vec<_> = repository.read_keys(&id).await.unwrap().into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(bytes, if is_there { vec!["theirs"] } else { vec![] });
}

#[tokio::test]
async fn checking_the_access_changes_nothing_and_tells_which_is_missing() {
    let (store, objects) = memory();
    let repository = open(objects).await.unwrap();
    let before = contents(&*store).await;
    assert!(repository.check_access().await.iter().all(|(_, outcome)| outcome.is_ok()));
    assert_eq!(contents(&*store).await, before);
    // One that is only begun is told of too, and is not made.
    let (empty, objects) = memory();
    let begun = Repository::open_or_begin(objects, [7; 16], now()).await.unwrap();
    assert!(begun.check_access().await.iter().all(|(_, outcome)| outcome.is_ok()));
    assert!(contents(&*empty).await.is_empty());
    // Writing is a create-only write, which is looked up, and an upload and its end.
    let calls = [(0, Access::List), (1, Access::Read), (2, Access::Write), (4, Access::Write), (5, Access::Write)];
    for (nth, access) in calls {
        let denied = Arc::new(FaultyStore::new(Arc::clone(&store), nth, false, Fault::Denied));
        let repository = Repository {
            objects: Objects::new(denied, "s3://b", Completion::Checked),
            ..open(Objects::new(Arc::clone(&store), "x", Completion::Checked)).await.unwrap()
        };
        let denied: Vec<_> =
            repository.check_access().await.into_iter().filter(|(_, outcome)| outcome.is_err()).collect();
        assert!(
            matches!(&denied[..], [(of, Err(RepositoryError::Denied { access: said, .. }))] if *of == access && *said == access),
            "{denied:?}"
        );
    }
}

/// A store that refuses every create-only write of a manifest, as if another had just come first.
#[derive(Debug)]
struct AlwaysTaken(Arc<dyn ObjectStore>);

impl std::fmt::Display for AlwaysTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("taken")
    }
}

#[async_trait::async_trait]
impl ObjectStore for AlwaysTaken {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: object_store::PutOptions,
    ) -> object_store::Result<object_store::PutResult> {
        match layout::sequence_of(location) {
            None => self.0.put_opts(location, payload, opts).await,
            Some(_) => Err(object_store::Error::AlreadyExists { path: location.to_string(), source: "409".into() }),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: object_store::PutMultipartOptions,
    ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
        self.0.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: object_store::GetOptions,
    ) -> object_store::Result<object_store::GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: futures::stream::BoxStream<'static, object_store::Result<Path>>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(
        &self,
        prefix: Option<&Path>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<object_store::ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<object_store::ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: object_store::CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

mod removal;
