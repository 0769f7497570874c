//! The PostgreSQL engine, from outside: the contract, what several servers see of each other, and how a database is opened.

mod changes;
mod conformance;
mod open;
mod rekey;
mod several;

use std::path::Path;
use std::sync::Arc;

use parados_parameter::{AccountRegion, SystemClock};
use parados_store::{MasterKeySource, PostgresDatabase, PostgresOpenError, PostgresOptions};
use tempfile::TempDir;
use testkit::Postgres;

/// A server with one database, and the folder with its master key's file.
struct Home {
    postgres: Postgres,
    url: String,
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let postgres = Postgres::start();
        let url = postgres.new_database();
        Self { postgres, url, folder: tempfile::tempdir().unwrap() }
    }

    fn key(&self) -> std::path::PathBuf {
        self.folder.path().join("key")
    }

    async fn open(&self) -> PostgresDatabase {
        try_open(&self.url, &self.key(), true).await.unwrap()
    }
}

async fn try_open(url: &str, key: &Path, create: bool) -> Result<PostgresDatabase, PostgresOpenError> {
    let options = PostgresOptions {
        create: create.then_some(MasterKeySource::File),
        ..PostgresOptions::new(url.parse().unwrap(), key, Arc::new(SystemClock))
    };
    PostgresDatabase::open(options).await
}

fn place(number: usize) -> AccountRegion {
    AccountRegion::new(&format!("{number:012}"), "eu-west-1").unwrap()
}
