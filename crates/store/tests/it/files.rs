//! Who can get at the files, and what is in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use parados_parameter::{ParameterStore as _, ParameterType, PutRequest, Secret, Tag};
use parados_store::{EmbeddedStore, InitOptions, OpenError};
use testkit::Canary;

use crate::{name, new_directory, open, open_error, overwrite, request};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn nobody_else_can_get_at_any_file() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("deep/store");
    EmbeddedStore::init(&InitOptions::new(&directory)).await.unwrap();
    let store = open(&directory).await;
    store.put(&request("/a", "v")).await.unwrap();
    assert_eq!(mode(&directory), 0o700);
    let mut files: Vec<(String, u32)> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), mode(&path)))
        .collect();
    files.sort();
    let expected = ["master.key", "parameters.sqlite3", "parameters.sqlite3-shm", "parameters.sqlite3-wal"];
    assert_eq!(files, expected.map(|file| (file.to_owned(), 0o600)), "these files and no others");
}

#[rstest::rstest]
#[case("master.key")]
#[case("parameters.sqlite3")]
#[tokio::test]
async fn a_file_that_others_can_read_is_refused(#[case] file: &str) {
    let directory = new_directory().await;
    let path = directory.path().join(file);
    for open_mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(open_mode)).unwrap();
        let error = open_error(directory.path()).await;
        assert!(matches!(error, OpenError::PermissionsTooOpen { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(&format!("chmod 600 '{}'", path.display())), "{message}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    open(directory.path()).await;
}

#[tokio::test]
async fn a_second_init_changes_nothing() {
    let directory = new_directory().await;
    let key = fs::read(directory.path().join("master.key")).unwrap();
    let error = EmbeddedStore::init(&InitOptions::new(directory.path())).await.unwrap_err();
    assert!(matches!(error, OpenError::AlreadyInitialised { .. }), "{error:?}");
    assert_eq!(fs::read(directory.path().join("master.key")).unwrap(), key);
}

#[tokio::test]
async fn an_interrupted_init_can_be_repeated() {
    let directory = new_directory().await;
    let key = fs::read(directory.path().join("master.key")).unwrap();
    fs::remove_file(directory.path().join("parameters.sqlite3")).unwrap();
    EmbeddedStore::init(&InitOptions::new(directory.path())).await.unwrap();
    assert_eq!(fs::read(directory.path().join("master.key")).unwrap(), key, "a key that is there is never replaced");
    assert!(open(directory.path()).await.master_key_fits());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_inits_at_once_one_makes_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let options = InitOptions::new(directory.path());
    let (one, two) = tokio::join!(EmbeddedStore::init(&options), EmbeddedStore::init(&options));
    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    for outcome in [one, two] {
        assert!(matches!(outcome, Ok(()) | Err(OpenError::AlreadyInitialised { .. })), "{outcome:?}");
    }
    assert!(open(directory.path()).await.master_key_fits());
}

#[tokio::test]
async fn no_value_is_in_any_file_or_error() {
    let mut canary = Canary::new();
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    let secure = PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        tags: vec![Tag::parse("team=blue").unwrap()],
        ..request("/secure", &canary.plant("secure"))
    };
    store.put(&secure).await.unwrap();
    store.put(&request("/plain", &canary.plant("plain"))).await.unwrap();
    store.put(&overwrite("/plain", &canary.plant("overwritten"))).await.unwrap();
    store.put(&request("/deleted", &canary.plant("deleted"))).await.unwrap();
    store.delete(&name("/deleted")).await.unwrap();
    let large = canary.plant("large").repeat(100);
    store.put_all(&[request("/bulk", &canary.plant("bulk")), request("/large", &large)]).await.unwrap();
    let refused = [
        request("/plain", &canary.plant("exists")),
        PutRequest { value: Secret::new(canary.plant("too large").repeat(300)), ..request("/new", "") },
        request("/new", &format!("{{{{{}}}}}", canary.plant("braces"))),
    ];
    for request in refused {
        let error = store.put(&request).await.unwrap_err();
        canary.assert_absent(format!("{error} {error:?} {request:?}").as_bytes(), "an error");
    }
    canary.assert_absent(format!("{store:?}").as_bytes(), "the store's Debug");
    canary.assert_absent_in_tree(directory.path());
    store.close().await;
    canary.assert_absent_in_tree(directory.path());
}
