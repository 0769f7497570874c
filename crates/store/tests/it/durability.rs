//! What was committed is there: after a kill, and seen by every other handle.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use parados_parameter::{
    DescribeRequest, HistoryRequest, ParameterReference, ParameterStore as _, StoreErrorKind, VersionReference,
};
use tempfile::TempDir;

use crate::{name, new_directory, open, overwrite, request};

/// The files as a process that was killed now would leave them: `-shm` is memory, and gone.
fn killed(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["master.key", "parameters.sqlite3", "parameters.sqlite3-wal"] {
        fs::copy(directory.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

#[tokio::test]
async fn a_commit_survives_a_kill() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    for n in 1..=20 {
        store.put(&overwrite("/a", &format!("value {n}"))).await.unwrap();
        store.label(&name("/a"), None, &["current".into()]).await.unwrap();
        let copy = killed(directory.path());
        let survivor = open(copy.path()).await;
        let labelled = ParameterReference::parse("/a:current").unwrap();
        let read = survivor.get(&labelled).await.unwrap();
        assert_eq!((read.version.get(), read.value.reveal()), (n, format!("value {n}").as_str()));
        assert_eq!(survivor.history(&HistoryRequest::of(name("/a"))).await.unwrap().items.len() as i64, n);
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_write_leaves_what_was_before_it() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    store.put(&request("/a", "before")).await.unwrap();
    let wal = fs::read(directory.path().join("parameters.sqlite3-wal")).unwrap().len();
    store.put(&overwrite("/a", "after")).await.unwrap();
    let whole = fs::read(directory.path().join("parameters.sqlite3-wal")).unwrap();
    assert!(whole.len() > wal, "the second put is in the log");
    for length in (wal..whole.len()).step_by(511) {
        let copy = killed(directory.path());
        fs::write(copy.path().join("parameters.sqlite3-wal"), &whole[..length]).unwrap();
        let survivor = open(copy.path()).await;
        let read = survivor.get(&ParameterReference::newest(name("/a"))).await.unwrap();
        assert_eq!((read.version.get(), read.value.reveal()), (1, "before"), "cut at {length}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_at_once_lose_no_write() {
    const EACH: usize = 20;
    let directory = new_directory().await;
    let (one, two) = (open(directory.path()).await, open(directory.path()).await);
    let put = async |store: &parados_store::EmbeddedStore| {
        let mut versions = Vec::new();
        for _ in 0..EACH {
            versions.push(store.put(&overwrite("/a", "v")).await.unwrap().version.get());
            let seen = store.get(&ParameterReference::newest(name("/a"))).await.unwrap().version.get();
            assert!(seen >= *versions.last().unwrap(), "a read sees what was written before it");
        }
        versions
    };
    let (mut versions, more) = tokio::join!(put(&one), put(&two));
    versions.extend(more);
    let distinct: BTreeSet<i64> = versions.into_iter().collect();
    assert_eq!(distinct, (1..=2 * EACH as i64).collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn another_handle_sees_a_write_at_once() {
    let directory = new_directory().await;
    let (one, two) = (open(directory.path()).await, open(directory.path()).await);
    let newest = ParameterReference::newest(name("/a"));
    assert_eq!(two.get(&newest).await.unwrap_err().kind, StoreErrorKind::ParameterNotFound);
    one.put(&request("/a", "v")).await.unwrap();
    assert_eq!(two.get(&newest).await.unwrap().value.reveal(), "v");
    two.delete(&name("/a")).await.unwrap();
    assert_eq!(one.get(&newest).await.unwrap_err().kind, StoreErrorKind::ParameterNotFound);
}

#[tokio::test]
async fn a_bulk_put_happens_as_a_whole_or_not_at_all() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    let error = store.put_all(&[request("/a", "1"), request("/b", "2"), request("/a", "3")]).await.unwrap_err();
    assert_eq!((error.kind, error.subject.as_str()), (StoreErrorKind::ParameterAlreadyExists, "/a"));
    assert!(store.describe(&DescribeRequest::default()).await.unwrap().items.is_empty());

    let puts = [request("/a", "1"), request("/b", "2"), overwrite("/a", "3")];
    let versions: Vec<i64> = store.put_all(&puts).await.unwrap().iter().map(|outcome| outcome.version.get()).collect();
    assert_eq!(versions, [1, 1, 2]);
    let first =
        ParameterReference { name: name("/a"), at: Some(VersionReference::Version(parados_parameter::Version::FIRST)) };
    assert_eq!(store.get(&first).await.unwrap().value.reveal(), "1");
}

#[tokio::test]
async fn a_closed_store_leaves_one_file_with_everything() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    store.put(&request("/a", "v")).await.unwrap();
    store.close().await;
    assert!(!directory.path().join("parameters.sqlite3-wal").exists());
    let store = open(directory.path()).await;
    assert_eq!(store.get(&ParameterReference::newest(name("/a"))).await.unwrap().value.reveal(), "v");
}

/// Commits in the write-ahead log: its frames that say how large the database is then (SQLite, "WAL-mode file format").
fn commits(directory: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = fs::read(directory.join("parameters.sqlite3-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let frames = log[HEADER..].chunks_exact(FRAME_HEADER + page);
    frames.filter(|frame| frame[4..8] != [0; 4] && frame[8..16] == log[16..24]).count()
}

#[tokio::test]
async fn writes_at_once_share_a_commit_and_a_refusal_undoes_only_its_own() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    store.put(&request("/taken", "before")).await.unwrap();
    let before = commits(directory.path());
    let puts = (0..60).map(|number| match number % 3 {
        0 => request("/taken", "refused"),
        1 => overwrite("/shared", &number.to_string()),
        _ => request(&format!("/own/{number}"), &number.to_string()),
    });
    let puts: Vec<_> = puts.collect();
    let outcomes = futures::future::join_all(puts.iter().map(|put| store.put(put))).await;
    let shared = commits(directory.path()) - before;
    assert!((1..=6).contains(&shared), "{shared} commits for 60 puts");

    let mut versions = Vec::new();
    for (put, outcome) in puts.iter().zip(outcomes) {
        match put.name.as_str() {
            "/taken" => assert_eq!(outcome.unwrap_err().kind, StoreErrorKind::ParameterAlreadyExists),
            "/shared" => versions.push(outcome.unwrap().version.get()),
            _ => assert_eq!(outcome.unwrap().version.get(), 1),
        }
    }
    assert_eq!(versions, (1..=20).collect::<Vec<i64>>(), "in the order in which they were handed in");
    let copy = killed(directory.path());
    let survivor = open(copy.path()).await;
    assert_eq!(survivor.get(&ParameterReference::newest(name("/taken"))).await.unwrap().value.reveal(), "before");
    assert_eq!(survivor.get(&ParameterReference::newest(name("/shared"))).await.unwrap().value.reveal(), "58");
    let listed = survivor.describe(&DescribeRequest::default()).await.unwrap();
    assert_eq!(listed.items.len(), 22);
}

#[tokio::test]
async fn a_put_begins_with_what_the_writes_before_it_left() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    for name in ["/deleted", "/put"] {
        store.put(&request(name, "before")).await.unwrap();
    }
    let before = commits(directory.path());
    let (deleted, label) = (name("/deleted"), ["stays".to_owned()]);
    let (bystander, created, again) = (request("/b", "1"), request("deleted", "2"), overwrite("/deleted", "3"));
    let (over, refused, once_more) = (overwrite("/put", "4"), request("put", "5"), overwrite("put", "6"));
    let put = name("/put");
    let outcomes = tokio::join!(
        store.put(&bystander),
        store.delete(&deleted),
        store.put(&created),
        store.put(&again),
        store.put(&over),
        store.label(&put, None, &label),
        store.put(&refused),
        store.put(&once_more),
    );
    assert_eq!(commits(directory.path()) - before, 1, "all of them are handed in before one is done");
    let (bystander, deleted, created, again, over, label, refused, once_more) = outcomes;
    deleted.unwrap();
    let versions = [bystander, created, again, over, once_more].map(|outcome| outcome.unwrap().version.get());
    assert_eq!(versions, [1, 1, 2, 2, 3]);
    assert_eq!(label.unwrap().version.get(), 2);
    assert_eq!(refused.unwrap_err().kind, StoreErrorKind::ParameterAlreadyExists);
}

#[tokio::test]
async fn a_write_whose_caller_went_away_before_it_began_does_not_happen_and_the_store_goes_on() {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    let (first, second) = (overwrite("/a", "1"), overwrite("/a", "2"));
    {
        let mut abandoned = Box::pin(store.put(&first));
        assert!(futures::poll!(&mut abandoned).is_pending());
    }
    assert_eq!(store.put(&second).await.unwrap().version.get(), 1);
    store.close().await;
    assert_eq!(store.put(&second).await.unwrap_err().kind, StoreErrorKind::Storage);
}
