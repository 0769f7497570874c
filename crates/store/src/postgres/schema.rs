//! The tables, and how a database gets them: version by version, at start, by one process at a time.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use super::error;
use super::open_error::PostgresOpenError;
use super::url::DatabaseUrl;

/// The schema version that this release writes.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;
/// The advisory lock that is held while a database is looked at and migrated: "PRDS", and what it is for. It is in another space than those of
/// names, which are one number.
const LOCK: (i32, i32) = (0x5052_4453, 1);
/// The oldest release that is known to do: transaction ids of 64 bits are of PostgreSQL 13.
const OLDEST_SERVER: i32 = 130_000;

/// What brings a database from each version to the next. What was released is never changed.
///
/// Times are milliseconds since 1970, as AWS keeps them. Texts are compared byte by byte, so that an order is the same everywhere.
const MIGRATIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE master_key (
        id bigint PRIMARY KEY,
        key_check bytea NOT NULL
    )",
        "CREATE TABLE store (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        product text NOT NULL CHECK (product = 'parados'),
        schema_version bigint NOT NULL,
        master_key bigint REFERENCES master_key (id),
        data_key bytea,
        forgotten_transaction xid8 NOT NULL DEFAULT '0',
        forgotten_number bigint NOT NULL DEFAULT 0
    )",
        "INSERT INTO store (product, schema_version) VALUES ('parados', 0)",
        "CREATE TABLE parameter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        account text COLLATE \"C\" NOT NULL,
        region text COLLATE \"C\" NOT NULL,
        canonical text COLLATE \"C\" NOT NULL,
        name text COLLATE \"C\" NOT NULL,
        newest bigint NOT NULL,
        master_key bigint NOT NULL REFERENCES master_key (id),
        data_key bytea NOT NULL,
        UNIQUE (account, region, canonical)
    )",
        "CREATE INDEX parameter_of_master_key ON parameter (master_key)",
        "CREATE TABLE version (
        parameter bigint NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        version bigint NOT NULL CHECK (version > 0),
        type text NOT NULL,
        tier text NOT NULL,
        data_type text NOT NULL,
        key_id text,
        modified_at bigint NOT NULL,
        modified_by text,
        description text,
        allowed_pattern text,
        policies text,
        sealed_value bytea NOT NULL,
        PRIMARY KEY (parameter, version)
    )",
        "ALTER TABLE parameter ADD FOREIGN KEY (id, newest) REFERENCES version (parameter, version) DEFERRABLE INITIALLY DEFERRED",
        "CREATE TABLE label (
        parameter bigint NOT NULL,
        version bigint NOT NULL,
        label text COLLATE \"C\" NOT NULL,
        PRIMARY KEY (parameter, label),
        FOREIGN KEY (parameter, version) REFERENCES version (parameter, version) ON DELETE CASCADE
    )",
        "CREATE INDEX label_of_version ON label (parameter, version)",
        "CREATE TABLE tag (
        parameter bigint NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        key text COLLATE \"C\" NOT NULL,
        value text NOT NULL,
        PRIMARY KEY (parameter, key)
    )",
        "CREATE TABLE due (
        parameter bigint NOT NULL REFERENCES parameter (id) ON DELETE CASCADE,
        position bigint NOT NULL,
        kind text NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (parameter, position)
    )",
        "CREATE INDEX due_at ON due (at)",
        "CREATE TABLE change (
        transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
        number bigint GENERATED ALWAYS AS IDENTITY,
        at bigint NOT NULL,
        account text NOT NULL,
        region text NOT NULL,
        name text NOT NULL,
        kind text NOT NULL,
        type text NOT NULL,
        version bigint NOT NULL,
        labels text,
        by text,
        PRIMARY KEY (transaction, number)
    )",
    ],
    &[
        "CREATE TABLE next_master_key (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        key_check bytea NOT NULL
    )",
        "CREATE TABLE key_holder (
        server text PRIMARY KEY,
        place text NOT NULL,
        key_check bytea NOT NULL,
        lacking text
    )",
    ],
];

