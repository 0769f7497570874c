//! The SQLite engine: a database in one file of this machine.

mod annotating;
mod embedded;
mod listing;
mod putting;
mod reading;
mod row;
mod schema;
mod scratch;
mod seal_1;

pub use embedded::{EmbeddedStore, InitOptions, OpenOptions, ThrowAwayOptions};
pub use scratch::remove_abandoned;
