//! Stores of an earlier schema, kept as they were written, and what they say when this release has opened them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use parados_parameter::reading::describe_all;
use parados_parameter::{
    AllowedPattern, DataType, Description, HistoryEntry, HistoryRequest, KeyId, ParameterMetadata, ParameterReference,
    ParameterStore as _, ParameterType, Policy, PutRequest, StoreErrorKind, Tag, TierRequest,
};
use parados_store::{EmbeddedStore, OpenError};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::{name, new_directory, open, open_error, overwrite, query, reader, request, tamper};

/// What the golden stores hold: everything that a parameter can have. The stores were filled by this, through the release whose schema they are of.
async fn fill(store: &EmbeddedStore) {
    let policies = r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2031-01-02T03:04:05.000Z"}},
        {"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}},
        {"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Hours"}}]"#;
    let first = PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::parse("alias/shop").unwrap()),
        description: Some(Description::parse("Of the shop's database").unwrap()),
        allowed_pattern: Some(AllowedPattern::parse("^[a-z ]+$").unwrap()),
        tags: vec![Tag::parse("team=blue").unwrap(), Tag::parse("stage=dev").unwrap()],
        tier: Some(TierRequest::Advanced),
        policies: Some(Policy::parse_list(policies).unwrap()),
        ..request("/shop/dev/db/password", "first secret")
    };
    store.put(&first).await.unwrap();
    for value in ["second secret", "third secret"] {
        store.put(&overwrite("/shop/dev/db/password", value)).await.unwrap();
    }
    store.label(&name("/shop/dev/db/password"), None, &["current".into(), "tested".into()]).await.unwrap();
    let oldest = parados_parameter::Version::FIRST;
    store.label(&name("/shop/dev/db/password"), Some(oldest), &["oldest".into()]).await.unwrap();
    let image = PutRequest {
        data_type: Some(DataType::parse("aws:ec2:image").unwrap()),
        ..request("image", "ami-0123456789abcdef0")
    };
    store.put(&image).await.unwrap();
    let list = PutRequest { parameter_type: Some(ParameterType::StringList), ..request("/shop/dev/hosts", "a,b,c") };
    store.put(&list).await.unwrap();
    store.put(&request("/shop/dev/gone", "deleted")).await.unwrap();
    store.delete(&name("/shop/dev/gone")).await.unwrap();
    store.put(&request("/shop/dev/again", "before")).await.unwrap();
    store.delete(&name("/shop/dev/again")).await.unwrap();
    store.put(&request("/shop/dev/again", "after")).await.unwrap();
    store.put(&request("/shop/many", "version 1")).await.unwrap();
    for version in 2..=105 {
        store.put(&overwrite("/shop/many", &format!("version {version}"))).await.unwrap();
    }
}

/// A copy of the golden store of schema 1, with the modes that its files have where they are in use.
fn golden() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["master.key", "parameters.sqlite3"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/schema-1").join(file);
        let copy = directory.path().join(file);
        fs::copy(golden, &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

/// Everything that a store says.
async fn everything(store: &EmbeddedStore) -> (Vec<ParameterMetadata>, Vec<HistoryEntry>) {
    let listed = describe_all(store, &[]).await.unwrap();
    let mut history = Vec::new();
    for metadata in &listed {
        let mut request = HistoryRequest::of(metadata.name.clone());
        loop {
            let page = store.history(&request).await.unwrap();
            history.extend(page.items);
            request.next_token = page.next_token;
            if request.next_token.is_none() {
                break;
            }
        }
    }
    (listed, history)
}

async fn schema_version(directory: &Path) -> i64 {
    query(directory, "SELECT user_version FROM pragma_user_version").await
}

#[tokio::test]
async fn a_store_of_schema_1_says_what_it_said() {
    let (old, new) = (golden(), new_directory().await);
    assert_eq!(schema_version(old.path()).await, 1);
    let expected = open(new.path()).await;
    fill(&expected).await;
    let migrated = open(old.path()).await;
    assert_eq!(everything(&migrated).await, everything(&expected).await);
    assert_eq!(schema_version(old.path()).await, 2);
    let newest = ParameterReference::newest(name("/shop/dev/db/password"));
    let read = migrated.get(&newest).await.unwrap();
    assert_eq!((read.version.get(), read.value.reveal()), (3, "third secret"));
    assert_eq!(query(old.path(), "SELECT count(*) FROM due").await, 3, "its policies are in the calendar");

    migrated.put(&overwrite("/shop/dev/db/password", "fourth secret")).await.unwrap();
    migrated.delete(&name("/shop/many")).await.unwrap();
    migrated.close().await;
    let again = open(old.path()).await;
    assert_eq!(again.get(&newest).await.unwrap().value.reveal(), "fourth secret");
}

#[tokio::test]
async fn nothing_sealed_the_old_way_is_left() {
    let directory = golden();
    let mut sealed = Vec::new();
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.path().join("parameters.sqlite3"));
    let mut connection = sqlx::ConnectOptions::connect(&file).await.unwrap();
    for row in sqlx::query("SELECT sealed FROM version").fetch_all(&mut connection).await.unwrap() {
        sealed.push(sqlx::Row::get::<Vec<u8>, _>(&row, 0));
    }
    sqlx::Connection::close(connection).await.unwrap();
    assert_eq!(sealed.len(), 106);
    let holds = |bytes: &[u8]| sealed.iter().filter(|sealed| memmem(bytes, sealed)).count();
    assert_eq!(holds(&fs::read(directory.path().join("parameters.sqlite3")).unwrap()), 106);

    let store = open(directory.path()).await;
    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(holds(&fs::read(&path).unwrap()), 0, "{}", path.display());
    }
    drop(store);
}

