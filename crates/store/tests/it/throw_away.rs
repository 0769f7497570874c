//! Stores that are gone at their end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parados_parameter::conformance::{self, Capabilities};
use parados_parameter::{ParameterReference, ParameterStore as _, SharedStore, SystemClock};
use parados_store::{EmbeddedStore, OpenError, ThrowAwayOptions, remove_abandoned};
use testkit::Canary;

use crate::{name, request};

async fn throw_away(folder: &Path) -> EmbeddedStore {
    let options = ThrowAwayOptions { folder: folder.to_owned(), clock: Arc::new(SystemClock), user: "tester".into() };
    EmbeddedStore::throw_away(options).await.unwrap()
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_throw_away_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    let make = async || {
        let store: SharedStore =
            Arc::new(throw_away(&folder.path().join(made.fetch_add(1, Ordering::Relaxed).to_string())).await);
        store
    };
    conformance::run(make, Capabilities::all()).await;
}

#[tokio::test]
async fn a_throw_away_store_leaves_nothing_and_holds_no_key() {
    let mut canary = Canary::new();
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("drills");
    let store = throw_away(&folder).await;
    store.put(&request("/a", &canary.plant("scratch"))).await.unwrap();
    let mode = fs::metadata(store.directory()).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o700);
    let files = fs::read_dir(store.directory()).unwrap();
    let mut files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["parameters.sqlite3", "parameters.sqlite3-shm", "parameters.sqlite3-wal"], "no master key");
    canary.assert_absent_in_tree(&folder);
    store.close().await;
    drop(store);
    assert_eq!(entries(&folder), 0);

    drop(throw_away(&folder).await);
    assert_eq!(entries(&folder), 0, "also when it was not closed");
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_and_what_is_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(remove_abandoned(&folder.path().join("none")).unwrap(), Vec::<std::path::PathBuf>::new());
    let store = throw_away(folder.path()).await;
    store.put(&request("/a", "v")).await.unwrap();
    let left = folder.path().join("scratch-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("parameters.sqlite3"), "x").unwrap();
    let foreign = folder.path().join("evidence");
    fs::create_dir(&foreign).unwrap();
    fs::write(folder.path().join("scratch-file"), "x").unwrap();

    assert_eq!(remove_abandoned(folder.path()).unwrap(), [left]);
    assert_eq!(entries(folder.path()), 3);
    assert_eq!(store.get(&ParameterReference::newest(name("/a"))).await.unwrap().value.reveal(), "v");
}

#[tokio::test]
async fn a_folder_that_others_can_read_takes_no_throw_away_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("something"), "x").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let options =
        ThrowAwayOptions { folder: folder.path().to_owned(), clock: Arc::new(SystemClock), user: "tester".into() };
    let error = EmbeddedStore::throw_away(options).await.unwrap_err();
    assert!(matches!(error, OpenError::PermissionsTooOpen { .. }), "{error:?}");
}
