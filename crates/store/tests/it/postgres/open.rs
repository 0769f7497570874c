//! How a database is made ready and opened, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use parados_parameter::{ParameterReference, ParameterType, PutRequest, SystemClock};
use parados_store::{ParameterDatabase as _, PostgresDatabase, PostgresOpenError, PostgresOptions};
use testkit::Canary;

use super::{Home, place, try_open};
use crate::{name, overwrite, request};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_servers_may_start_at_once_on_an_empty_database() {
    let home = Home::new();
    let key = home.key();
    let starts = (0..8).map(|_| {
        let (url, key) = (home.url.clone(), key.clone());
        tokio::spawn(async move { try_open(&url, &key, true).await })
    });
    let mut opened = Vec::new();
    for start in starts.collect::<Vec<_>>() {
        opened.push(start.await.unwrap().unwrap());
    }
    opened[0].store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    for database in &opened {
        let read = database.store(&place(1), "tester").get(&ParameterReference::newest(name("/a"))).await.unwrap();
        assert_eq!(read.value.reveal(), "v");
    }
    assert_eq!(home.postgres.psql("test_0", "SELECT count(*) FROM master_key"), "1\n");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_server_on_another_machine_makes_no_key_of_its_own() {
    let home = Home::new();
    home.open().await;
    let elsewhere = home.folder.path().join("elsewhere");
    let error = try_open(&home.url, &elsewhere, true).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::MasterKeyMissing { .. }) && !elsewhere.exists(), "{error:?}");
    let other = Home::new();
    other.open().await;
    let error = try_open(&home.url, &other.key(), true).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::MasterKeyOfAnother { .. }), "{error:?}");
    fs::copy(home.key(), &elsewhere).unwrap();
    try_open(&home.url, &elsewhere, false).await.unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o640)).unwrap();
    let error = try_open(&home.url, &elsewhere, false).await.unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
}

#[tokio::test]
async fn only_init_and_serve_make_a_store() {
    let home = Home::new();
    let error = try_open(&home.url, &home.key(), false).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::NotInitialised { .. }) && !home.key().exists(), "{error:?}");
    let options = || PostgresOptions::new(home.url.parse().unwrap(), home.key(), Arc::new(SystemClock));
    PostgresDatabase::init(options()).await.unwrap();
    try_open(&home.url, &home.key(), false).await.unwrap();
    let key = fs::read(home.key()).unwrap();
    let error = PostgresDatabase::init(options()).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::AlreadyInitialised { .. }), "{error:?}");
    assert_eq!(fs::read(home.key()).unwrap(), key);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone_in_postgresql() {
    let home = Home::new();
    home.open().await;
    home.postgres.psql("test_0", "UPDATE store SET schema_version = schema_version + 1");
    let error = try_open(&home.url, &home.key(), true).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::NewerSchema { found: 3, known: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("use a newer release"), "{error}");
    assert_eq!(home.postgres.psql("test_0", "SELECT schema_version FROM store"), "3\n");
}

#[tokio::test]
async fn a_database_of_schema_1_is_brought_to_this_one() {
    let home = Home::new();
    home.open().await.store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    let undone = "DROP TABLE next_master_key; DROP TABLE key_holder; UPDATE store SET schema_version = 1";
    home.postgres.psql("test_0", undone);
    let database = home.open().await;
    let to = parados_store::MasterKeySource::File;
    assert_eq!(database.rekey(&to, std::time::Duration::ZERO, &mut |_| {}).await.unwrap().wrapped, 1);
    let read = database.store(&place(1), "tester").get(&ParameterReference::newest(name("/a"))).await.unwrap();
    assert_eq!(read.value.reveal(), "v");
    assert_eq!(home.postgres.psql("test_0", "SELECT schema_version FROM store"), "2\n");
}

#[tokio::test]
async fn what_cannot_hold_a_store_is_refused_with_the_reason() {
    let home = Home::new();
    home.postgres.psql("test_0", "CREATE TABLE store (street text)");
    let error = try_open(&home.url, &home.key(), true).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::NotAStore { .. }), "{error:?}");

    home.postgres.psql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let error = try_open(&home.postgres.url("latin"), &home.key(), true).await.unwrap_err();
    assert!(error.to_string().contains("ENCODING 'UTF8'"), "{error}");

    let error = try_open(&home.postgres.url("nowhere"), &home.key(), true).await.unwrap_err();
    assert!(error.to_string().contains("\"nowhere\" does not exist"), "{error}");

    let url = home.postgres.new_database();
    home.postgres.kill();
    fs::write(home.postgres.data().join("standby.signal"), "").unwrap();
    home.postgres.restart();
    let error = try_open(&url, &home.key(), true).await.unwrap_err();
    assert!(error.to_string().contains("a standby"), "{error}");
    assert!(!home.key().exists());
}