fn memmem(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_migration_that_is_killed_anywhere_begins_again() {
    let directory = golden();
    // The log of a whole migration, of which a kill leaves any beginning.
    let whole = golden();
    let mut keep = reader(whole.path()).await;
    let mut keep = keep.begin().await.unwrap();
    sqlx::query("SELECT * FROM store").execute(&mut *keep).await.unwrap();
    drop(open(whole.path()).await);
    let log = fs::read(whole.path().join("parameters.sqlite3-wal")).unwrap();
    drop(keep);
    assert!(log.len() > 50_000, "{}", log.len());
    let (mut old, mut new) = (0, 0);
    for length in (0..=log.len()).step_by(log.len() / 40) {
        fs::write(directory.path().join("parameters.sqlite3-wal"), &log[..length]).unwrap();
        match schema_version(directory.path()).await {
            1 => old += 1,
            _ => new += 1,
        }
        let fresh = golden();
        fs::write(fresh.path().join("parameters.sqlite3-wal"), &log[..length]).unwrap();
        let store = open(fresh.path()).await;
        let newest = ParameterReference::newest(name("/shop/many"));
        assert_eq!(store.get(&newest).await.unwrap().value.reveal(), "version 105", "cut at {length}");
        fs::copy(golden().path().join("parameters.sqlite3"), directory.path().join("parameters.sqlite3")).unwrap();
        for file in ["parameters.sqlite3-wal", "parameters.sqlite3-shm"] {
            drop(fs::remove_file(directory.path().join(file)));
        }
    }
    assert!(old >= 39 && new <= 2, "{old} {new}: all of it is one commit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_open_at_once_one_migrates() {
    let directory = golden();
    let (one, two) = tokio::join!(open(directory.path()), open(directory.path()));
    assert_eq!(everything(&one).await, everything(&two).await);
    assert_eq!(query(directory.path(), "SELECT count(*) FROM parameter").await, 5);
}

#[tokio::test]
async fn a_store_of_schema_1_with_another_s_key_is_refused_and_left_alone() {
    let (directory, other) = (golden(), new_directory().await);
    fs::copy(other.path().join("master.key"), directory.path().join("master.key")).unwrap();
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::MasterKeyOfAnother { .. }), "{error:?}");
    assert_eq!(schema_version(directory.path()).await, 1);
}

#[tokio::test]
async fn a_value_that_did_not_open_does_not_open_afterwards_and_the_others_do() {
    let directory = golden();
    tamper(
        directory.path(),
        "UPDATE version SET sealed = x'00' WHERE parameter = (SELECT id FROM parameter WHERE name = 'image')",
    )
    .await;
    let store = open(directory.path()).await;
    let error = store.get(&ParameterReference::newest(name("image"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unreadable);
    assert_eq!(store.get(&ParameterReference::newest(name("/shop/dev/hosts"))).await.unwrap().value.reveal(), "a,b,c");
}

#[tokio::test]
async fn a_store_that_is_not_whole_stays_as_it_was() {
    let directory = golden();
    tamper(directory.path(), "INSERT INTO tag (parameter, key, value) VALUES (999, 'of', 'nothing')").await;
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::Damaged { .. }) && error.to_string().contains("stays as it was"), "{error:?}");
    assert_eq!(schema_version(directory.path()).await, 1);
}

#[tokio::test]
async fn a_release_of_before_neither_reads_nor_writes_it() {
    let directory = golden();
    let mut before = reader(directory.path()).await;
    drop(open(directory.path()).await);
    for statement in [
        "SELECT v.sealed FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest",
        "INSERT INTO parameter (canonical, name, newest) VALUES ('x', 'x', 1)",
        "INSERT INTO version (parameter, version, type, tier, data_type, modified_at, sealed) VALUES (1, 9, '', '', '', 0, x'')",
    ] {
        sqlx::query(statement).execute(&mut before).await.unwrap_err();
    }
}
