//! From schema 1 to schema 2: values that were sealed under the master key come under data keys, and parameters get a place.
//!
//! All of it is one transaction. A process that is killed leaves schema 1, and the next opening begins again; of two processes one does
//! it, and the other finds it done. A release of before finds columns of other names and a newer schema, so it neither reads nor writes.

use std::path::Path;
use std::sync::Arc;

use parados_parameter::{AccountRegion, ParameterName, Version};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::putting::{bind_version, insert_version, schedule};
use super::row::{self, metadata_columns};
use super::schema::{self, Durability};
use super::seal_1;
use crate::arn::{EMBEDDED_ACCOUNT, EMBEDDED_REGION};
use crate::failure::Failure;
use crate::open_error::OpenError;
use crate::seal::{DataKey, KeyOwner, MasterKey};

/// Parameters that are in memory at once.
const AT_ONCE: i64 = 500;

const SET_ASIDE: &[&str] = &[
    "DROP INDEX label_of_version",
    "ALTER TABLE store RENAME TO store_1",
    "ALTER TABLE parameter RENAME TO parameter_1",
    "ALTER TABLE version RENAME TO version_1",
    "ALTER TABLE label RENAME TO label_1",
    "ALTER TABLE tag RENAME TO tag_1",
];

const COPY: &[&str] = &[
    "INSERT INTO label (parameter, version, label) SELECT parameter, version, label FROM label_1",
    "INSERT INTO tag (parameter, key, value) SELECT parameter, key, value FROM tag_1",
];

/// Each gives a row where something was left behind, or does not belong to anything.
const CHECKS: &[&str] = &[
    "SELECT 1 FROM parameter_1 a LEFT JOIN parameter b ON b.id = a.id AND b.canonical = a.canonical WHERE b.id IS NULL",
    "SELECT 1 FROM version_1 a LEFT JOIN version b ON b.parameter = a.parameter AND b.version = a.version \
     WHERE b.version IS NULL",
    "SELECT 1 WHERE (SELECT count(*) FROM label_1) <> (SELECT count(*) FROM label)",
    "SELECT 1 WHERE (SELECT count(*) FROM tag_1) <> (SELECT count(*) FROM tag)",
    "PRAGMA foreign_key_check",
];

const DROP: &[&str] =
    &["DROP TABLE tag_1", "DROP TABLE label_1", "DROP TABLE version_1", "DROP TABLE parameter_1", "DROP TABLE store_1"];

const PARAMETERS: &str = "SELECT id, canonical, name, newest FROM parameter_1 WHERE id > ?1 ORDER BY id LIMIT ?2";

const VERSIONS: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", v.sealed FROM parameter_1 p JOIN version_1 v ON v.parameter = p.id WHERE p.id = ?1 ORDER BY v.version"
);

const INSERT_VERSION: &str = concat!(insert_version!(), "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");

/// Brings the database at `path` to this release's schema. One of `keys` must be its master key.
pub(super) async fn migrate(directory: &Path, path: &Path, keys: &[Arc<MasterKey>]) -> Result<(), OpenError> {
    let failed = |error| OpenError::database("bring to this release's schema", path)(error);
    // Tables that refer to one another are dropped; what refers to nothing is looked for before the end.
    let connection = schema::connection(path, Durability::Synced).foreign_keys(false);
    let mut connection = connection.connect().await.map_err(failed)?;
    let migrated = in_transaction(&mut connection, keys).await;
    if let Ok(true) = migrated {
        // The values as they were sealed are in the file until the log is brought into it.
        schema::empty_log(&mut connection).await.map_err(failed)?;
    }
    connection.close().await.map_err(failed)?;
    match migrated {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::MasterKeyOfAnother { directory: directory.to_owned() }),
        Err(failure) => {
            let message = failure.of_database("bring it to this release's schema").to_string();
            Err(OpenError::Damaged { path: path.to_owned(), message })
        }
    }
}

