//! The tables, and how a database of them is made, recognised and connected to.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::open_error::OpenError;
use crate::seal::{DataKey, KeyOwner, MasterKey};

/// The schema version that this release writes, `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 2;
/// What tells a store from another SQLite database, `PRAGMA application_id`: "PRDS".
const APPLICATION_ID: i64 = 0x5052_4453;
/// How long a connection waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of the write-ahead log is kept once it is in the file.
const LOG_BYTES: &str = "4194304";
/// The number of a new database's master key.
const FIRST_MASTER_KEY: i64 = 1;

/// Times are milliseconds since 1970, as AWS keeps them. `sealed_value` comes last in its row, so that reading metadata does not read
/// values.
const TABLES: &[&str] = &[
    "CREATE TABLE master_key (
        id INTEGER PRIMARY KEY,
        key_check BLOB NOT NULL
    ) STRICT",
    "CREATE TABLE store (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        master_key INTEGER NOT NULL REFERENCES master_key (id),
        data_key BLOB NOT NULL
    ) STRICT",
    "CREATE TABLE place (
        id INTEGER PRIMARY KEY,
        place TEXT NOT NULL UNIQUE
    ) STRICT",
    "CREATE TABLE parameter (
        id INTEGER PRIMARY KEY,
        place INTEGER NOT NULL REFERENCES place (id),
        canonical TEXT NOT NULL,
        name TEXT NOT NULL,
        newest INTEGER NOT NULL,
        master_key INTEGER NOT NULL REFERENCES master_key (id),
        data_key BLOB NOT NULL,
        UNIQUE (place, canonical),
        FOREIGN KEY (id, newest) REFERENCES version (parameter, version) DEFERRABLE INITIALLY DEFERRED
    ) STRICT",
    "CREATE INDEX parameter_of_master_key ON parameter (master_key)",
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
        sealed_value BLOB NOT NULL,
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
    "CREATE TABLE due (
        parameter INTEGER NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (parameter, position)
    ) STRICT, WITHOUT ROWID",
    "CREATE INDEX due_at ON due (at)",
    "CREATE TABLE change (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        place INTEGER NOT NULL REFERENCES place (id),
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        type TEXT NOT NULL,
        version INTEGER NOT NULL,
        labels TEXT,
        user TEXT
    ) STRICT",
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
        .pragma("secure_delete", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

/// Makes the tables in the empty file `path`, and leaves nothing beside it.
pub(crate) async fn create(path: &Path, durability: Durability, key: &MasterKey) -> Result<(), sqlx::Error> {
    let mut connection = connection(path, durability).journal_mode(SqliteJournalMode::Wal).connect().await?;
    let created = fill(&mut connection, key).await;
    connection.close().await?;
    created
}

async fn fill(connection: &mut SqliteConnection, key: &MasterKey) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    make_tables(&mut transaction, key).await?;
    set(&mut transaction, "application_id", APPLICATION_ID).await?;
    transaction.commit().await
}

/// Makes the tables, and a data key of the database's own under `key`, in the transaction of its caller.
pub(super) async fn make_tables(connection: &mut SqliteConnection, key: &MasterKey) -> Result<(), sqlx::Error> {
    for table in TABLES {
        sqlx::query(*table).execute(&mut *connection).await?;
    }
    let insert = sqlx::query("INSERT INTO master_key (id, key_check) VALUES (?1, ?2)");
    insert.bind(FIRST_MASTER_KEY).bind(key.key_check()).execute(&mut *connection).await?;
    let insert = sqlx::query("INSERT INTO store (only, master_key, data_key) VALUES (1, ?1, ?2)");
    let wrapped = key.wrap(KeyOwner::Database, &DataKey::generate());
    insert.bind(FIRST_MASTER_KEY).bind(wrapped).execute(&mut *connection).await?;
    set(connection, "user_version", VERSION).await
}

/// Brings all of the log into the file and leaves none of it; whether it was so. It is not where somebody goes on reading what was before.
pub(super) async fn empty_log(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    const PATIENCE_MILLISECONDS: i64 = 500;
    set(connection, "busy_timeout", PATIENCE_MILLISECONDS).await?;
    let busy =
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await?.try_get::<i64, _>(0)?;
    set(connection, "busy_timeout", i64::try_from(BUSY_TIMEOUT.as_millis()).unwrap_or(i64::MAX)).await?;
    Ok(busy == 0)
}

/// The schema version of a store of this release or an earlier one; refuses a database that is no store, or of a newer release.
pub(crate) async fn recognise(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    let failed = unrecognised("read", path);
    if get(connection, "SELECT application_id FROM pragma_application_id").await.map_err(&failed)? != APPLICATION_ID {
        return Err(OpenError::NotAStore { path: path.to_owned() });
    }
    let found = version(connection).await.map_err(&failed)?;
    if found > VERSION {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: VERSION });
    }
    Ok(found)
}

/// The schema version.
pub(super) async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    get(connection, "SELECT user_version FROM pragma_user_version").await
}

/// The master keys that the database knows: the number and the check of each.
pub(super) async fn key_checks(connection: &mut SqliteConnection) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, key_check FROM master_key ORDER BY id").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
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
