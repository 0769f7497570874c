//! The embedded store, from outside: the contract, its files, and what survives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conformance;
mod damage;
mod durability;
mod files;
mod master_key;
mod throw_away;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::clock::ManualClock;
use parados_parameter::{KeyManagement, ParameterName, PutRequest, Secret};
use parados_store::{EmbeddedStore, InitOptions, OpenError, OpenOptions};
use tempfile::TempDir;

/// A directory with an empty store whose master key is a file.
async fn new_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    EmbeddedStore::init(&InitOptions::new(directory.path())).await.unwrap();
    directory
}

fn options(directory: &Path, key_management: Option<Arc<dyn KeyManagement>>) -> OpenOptions {
    let now: Timestamp = "2025-10-15T12:00:45.760Z".parse().unwrap();
    OpenOptions {
        directory: directory.to_owned(),
        key_management,
        clock: Arc::new(ManualClock::at(now)),
        user: "tester".into(),
    }
}

async fn open(directory: &Path) -> EmbeddedStore {
    EmbeddedStore::open(options(directory, None)).await.unwrap()
}

async fn open_error(directory: &Path) -> OpenError {
    EmbeddedStore::open(options(directory, None)).await.unwrap_err()
}

fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

fn request(text: &str, value: &str) -> PutRequest {
    PutRequest::new(name(text), Secret::new(value))
}

fn overwrite(text: &str, value: &str) -> PutRequest {
    PutRequest { overwrite: true, ..request(text, value) }
}

/// Changes the database behind the store's back.
async fn tamper(directory: &Path, sql: &'static str) {
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.join("parameters.sqlite3"));
    let mut connection = sqlx::ConnectOptions::connect(&file).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}