#[tokio::test]
async fn a_password_is_in_no_error() {
    let home = Home::new();
    home.postgres.psql("postgres", "CREATE ROLE ada LOGIN PASSWORD 'right'");
    let port = home.postgres.listen("host all all 127.0.0.1/32 scram-sha-256", None);
    for (url, expected) in [
        (format!("postgres://ada:hunter2@127.0.0.1:{port}/test_0"), "password authentication failed"),
        (format!("postgres://ada:hunter2@127.0.0.1:{port}/test_0?sslmode=require"), "TLS"),
        ("postgres://ada:hunter2@127.0.0.1:1/test_0".to_owned(), "connection"),
    ] {
        let error = try_open(&url, &home.key(), true).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2") && said.contains(expected), "{said}");
        assert!(said.contains("ada@127.0.0.1"), "{said}");
    }
    let error =
        try_open(&format!("postgres://ada:right@127.0.0.1:{port}/test_0"), &home.key(), true).await.unwrap_err();
    assert!(error.to_string().contains("permission denied for schema public"), "{error}");
}

#[tokio::test]
async fn a_connection_is_as_safe_as_its_sslmode_says() {
    let home = Home::new();
    let folder = home.folder.path();
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    let mut openssl = testkit::tool("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]);
    let made = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (certificate_text, key_text) = (fs::read_to_string(&certificate).unwrap(), fs::read_to_string(&key).unwrap());
    let port = home.postgres.listen("hostssl all all 127.0.0.1/32 trust", Some((&certificate_text, &key_text)));
    let url = |host: &str, rest: &str| format!("postgres://postgres@{host}:{port}/test_0?{rest}");
    let root = format!("sslrootcert={}", certificate.display());

    let database =
        try_open(&url("localhost", &format!("sslmode=verify-full&{root}")), &home.key(), true).await.unwrap();
    database.store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    database.close().await;
    try_open(&url("localhost", "sslmode=require"), &home.key(), true).await.unwrap();
    for refused in [
        url("127.0.0.1", &format!("sslmode=verify-full&{root}")),
        url("localhost", "sslmode=verify-full"),
        url("localhost", "sslmode=disable"),
    ] {
        let error = try_open(&refused, &home.key(), true).await.unwrap_err();
        assert!(matches!(error, PostgresOpenError::Database { .. }), "{refused}: {error:?}");
    }
}

#[tokio::test]
async fn a_thief_of_the_cluster_s_files_has_no_value() {
    let mut canary = Canary::new();
    let home = Home::new();
    let database = home.open().await;
    let store = database.store(&place(1), "tester");
    let secure =
        PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("/secure", &canary.plant("secure")) };
    store.put(&secure).await.unwrap();
    store.put(&request("/plain", &canary.plant("plain"))).await.unwrap();
    store.put(&overwrite("/plain", &canary.plant("overwritten"))).await.unwrap();
    store.put(&request("/deleted", &canary.plant("deleted"))).await.unwrap();
    store.delete(&name("/deleted")).await.unwrap();
    let sealed = database.seal_secret("access key 1", canary.plant("server's").as_bytes()).await.unwrap();
    canary.assert_absent(&sealed, "a sealed secret");
    let opened = database.open_secret("access key 1", &sealed).await.unwrap();
    assert!(database.open_secret("access key 2", &sealed).await.is_err() && !opened.is_empty());
    let error = store.put(&request("/plain", &canary.plant("exists"))).await.unwrap_err();
    canary.assert_absent(format!("{error} {error:?} {database:?} {store:?}").as_bytes(), "an error or a Debug");
    // What is not in the files yet gets there.
    home.postgres.psql("test_0", "CHECKPOINT");
    canary.assert_absent_in_tree(&home.postgres.data());
    canary.assert_absent(home.postgres.log().as_bytes(), "the server's log");
}
