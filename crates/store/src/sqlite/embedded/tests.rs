//! What needs the store's own connections.

use async_trait::async_trait;
use parados_parameter::{
    DescribeRequest, ParameterReference, ParameterStore as _, Secret, StoreErrorKind, SystemClock,
};
use sqlx::sqlite::{SqliteExecutor, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;

use super::*;
use crate::failure::Failure;
use crate::sqlite::queue::{Work, Writing};
use crate::sqlite::{annotating, changing, database, listing, putting, reading, rekey, sweeping};

async fn new_store() -> (TempDir, EmbeddedStore) {
    let directory = tempfile::tempdir().unwrap();
    EmbeddedStore::init(&InitOptions::new(directory.path())).await.unwrap();
    let options = OpenOptions {
        directory: directory.path().to_owned(),
        key_management: None,
        clock: Arc::new(SystemClock),
        user: "tester".into(),
    };
    let store = EmbeddedStore::open(options).await.unwrap();
    (directory, store)
}

fn request(name: &str, value: &str) -> PutRequest {
    PutRequest { overwrite: true, ..PutRequest::new(ParameterName::parse(name).unwrap(), Secret::new(value)) }
}

async fn pragma(connection: impl SqliteExecutor<'_>, text: &str) -> String {
    let row = sqlx::query(AssertSqlSafe(format!("PRAGMA {text}"))).fetch_one(connection).await.unwrap();
    row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string())).unwrap()
}

/// A pragma on the connection that writes.
struct Pragma(String);

#[async_trait]
impl Work for Pragma {
    type Outcome = String;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<String, Failure> {
        Ok(pragma(&mut *writing.connection, &self.0).await)
    }
}

async fn writer_pragma(store: &EmbeddedStore, text: &str) -> String {
    store.database.0.write(Pragma(text.to_owned())).await.unwrap()
}

#[tokio::test]
async fn connections_are_durable() {
    let (_directory, store) = new_store().await;
    for (text, expected) in
        [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("busy_timeout", "30000")]
    {
        assert_eq!(writer_pragma(&store, text).await, expected, "{text} of the writer");
        assert_eq!(pragma(store.database.0.readers(), text).await, expected, "{text} of a reader");
    }
    assert_eq!(pragma(store.database.0.readers(), "query_only").await, "1");
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_the_storage_and_changes_nothing() {
    let (_directory, store) = new_store().await;
    store.put(&request("/a", "before")).await.unwrap();
    let pages: u32 = writer_pragma(&store, "page_count").await.parse().unwrap();
    writer_pragma(&store, &format!("max_page_count = {}", pages + 1)).await;
    let bulk: Vec<_> = (0..20).map(|n| request(&format!("/bulk/{n}"), &"x".repeat(4000))).collect();
    let error = store.put_all(&bulk).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Storage);
    assert!(error.message.contains("full"), "{error}");
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items.len(), 1);

    writer_pragma(&store, "max_page_count = 1000000").await;
    store.put_all(&bulk).await.unwrap();
    let newest = ParameterReference::newest(ParameterName::parse("/a").unwrap());
    assert_eq!(store.get(&newest).await.unwrap().value.reveal(), "before");
}

#[tokio::test]
async fn a_writer_that_does_not_end_makes_others_fail_and_reads_go_on() {
    let (_directory, store) = new_store().await;
    store.put(&request("/a", "before")).await.unwrap();
    let other = SqlitePoolOptions::new()
        .connect_lazy_with(schema::connection(&store.directory().join(DATABASE_FILE), Durability::Synced));
    writer_pragma(&store, "busy_timeout = 1").await;
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(store.put(&request("/a", "after")).await.unwrap_err().kind, StoreErrorKind::TooManyUpdates);
    let newest = ParameterReference::newest(ParameterName::parse("/a").unwrap());
    assert_eq!(store.get(&newest).await.unwrap().value.reveal(), "before");
    held.rollback().await.unwrap();
    store.put(&request("/a", "after")).await.unwrap();
}

#[tokio::test]
async fn every_query_goes_by_an_index() {
    let (_directory, store) = new_store().await;
    let queries = [
        annotating::QUERIES,
        changing::QUERIES,
        database::QUERIES,
        listing::QUERIES,
        putting::QUERIES,
        reading::QUERIES,
        rekey::QUERIES,
        sweeping::QUERIES,
    ];
    for sql in queries.concat() {
        let plan =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(store.database.0.readers()).await;
        for row in plan.unwrap() {
            let step: String = row.try_get("detail").unwrap();
            // The last has a row for each table that numbers its rows, which is one.
            let is_cheap = !step.starts_with("SCAN")
                || ["SCAN json_each", "SCAN sqlite_sequence"].iter().any(|ok| step.starts_with(ok));
            assert!(is_cheap && !step.contains("TEMP B-TREE"), "{step} in {sql}");
        }
    }
}
