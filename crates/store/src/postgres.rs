//! The PostgreSQL engine: a database that any number of servers share, none of which holds state.

mod annotating;
mod changing;
mod connection;
mod database;
mod error;
mod feed;
mod holding;
mod keys;
mod listing;
mod open_error;
mod putting;
mod reading;
mod rekey;
mod row;
mod schema;
mod store;
mod sweeping;
#[cfg(test)]
mod tests;
mod url;

pub use database::{PostgresDatabase, PostgresOptions};
pub use open_error::PostgresOpenError;
pub use store::PostgresStore;
pub use url::DatabaseUrl;

pub(crate) use error::failure;
