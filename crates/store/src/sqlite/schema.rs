//! The tables, and how a database of them is made, recognised and connected to.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::open_error::OpenError;

/// The schema version that this release writes, `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 1;
/// What tells a store from another SQLite database, `PRAGMA application_id`: "PRDS".
const APPLICATION_ID: i64 = 0x5052_4453;
/// How long a connection waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of the write-ahead log is kept once it is in the file.
const LOG_BYTES: &str = "4194304";

/// Times are milliseconds since 1970, as AWS keeps them. `sealed` comes last in its row, so that reading metadata does not read values.
const TABLES: &[&str] = &[
    "CREATE TABLE store (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        key_check BLOB NOT NULL
    ) STRICT",
    "CREATE TABLE parameter (
        id INTEGER PRIMARY KEY,
        canonical TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        newest INTEGER NOT NULL,
        FOREIGN KEY (id, newest) REFERENCES version (parameter, version) DEFERRABLE INITIALLY DEFERRED
    ) STRICT",
    "CREATE TABLE version (
        parameter INTEGER NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        version INTEGER NOT NULL CHECK (version > 0),
        type TEXT NOT NULL,
        tier TEXT NOT NULL,
        data_type TEXT NOT NULL,
        key_id TEXT,
        modified_at INTEGER NOT NULL,
        modified_by TEXT,
        description TEXT,
        allowed_pattern TEXT,
        policies TEXT,
        sealed BLOB NOT NULL,
        UNIQUE (parameter, version)
    ) STRICT",
    "CREATE TABLE label (
        parameter INTEGER NOT NULL,
        version INTEGER NOT NULL,
        label TEXT NOT NULL,
        PRIMARY KEY (parameter, label),
        FOREIGN KEY (parameter, version) REFERENCES version (parameter, version) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX label_of_version ON label (parameter, version)",
    "CREATE TABLE tag (
        parameter INTEGER NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (parameter, key)
    ) STRICT, WITHOUT ROWID",
];

/// What becomes of a commit when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It is on the disk before it is acknowledged.
    Synced,
    /// It is lost, and so may the whole database be.
    Unsynced,
}

/// How to connect to a database that is there.
pub(crate) fn connection(path: &Path, durability: Durability) -> SqliteConnectOptions {
    let synchronous = match durability {
        Durability::Synced => SqliteSynchronous::Full,
        Durability::Unsynced => SqliteSynchronous::Off,
    };
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .synchronous(synchronous)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", LOG_BYTES)
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// Makes the tables in the empty file `path`, and leaves nothing beside it.
pub(crate) async fn create(path: &Path, durability: Durability, key_check: &[u8]) -> Result<(), sqlx::Error> {
    let mut connection = connection(path, durability).journal_mode(SqliteJournalMode::Wal).connect().await?;
    let created = fill(&mut connection, key_check).await;
    connection.close().await?;
    created
}

async fn fill(connection: &mut SqliteConnection, key_check: &[u8]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for table in TABLES {
        sqlx::query(*table).execute(&mut *transaction).await?;
    }
    sqlx::query("INSERT INTO store (only, key_check) VALUES (1, ?1)")
        .bind(key_check)
        .execute(&mut *transaction)
        .await?;
    set(&mut transaction, "application_id", APPLICATION_ID).await?;
    set(&mut transaction, "user_version", VERSION).await?;
    transaction.commit().await
}

/// Refuses a database that is not a store, or one of a newer release; gives the store's key check.
pub(crate) async fn recognise(connection: &mut SqliteConnection, path: &Path) -> Result<Vec<u8>, OpenError> {
    let failed = unrecognised("read", path);
    if get(connection, "SELECT application_id FROM pragma_application_id").await.map_err(&failed)? != APPLICATION_ID {
        return Err(OpenError::NotAStore { path: path.to_owned() });
    }
    let found = get(connection, "SELECT user_version FROM pragma_user_version").await.map_err(&failed)?;
    if found > VERSION {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: VERSION });
    }
    let row = sqlx::query("SELECT key_check FROM store").fetch_one(connection).await.map_err(&failed)?;
    row.try_get(0).map_err(&failed)
}

/// What an error of SQLite says of a file that is being opened.
pub(crate) fn unrecognised(operation: &'static str, path: &Path) -> impl Fn(sqlx::Error) -> OpenError {
    move |error| match error.as_database_error().and_then(|error| error.code()).as_deref() {
        // SQLITE_NOTADB
        Some("26") => OpenError::NotAStore { path: path.to_owned() },
        _ => OpenError::database(operation, path)(error),
    }
}

async fn set(connection: &mut SqliteConnection, pragma: &str, value: i64) -> Result<(), sqlx::Error> {
    let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma} = {value}"));
    sqlx::query(sql).execute(connection).await.map(drop)
}

async fn get(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}
