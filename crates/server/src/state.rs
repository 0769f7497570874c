//! What the server keeps beside the parameters: a database of its own tables, in SQLite or in PostgreSQL.
//!
//! This module owns how it is opened and brought up to date. The tables belong to those who use them, each a `Component` with a schema
//! version of its own. The same statements, with `$1` for a parameter, are given to either; where the two differ, the one who owns the
//! table writes both.

mod component;

use std::fs::File;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use thiserror::Error;

pub(crate) use component::Component;

/// The file beside the parameters' database.
pub const STATE_FILE: &str = "server.sqlite3";

/// How long a connection waits for another process that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How large a write-ahead log may stay when nobody needs it.
const LOG_BYTES: &str = "4194304";
/// Most connections to PostgreSQL that are held for this.
const MAX_CONNECTIONS: u32 = 4;

/// The server's own tables could not be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file is not to be trusted: others can read or change it.
    #[error("{} is open to others (mode {mode:04o}); run: chmod 600 '{}'", path.display(), path.display())]
    PermissionsTooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file could not be made or looked at.
    #[error("cannot open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The tables are of a newer release.
    #[error(
        "the server's {component} tables have schema version {found}; this release knows {known}: use a newer release of parados"
    )]
    NewerSchema {
        /// Whose tables.
        component: &'static str,
        /// Their version.
        found: i64,
        /// The newest that this release knows.
        known: i64,
    },
    /// The database failed.
    #[error("cannot {operation}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// The database's words.
        source: sqlx::Error,
    },
}

impl StateError {
    /// A failed operation on the database.
    pub(crate) fn database(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { operation, source }
    }
}

/// The server's own database. Cloning it is cheap and shares its connections.
#[derive(Clone, Debug)]
pub enum ServerState {
    /// [`STATE_FILE`], beside the parameters' database.
    Sqlite(SqlitePool),
    /// Tables named `server_…` in the parameters' database.
    Postgres(PgPool),
}

/// Runs the same code on whichever pool it is.
macro_rules! on_pool {
    ($state:expr, $pool:ident => $body:expr) => {
        match $state {
            $crate::state::ServerState::Sqlite($pool) => $body,
            $crate::state::ServerState::Postgres($pool) => $body,
        }
    };
}
pub(crate) use on_pool;

impl ServerState {
    /// Opens the file in the store's `directory`, and makes it, with mode 0600, if it is not there.
    ///
    /// # Errors
    /// It is open to others, cannot be made, or is no database.
    pub async fn open(directory: &Path) -> Result<Self, StateError> {
        let path = directory.join(STATE_FILE);
        let failed = |source| StateError::File { path: path.clone(), source };
        match File::options().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let mode = std::fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StateError::PermissionsTooOpen { path, mode });
        }
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", LOG_BYTES)
            .pragma("temp_store", "MEMORY")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            // A file does not go away between two calls, and asking costs as much as a statement.
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(StateError::database("open the server's own database"))?;
        Ok(Self::Sqlite(pool))
    }

    /// Connects to the PostgreSQL database of a URL as `postgres://user@host/database`.
    ///
    /// # Errors
    /// The URL is none, or nobody answers.
    pub async fn connect(url: &str) -> Result<Self, StateError> {
        let failed = StateError::database("connect to the server's own tables");
        let options: PgConnectOptions = url.parse().map_err(&failed)?;
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .connect_with(options.disable_statement_logging())
            .await
            .map_err(&failed)?;
        Ok(Self::Postgres(pool))
    }

    /// Ends its connections.
    pub async fn close(&self) {
        on_pool!(self, pool => pool.close().await);
    }
}

#[cfg(test)]
mod tests;
