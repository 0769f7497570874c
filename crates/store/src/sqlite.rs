//! The SQLite engine: a database in one file of this machine.

mod annotating;
mod changing;
mod database;
mod embedded;
mod engine;
mod feed;
mod keys;
mod listing;
mod migrate;
mod putting;
mod queue;
mod reading;
mod rekey;
mod row;
mod schema;
mod scratch;
mod seal_1;
mod store;
mod sweeping;

pub use database::{SqliteDatabase, SqliteDatabaseOptions};
pub use embedded::{EmbeddedStore, InitOptions, OpenOptions, ThrowAwayOptions};
pub use scratch::remove_abandoned;
