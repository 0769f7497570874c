//! Who can get at the files, and what is in them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use parados_parameter::reading::describe_all;
use parados_parameter::{
    ByPathRequest, HistoryRequest, ParameterReference, ParameterStore as _, ParameterType, PutRequest, Secret,
    StoreErrorKind, Tag,
};
use parados_store::{EmbeddedStore, InitOptions, MasterKeySource, OpenError, ParameterDatabase as _};
use testkit::Canary;

use crate::{name, new_directory, open, open_error, overwrite, reader, request};

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

/// Every cell of every table, as whoever has the files reads them.
async fn every_cell(directory: &Path) -> Vec<u8> {
    let mut connection = reader(directory).await;
    let mut cells = Vec::new();
    let tables = sqlx::query("SELECT name FROM sqlite_schema WHERE type = 'table'").fetch_all(&mut connection).await;
    for table in tables.unwrap() {
        let sql = format!("SELECT * FROM {}", sqlx::Row::get::<String, _>(&table, 0));
        for row in sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap() {
            for index in 0..sqlx::Row::len(&row) {
                cells.extend(sqlx::Row::get_unchecked::<Vec<u8>, _>(&row, index));
                cells.push(0);
            }
        }
    }
    cells
}

#[tokio::test]
async fn who_has_the_files_of_the_database_alone_has_no_value() {
    let mut canary = Canary::new();
    let directory = new_directory().await;
    let store = open(directory.path()).await;
    for number in 0..40 {
        let text = format!("/p/{number}");
        let tags = vec![Tag::parse("team=blue").unwrap()];
        let parameter_type = Some([ParameterType::SecureString, ParameterType::String][number % 2]);
        let put = PutRequest { parameter_type, tags, ..request(&text, &canary.plant(&format!("first {number}"))) };
        store.put(&put).await.unwrap();
        store.put(&overwrite(&text, &canary.plant(&format!("second {number}")))).await.unwrap();
        if number % 5 == 0 {
            store.delete(&name(&text)).await.unwrap();
        }
    }
    store.database().rekey(&MasterKeySource::File, &mut |_| {}).await.unwrap();
    store.put(&request("/late", &canary.plant("late"))).await.unwrap();
    let secret = store.database().seal_secret("access key", canary.plant("access key").as_bytes()).await.unwrap();

    // The disk is taken while the store is open: what is in the log and in the memory that is shared is on it, too.
    let stolen = tempfile::tempdir().unwrap();
    for file in ["parameters.sqlite3", "parameters.sqlite3-wal", "parameters.sqlite3-shm"] {
        fs::copy(directory.path().join(file), stolen.path().join(file)).unwrap();
    }
    assert!(fs::metadata(stolen.path().join("parameters.sqlite3-wal")).unwrap().len() > 0);
    canary.assert_absent_in_tree(stolen.path());
    canary.assert_absent(&every_cell(stolen.path()).await, "the cells of the database");
    canary.assert_absent(&secret, "a sealed secret");
    assert!(matches!(open_error(stolen.path()).await, OpenError::MasterKeyMissing { .. }));

    // With a key of one's own everything but the values is there.
    let own = new_directory().await;
    fs::copy(own.path().join("master.key"), stolen.path().join("master.key")).unwrap();
    let thief = open(stolen.path()).await;
    let listed = describe_all(&thief, &[]).await.unwrap();
    assert_eq!(listed.len(), 33);
    canary.assert_absent(format!("{listed:?}").as_bytes(), "a listing");
    for metadata in listed {
        let newest = ParameterReference::newest(metadata.name.clone());
        assert_eq!(thief.get(&newest).await.unwrap_err().kind, StoreErrorKind::Unreadable);
        let history = thief.history(&HistoryRequest::of(metadata.name)).await.unwrap_err();
        assert_eq!(history.kind, StoreErrorKind::Unreadable);
    }
    assert_eq!(thief.by_path(&ByPathRequest::recursive("/")).await.unwrap_err().kind, StoreErrorKind::Unreadable);
    let error = thief.database().open_secret("access key", &secret).await.unwrap_err();
    canary.assert_absent(format!("{error} {error:?}").as_bytes(), "an error");
}
