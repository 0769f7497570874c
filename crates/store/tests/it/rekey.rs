//! A new master key for a store that is in use.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parados_parameter::{
    DescribeRequest, KeyId, KeyManagement, ParameterReference, ParameterStore as _, StoreErrorKind,
};
use parados_store::{
    EmbeddedStore, MasterKeySource, OpenError, ParameterDatabase as _, RekeyError, RekeyReport, RekeyStep,
};
use tempfile::TempDir;

use crate::master_key::FakeKeyManagement;
use crate::{name, new_directory, open, options, overwrite, query, request};

const PARAMETERS: usize = 600;

async fn filled() -> TempDir {
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    let requests: Vec<_> =
        (0..PARAMETERS).map(|number| request(&format!("/p/{number}"), &number.to_string())).collect();
    store.put_all(&requests).await.unwrap();
    store.close().await;
    directory
}

async fn rekey(store: &EmbeddedStore, to: &MasterKeySource) -> Result<RekeyReport, RekeyError> {
    store.database().rekey(to, &mut |_| {}).await
}

async fn assert_whole(store: &EmbeddedStore) {
    for number in [0, 1, 249, 250, 251, PARAMETERS - 1] {
        let read = store.get(&ParameterReference::newest(name(&format!("/p/{number}")))).await.unwrap();
        assert_eq!(read.value.reveal(), number.to_string());
    }
}

/// The files as a process that was killed now would leave them.
fn copy(directory: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if !file.ends_with("-shm") {
            fs::copy(&path, copy.path().join(file)).unwrap();
        }
    }
    copy
}

fn files(directory: &Path) -> Vec<String> {
    let mut files: Vec<String> =
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| !file.starts_with("parameters"));
    files.sort();
    files
}

/// Each wrapped data key, as it is in the database now.
async fn wrapped(directory: &Path) -> Vec<Vec<u8>> {
    let mut connection = crate::reader(directory).await;
    let rows = sqlx::query("SELECT data_key FROM parameter UNION ALL SELECT data_key FROM store");
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| sqlx::Row::get(row, 0)).collect()
}