/// Whether the store is of this release's schema now; it is not where none of `keys` is its own.
async fn in_transaction(connection: &mut SqliteConnection, keys: &[Arc<MasterKey>]) -> Result<bool, Failure> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if schema::version(&mut transaction).await? >= schema::VERSION {
        return Ok(true);
    }
    let check = sqlx::query("SELECT key_check FROM store").fetch_one(&mut *transaction).await?;
    let check: &[u8] = check.try_get(0)?;
    let Some(key) = keys.iter().find(|key| seal_1::Seal::new(key).is_checked_by(check)) else { return Ok(false) };
    execute(&mut transaction, SET_ASIDE).await?;
    schema::make_tables(&mut transaction, key).await?;
    copy_parameters(&mut transaction, key).await?;
    execute(&mut transaction, COPY).await?;
    for check in CHECKS {
        if sqlx::query(*check).fetch_optional(&mut *transaction).await?.is_some() {
            return Err(Failure::damaged("parts of it belong to nothing; it stays as it was"));
        }
    }
    execute(&mut transaction, DROP).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn execute(connection: &mut SqliteConnection, statements: &[&'static str]) -> Result<(), sqlx::Error> {
    for statement in statements {
        sqlx::query(*statement).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn copy_parameters(connection: &mut SqliteConnection, key: &MasterKey) -> Result<(), Failure> {
    let at = AccountRegion::new(EMBEDDED_ACCOUNT, EMBEDDED_REGION).map_err(Failure::damaged)?;
    sqlx::query("INSERT INTO place (id, place) VALUES (1, ?1)").bind(at.to_string()).execute(&mut *connection).await?;
    let mut last = i64::MIN;
    loop {
        let rows = sqlx::query(PARAMETERS).bind(last).bind(AT_ONCE).fetch_all(&mut *connection).await?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = end.try_get(0)?;
        for row in &rows {
            copy_parameter(connection, key, &at, row).await?;
        }
    }
}

async fn copy_parameter(
    connection: &mut SqliteConnection,
    key: &MasterKey,
    at: &AccountRegion,
    row: &SqliteRow,
) -> Result<(), Failure> {
    let (id, canonical, newest): (i64, &str, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
    let name = ParameterName::observed(row.try_get::<&str, _>(2)?);
    let data_key = DataKey::generate();
    let insert = sqlx::query(
        "INSERT INTO parameter (id, place, canonical, name, newest, master_key, data_key) VALUES (?1, 1, ?2, ?3, ?4, 1, ?5)",
    );
    let wrapped = key.wrap(KeyOwner::Parameter(at, &name), &data_key);
    let insert = insert.bind(id).bind(canonical).bind(name.as_str()).bind(newest).bind(wrapped);
    insert.execute(&mut *connection).await?;
    let versions = sqlx::query(VERSIONS).bind(id).fetch_all(&mut *connection).await?;
    for version in &versions {
        let metadata = row::metadata(version, at)?;
        let sealed: &[u8] = version.try_get(row::EXTRA)?;
        let sealed = seal_again(key, &data_key, at, &name, metadata.version, sealed);
        let insert = bind_version(sqlx::query(INSERT_VERSION).bind(id), &metadata, sealed);
        insert.execute(&mut *connection).await?;
        if metadata.version.get() == newest && !metadata.policies.is_empty() {
            schedule(connection, id, &[], &metadata.policies, metadata.last_modified_date).await?;
        }
    }
    Ok(())
}

/// A value that did not open stays as it is, and goes on not to open.
fn seal_again(
    key: &MasterKey,
    data_key: &DataKey,
    at: &AccountRegion,
    name: &ParameterName,
    version: Version,
    sealed: &[u8],
) -> Vec<u8> {
    match seal_1::Seal::new(key).open(name, version, sealed) {
        Ok(value) => data_key.seal(at, name, version, &value),
        Err(_) => sealed.to_vec(),
    }
}
