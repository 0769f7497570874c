//! What a change of the master key says of itself, whichever database it is in.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::database::DatabaseError;
use crate::failure::Failure;
use crate::open_error::OpenError;

/// How far a rekey is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyStep {
    /// The new key is kept; the database does not know of it.
    KeyKept,
    /// Every server was asked whether it has the new key, and is given this time to answer. Only in PostgreSQL.
    Asked {
        /// The time.
        wait: Duration,
    },
    /// Both keys are in use.
    Begun {
        /// Data keys under the old one.
        left: u64,
    },
    /// Some data keys were wrapped anew.
    Wrapped {
        /// How many, since this began.
        wrapped: u64,
    },
    /// The old key opens nothing any more.
    OldKeyForgotten,
    /// The new key's file has the place of the old one's.
    KeyReplaced,
}

/// What a rekey did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeyReport {
    /// Data keys that were wrapped anew.
    pub wrapped: u64,
    /// Data keys that did not open, and so are as they were: their parameters were unreadable before, too.
    pub damaged: u64,
    /// Whether nothing that was wrapped under the old key is left in the files. It is where another process goes on reading what was
    /// before; it goes when that ends and the store is closed. PostgreSQL keeps what was in its pages, its log and its backups for as long
    /// as it likes.
    pub nothing_is_left: bool,
}

/// A rekey that did not come to its end. Doing it again goes on with it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RekeyError {
    /// The database is thrown away at its end, with its key.
    #[error("a store that is thrown away has no master key to change")]
    ThrownAway,
    /// The key that is there does not open the data keys.
    #[error("the master key in {place} is not the one of this store's values; put the right one back first")]
    WrongMasterKey {
        /// The folder or the file that it is in.
        place: String,
    },
    /// The new key is the one in use.
    #[error("the new master key is the one that is in use already; name a file that is not there, and it is made")]
    SameKey,
    /// Servers that use the database do not have the new key, so nothing came under it.
    #[error(
        "not every server of this database has the new master key: put a copy of {} beside each one's own, and do this again ({})",
        staged.display(), servers.join("; ")
    )]
    NotHeld {
        /// Where each is, as the database sees it, and why it has none.
        servers: Vec<String>,
        /// The file of the new key.
        staged: PathBuf,
    },
    /// The new key could not be made, kept or read back.
    #[error(transparent)]
    Key(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RekeyError {
    /// What ended a rekey inside the database.
    pub(crate) fn of(failure: Failure) -> Self {
        Self::Database(failure.of_database("change the master key"))
    }
}