#[tokio::test]
async fn after_a_rekey_the_old_key_opens_nothing_and_nothing_of_it_is_left() {
    let directory = filled().await;
    let store = open(directory.path()).await;
    let secret = store.database().seal_secret("x", b"secret").await.unwrap();
    let old_key = fs::read(directory.path().join("master.key")).unwrap();
    let before = wrapped(directory.path()).await;
    let mut steps = Vec::new();
    let report = store.database().rekey(&MasterKeySource::File, &mut |step| steps.push(step)).await.unwrap();
    assert_eq!(report, RekeyReport { wrapped: PARAMETERS as u64, damaged: 0, nothing_is_left: true });
    let expected = [
        RekeyStep::KeyKept,
        RekeyStep::Begun { left: 600 },
        RekeyStep::Wrapped { wrapped: 250 },
        RekeyStep::Wrapped { wrapped: 500 },
        RekeyStep::Wrapped { wrapped: 600 },
        RekeyStep::OldKeyForgotten,
        RekeyStep::KeyReplaced,
    ];
    assert_eq!(steps, expected);
    assert_eq!(files(directory.path()), ["master.key"]);
    assert_eq!(fs::metadata(directory.path().join("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_whole(&store).await;
    assert_eq!(**store.database().open_secret("x", &secret).await.unwrap(), *b"secret");
    store.close().await;

    for file in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let left = before.iter().filter(|key| bytes.windows(key.len()).any(|window| window == key.as_slice())).count();
        assert_eq!(left, 0);
    }
    fs::write(directory.path().join("master.key"), old_key).unwrap();
    let store = open(directory.path()).await;
    assert!(!store.master_key_fits());
    let error = store.get(&ParameterReference::newest(name("/p/1"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unreadable);
    store.database().open_secret("x", &secret).await.unwrap_err();
    let error = rekey(&store, &MasterKeySource::File).await.unwrap_err();
    assert!(matches!(error, RekeyError::WrongMasterKey { .. }), "{error:?}");
    assert_eq!(files(directory.path()), ["master.key"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_read_and_write_while_it_runs() {
    let directory = filled().await;
    let (own, other) = (open(directory.path()).await, open(directory.path()).await);
    let (end, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let work = async {
        while !end.load(Ordering::Relaxed) {
            let round = rounds.load(Ordering::Relaxed);
            for (number, store) in [&own, &other].into_iter().enumerate() {
                let new = format!("/new/{round}/{number}");
                store.put(&request(&new, "v")).await.unwrap();
                store.put(&overwrite("/p/7", "7")).await.unwrap();
                assert_whole(store).await;
                store.get(&ParameterReference::newest(name(&new))).await.unwrap();
                store.delete(&name(&new)).await.unwrap();
            }
            rounds.fetch_add(1, Ordering::Relaxed);
        }
    };
    // Twice, and until the others came to something meanwhile.
    let change = async {
        let mut changes = 0;
        while changes < 2 || rounds.load(Ordering::Relaxed) < 2 {
            assert!(rekey(&own, &MasterKeySource::File).await.unwrap().wrapped >= 600);
            changes += 1;
        }
        end.store(true, Ordering::Relaxed);
        changes
    };
    let ((), changes) = tokio::join!(work, change);
    assert_whole(&other).await;
    other.put(&request("/last", "v")).await.unwrap();
    assert_eq!(query(directory.path(), "SELECT count(*) FROM master_key").await, 1);
    assert_eq!(query(directory.path(), "SELECT id FROM master_key").await, changes + 1);
    let under_another = "SELECT count(*) FROM parameter WHERE master_key NOT IN (SELECT id FROM master_key)";
    assert_eq!(query(directory.path(), under_another).await, 0);
}

#[tokio::test]
async fn a_rekey_that_is_killed_at_any_step_is_gone_on_with() {
    let elsewhere = tempfile::tempdir().unwrap();
    let kms: Arc<dyn KeyManagement> = Arc::new(FakeKeyManagement::default());
    let key = KeyId::parse("alias/parados").unwrap();
    let targets = [
        MasterKeySource::File,
        MasterKeySource::FileAt(elsewhere.path().join("new.key")),
        MasterKeySource::KeyManagement { service: kms.clone(), key },
    ];
    for to in targets {
        let directory = filled().await;
        let store = EmbeddedStore::open(options(directory.path(), Some(kms.clone()))).await.unwrap();
        let mut killed = Vec::new();
        let mut observer = |step| killed.push((step, copy_links(directory.path())));
        store.database().rekey(&to, &mut observer).await.unwrap();
        assert_eq!(killed.len(), 7);
        for (step, copy) in killed {
            let store = EmbeddedStore::open(options(copy.path(), Some(kms.clone()))).await.unwrap();
            assert!(store.master_key_fits(), "{step:?}");
            assert_whole(&store).await;
            store.put(&overwrite("/p/3", "3")).await.unwrap();
            store.put(&request("/during", "v")).await.unwrap();
            if step != RekeyStep::KeyReplaced {
                rekey(&store, &to).await.unwrap();
            }
            store.close().await;
            assert_eq!(files(copy.path()).len(), 1, "{step:?} {:?}", files(copy.path()));
            let store = EmbeddedStore::open(options(copy.path(), Some(kms.clone()))).await.unwrap();
            assert!(store.master_key_fits(), "{step:?}");
            assert_whole(&store).await;
            assert_eq!(query(copy.path(), "SELECT count(*) FROM master_key").await, 1, "{step:?}");
        }
    }
}

/// A [`copy`] that keeps links.
fn copy_links(directory: &Path) -> TempDir {
    let copied = copy(directory);
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if let Ok(target) = fs::read_link(&path) {
            let link = copied.path().join(path.file_name().unwrap());
            fs::remove_file(&link).unwrap();
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }
    copied
}

#[tokio::test]
async fn a_key_comes_under_kms_and_back_into_a_file_of_its_own() {
    let (directory, elsewhere) = (filled().await, tempfile::tempdir().unwrap());
    let kms: Arc<dyn KeyManagement> = Arc::new(FakeKeyManagement::default());
    let to = MasterKeySource::KeyManagement { service: kms.clone(), key: KeyId::parse("alias/parados").unwrap() };
    let plain = open(directory.path()).await;
    let other = open(directory.path()).await;
    rekey(&plain, &to).await.unwrap();
    assert_eq!(files(directory.path()), ["master.key.kms"]);
    assert_whole(&plain).await;
    let error = other.get(&ParameterReference::newest(name("/p/1"))).await.unwrap_err();
    assert!(error.kind == StoreErrorKind::Storage && error.message.contains("start it again"), "{error}");

    let wrapped = EmbeddedStore::open(options(directory.path(), Some(kms))).await.unwrap();
    let file: PathBuf = elsewhere.path().join("parados.key");
    rekey(&wrapped, &MasterKeySource::FileAt(file.clone())).await.unwrap();
    assert_eq!(files(directory.path()), ["master.key"]);
    assert_eq!(fs::read_link(directory.path().join("master.key")).unwrap(), file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_whole(&open(directory.path()).await).await;

    let error = rekey(&wrapped, &MasterKeySource::FileAt(file.clone())).await.unwrap_err();
    assert!(matches!(error, RekeyError::SameKey), "{error:?}");
    fs::remove_file(&file).unwrap();
    let error = crate::open_error(directory.path()).await;
    assert!(matches!(error, OpenError::MasterKeyMissing { .. }), "{error:?}");
}

#[tokio::test]
async fn a_rekey_that_cannot_keep_its_key_changes_nothing_and_two_are_not_mixed() {
    let directory = filled().await;
    let store = open(directory.path()).await;
    let refusing = Arc::new(FakeKeyManagement { refuses: true, ..FakeKeyManagement::default() });
    let key = KeyId::parse("alias/parados").unwrap();
    let error =
        rekey(&store, &MasterKeySource::KeyManagement { service: refusing, key: key.clone() }).await.unwrap_err();
    assert!(matches!(error, RekeyError::Key(OpenError::KeyManagement { .. })), "{error:?}");
    assert_eq!(files(directory.path()), ["master.key"]);

    let mut copied = None;
    let mut observer = |step| {
        if let RekeyStep::Begun { .. } = step {
            copied = Some(copy(directory.path()));
        }
    };
    store.database().rekey(&MasterKeySource::File, &mut observer).await.unwrap();
    let begun = copied.unwrap();
    let store = open(begun.path()).await;
    let kms = Arc::new(FakeKeyManagement::default());
    let error = rekey(&store, &MasterKeySource::KeyManagement { service: kms, key }).await.unwrap_err();
    assert!(matches!(error, RekeyError::Key(OpenError::RekeyUnderWay { .. })), "{error:?}");
    rekey(&store, &MasterKeySource::File).await.unwrap();
    assert_whole(&store).await;
}

#[tokio::test]
async fn a_damaged_data_key_stops_nothing() {
    let directory = filled().await;
    crate::tamper(directory.path(), "UPDATE parameter SET data_key = x'00' WHERE name = '/p/5'").await;
    let store = open(directory.path()).await;
    let report = rekey(&store, &MasterKeySource::File).await.unwrap();
    assert_eq!((report.wrapped, report.damaged), (599, 1));
    let error = store.get(&ParameterReference::newest(name("/p/5"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unreadable);
    assert_whole(&store).await;
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items.len(), 50);
}
