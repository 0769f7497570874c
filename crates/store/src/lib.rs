//! The embedded [`ParameterStore`](parados_parameter::ParameterStore): SQLite in one file, values sealed at rest.
//!
//! A store is a directory of mode 0700 with these files of mode 0600:
//!
//! | file | what |
//! |---|---|
//! | `parameters.sqlite3` (`-wal`, `-shm`) | names, metadata, labels, tags, and each version's value, sealed under the parameter's data key, which is wrapped |
//! | `master.key` | the master key that data keys are wrapped under, or |
//! | `master.key.kms` | the master key, encrypted under a KMS key |
//! | `master.key.next`, `master.key.kms.next` | while a store gets a new master key: the new one |
//!
//! Past one machine it is [`PostgresDatabase`]: the same tables in a PostgreSQL database that any number of servers share, and the master key
//! in a file of each, with the next one beside it while it is changed.
//!
//! What is sealed is the values; names, descriptions and tags are readable to whoever can read the file. The crate owns
//! the file format, its durability and its permissions. It does not serve a network, and does not judge requests: the
//! rules of Parameter Store are `parados_parameter`'s.

mod arn;
mod change;
mod database;
mod due;
mod failure;
mod master_key;
mod open_error;
mod postgres;
mod private_file;
mod rekey;
mod row;
mod seal;
mod span;
mod sqlite;

pub use change::{Change, ChangeCursor, ChangeKind, ChangePage, ChangeWatch};
pub use database::{DatabaseError, ParameterDatabase, SweepReport};
pub use master_key::MasterKeySource;
pub use open_error::OpenError;
pub use sqlx::PgPool;

pub use postgres::{DatabaseUrl, PostgresDatabase, PostgresOpenError, PostgresOptions, PostgresStore};
pub use rekey::{RekeyError, RekeyReport, RekeyStep};
pub use sqlite::{
    EmbeddedStore, InitOptions, OpenOptions, SqliteDatabase, SqliteDatabaseOptions, ThrowAwayOptions, remove_abandoned,
};
