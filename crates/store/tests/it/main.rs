//! The embedded store, from outside: the contract, its files, and what survives.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod conformance;
mod damage;
mod database;
mod durability;
mod files;
mod master_key;
mod migration;
mod postgres;
mod rekey;
mod throw_away;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::clock::ManualClock;
use parados_parameter::{KeyManagement, ParameterName, PutRequest, Secret};
use parados_store::{EmbeddedStore, InitOptions, OpenError, OpenOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
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

/// A connection of another process.
async fn reader(directory: &Path) -> SqliteConnection {
    let file = SqliteConnectOptions::new().filename(directory.join("parameters.sqlite3")).foreign_keys(false);
    let mut connection = file.connect().await.unwrap();
    sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&mut connection).await.unwrap();
    connection
}

/// Changes the database behind the store's back.
async fn tamper(directory: &Path, sql: &'static str) {
    let mut connection = reader(directory).await;
    sqlx::query(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The number that a query gives.
async fn query(directory: &Path, sql: &'static str) -> i64 {
    let mut connection = reader(directory).await;
    let number = sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0);
    connection.close().await.unwrap();
    number
}