/// Brings the database to this release's schema, where it is not there yet: an empty database gets all of it.
///
/// Any number of processes may do this at once: they wait for one another, and one does it. `may_create` is whether an empty database
/// becomes a store.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    url: &DatabaseUrl,
    may_create: bool,
) -> Result<(), PostgresOpenError> {
    let failed = PostgresOpenError::failed("migrate", url);
    check_server(connection, url).await?;
    let mut transaction = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(&failed)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(LOCK.0).bind(LOCK.1);
    lock.execute(&mut *transaction).await.map_err(&failed)?;
    let found = version(&mut transaction, url).await?;
    if found == 0 && !may_create {
        return Err(PostgresOpenError::NotInitialised { database: url.to_string() });
    }
    if found > VERSION {
        return Err(PostgresOpenError::NewerSchema { database: url.to_string(), found, known: VERSION });
    }
    let behind = usize::try_from(found).unwrap_or(usize::MAX);
    for statements in MIGRATIONS.iter().skip(behind) {
        for statement in *statements {
            sqlx::query(*statement).persistent(false).execute(&mut *transaction).await.map_err(&failed)?;
        }
    }
    if found < VERSION {
        let update = sqlx::query("UPDATE store SET schema_version = $1").bind(VERSION);
        update.execute(&mut *transaction).await.map_err(&failed)?;
    }
    settle_restored_changes(&mut transaction).await.map_err(&failed)?;
    transaction.commit().await.map_err(failed)
}

/// Refuses a server that cannot do what the schema needs.
async fn check_server(connection: &mut PgConnection, url: &DatabaseUrl) -> Result<(), PostgresOpenError> {
    let facts = sqlx::query(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery()",
    );
    let facts = facts.fetch_one(connection).await.map_err(PostgresOpenError::failed("read", url))?;
    let read = || Ok::<(i32, String, bool), sqlx::Error>((facts.try_get(0)?, facts.try_get(1)?, facts.try_get(2)?));
    let (version, encoding, is_standby) = read().map_err(PostgresOpenError::failed("read", url))?;
    let reason = if version < OLDEST_SERVER {
        format!("its PostgreSQL is of version {}, and 13 or newer is needed", version / 10_000)
    } else if encoding != "UTF8" {
        format!(
            "its encoding is {encoding}, and has to be UTF8: make it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    } else if is_standby {
        "its server is a standby, which takes no writes: name the primary".to_owned()
    } else {
        return Ok(());
    };
    Err(PostgresOpenError::Unsuitable { database: url.to_string(), reason })
}

/// The schema version of a store; 0 where there is none.
async fn version(connection: &mut PgConnection, url: &DatabaseUrl) -> Result<i64, PostgresOpenError> {
    let failed = PostgresOpenError::failed("read", url);
    let found = sqlx::query("SELECT to_regclass('store') IS NOT NULL").fetch_one(&mut *connection).await;
    if !found.and_then(|row| row.try_get::<bool, _>(0)).map_err(&failed)? {
        return Ok(0);
    }
    // Of a newer release nothing is known but these two columns.
    let row =
        sqlx::query("SELECT schema_version FROM store WHERE product = 'parados'").fetch_optional(connection).await;
    match row {
        Ok(Some(row)) => row.try_get(0).map_err(failed),
        Ok(None) => Err(PostgresOpenError::NotAStore { database: url.to_string() }),
        // No such column: another's table.
        Err(error) if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42703")) => {
            Err(PostgresOpenError::NotAStore { database: url.to_string() })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Changes that came with a dump from another cluster bear that one's transaction ids, which this one may not have reached: they would not
/// be settled for a long time. They become the oldest.
async fn settle_restored_changes(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // 3 is the first transaction that any cluster has.
    let update = "UPDATE change SET transaction = '1' WHERE transaction >= pg_snapshot_xmax(pg_current_snapshot())";
    let restored = sqlx::query(update).execute(&mut *connection).await?.rows_affected();
    if restored > 0 {
        let forget = "UPDATE store SET forgotten_transaction = '0', forgotten_number = 0 \
             WHERE forgotten_transaction >= pg_snapshot_xmax(pg_current_snapshot())";
        sqlx::query(forget).execute(connection).await?;
    }
    Ok(())
}

/// The master keys that the database knows: the number and the check of each.
pub(super) async fn key_checks(connection: &mut PgConnection) -> Result<Vec<(i64, Vec<u8>)>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, key_check FROM master_key ORDER BY id").fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Whether the database is a store with a master key, which is the last thing that a new one gets.
pub(super) async fn has_master_key(
    connection: &mut PgConnection,
    url: &DatabaseUrl,
) -> Result<bool, PostgresOpenError> {
    if version(connection, url).await? == 0 {
        return Ok(false);
    }
    let checks = key_checks(connection).await.map_err(PostgresOpenError::failed("read", url))?;
    Ok(!checks.is_empty())
}

/// Whether a row could not go because of one that refers to it, or not come because what it refers to is gone.
pub(super) fn is_referred_to(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// Keeps others from giving a database a master key, until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(LOCK.0).bind(LOCK.1);
    lock.execute(connection).await.map(drop)
}

impl PostgresOpenError {
    /// A failed operation on the database.
    pub(super) fn failed(operation: &'static str, url: &DatabaseUrl) -> impl Fn(sqlx::Error) -> Self {
        let database = url.to_string();
        move |error| Self::Database { operation, database: database.clone(), message: error::words(&error) }
    }
}
