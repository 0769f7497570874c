//! What needs the engine's own queries and connections.

use std::sync::Arc;

use parados_parameter::{
    AccountRegion, ParameterName, ParameterReference, ParameterStore as _, PutRequest, Secret, StoreErrorKind,
    SystemClock,
};
use sqlx::{AssertSqlSafe, Row as _};
use tempfile::TempDir;
use testkit::Postgres;

use super::*;
use crate::database::ParameterDatabase as _;
use crate::master_key::MasterKeySource;

/// A store in a new database, with so many connections.
async fn open(postgres: &Postgres, connections: u32) -> (TempDir, PostgresDatabase, PostgresStore) {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.new_database().parse().unwrap();
    let options = PostgresOptions {
        create: Some(MasterKeySource::File),
        connections,
        ..PostgresOptions::new(url, folder.path().join("key"), Arc::new(SystemClock))
    };
    let database = PostgresDatabase::open(options).await.unwrap();
    let at = AccountRegion::new("123456789012", "eu-west-1").unwrap();
    let store = database.postgres_store(&at, "tester");
    (folder, database, store)
}

fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

fn request(text: &str, value: &str) -> PutRequest {
    PutRequest { overwrite: true, ..PutRequest::new(name(text), Secret::new(value)) }
}

#[tokio::test]
async fn every_read_goes_by_an_index() {
    let postgres = Postgres::start();
    let (_folder, _database, store) = open(&postgres, 4).await;
    let mut connection = store.engine.pool.acquire().await.unwrap();
    // A plan for any values, which a small table would not be worth.
    for setting in ["enable_seqscan = off", "enable_bitmapscan = off", "plan_cache_mode = force_generic_plan"] {
        sqlx::raw_sql(AssertSqlSafe(format!("SET {setting}"))).execute(&mut *connection).await.unwrap();
    }
    let queries = [
        listing::QUERIES,
        reading::QUERIES,
        putting::QUERIES,
        annotating::QUERIES,
        sweeping::QUERIES,
        rekey::QUERIES,
        changing::QUERIES,
        feed::QUERIES,
        database::QUERIES,
    ];
    for (number, (sql, types)) in queries.into_iter().flatten().enumerate() {
        let nulls = vec!["NULL"; types.split(", ").filter(|one| !one.is_empty()).count()].join(", ");
        let (types, nulls) = match nulls.is_empty() {
            true => (String::new(), String::new()),
            false => (format!("({types})"), format!("({nulls})")),
        };
        let prepare = format!("PREPARE q{number} {types} AS {sql}");
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE q{number}{nulls}");
        let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut *connection).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.try_get(0).unwrap()).collect();
        let plan = plan.join("\n");
        // The table of master keys and that of the store have a row or two.
        let scans = plan.replace("Seq Scan on store", "").replace("Seq Scan on master_key", "");
        assert!(!scans.contains("Seq Scan"), "{sql}\n{plan}");
        // Nor is an index gone through whole: but for its first row, where that begins a search.
        let index_scans = plan.matches("Index Scan").count() + plan.matches("Index Only Scan").count();
        let without = index_scans - plan.matches("Index Cond").count();
        assert!(without <= usize::from(sql.contains("WITH RECURSIVE place")), "{sql}\n{plan}");
        // What is put in order is of one parameter, or a page that comes in order already.
        let sorts = plan.matches("Sort\n").count() + plan.matches("Sort  ").count();
        let allowed = usize::from(sql.contains("ORDER BY v.version LIMIT") || sql.contains("ORDER BY c.transaction"));
        assert!(sorts <= allowed, "{sql}\n{plan}");
    }
}

#[tokio::test]
async fn a_name_that_stays_locked_makes_its_writers_fail_and_no_others() {
    let postgres = Postgres::start();
    let (_folder, _database, store) = open(&postgres, 1).await;
    store.put(&request("/a", "before")).await.unwrap();
    let mut other = store.engine.pool.acquire().await.unwrap();
    let held = connection::begin(&mut other, &store.at, &name("/a")).await.unwrap();
    // The one connection that is free has a short patience.
    let mut free = store.engine.pool.acquire().await.unwrap();
    sqlx::raw_sql("SET lock_timeout = '1ms'").execute(&mut *free).await.unwrap();
    drop(free);
    let error = store.put(&request("/a", "after")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::TooManyUpdates, "{error}");
    store.put(&request("/b", "v")).await.unwrap();
    let newest = ParameterReference::newest(name("/a"));
    assert_eq!(store.get(&newest).await.unwrap().value.reveal(), "before");
    held.rollback().await.unwrap();
    store.put(&request("/a", "after")).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_durable_whatever_the_server_s_default() {
    let postgres = Postgres::start();
    let (_folder, database, store) = open(&postgres, 4).await;
    postgres.psql("test_0", "ALTER DATABASE test_0 SET synchronous_commit = off; ALTER DATABASE test_0 SET default_transaction_isolation = 'serializable'");
    let mut fresh = super::connection::pool(database.url(), 1).acquire().await.unwrap();
    let shown = async |connection: &mut sqlx::PgConnection, setting: &str| {
        let show = AssertSqlSafe(format!("SHOW {setting}"));
        sqlx::query(show).fetch_one(connection).await.unwrap().try_get::<String, _>(0).unwrap()
    };
    assert_eq!(shown(&mut fresh, "synchronous_commit").await, "on");
    assert_eq!(shown(&mut fresh, "lock_timeout").await, "10s");
    let mut transaction = connection::begin(&mut fresh, &store.at, &name("/a")).await.unwrap();
    assert_eq!(shown(&mut transaction, "transaction_isolation").await, "read committed");
}

#[tokio::test]
async fn a_restart_of_the_server_costs_no_call() {
    let postgres = Postgres::start();
    let (_folder, database, store) = open(&postgres, 4).await;
    store.put(&request("/a", "v")).await.unwrap();
    postgres.kill();
    let error = store.get(&ParameterReference::newest(name("/a"))).await.unwrap_err();
    assert!(error.kind.is_transient(), "{error}");
    assert!(database.ping().await.is_err());
    postgres.restart();
    assert_eq!(store.get(&ParameterReference::newest(name("/a"))).await.unwrap().value.reveal(), "v");
    database.ping().await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_says_so() {
    let postgres = Postgres::start();
    let (_folder, _database, store) = open(&postgres, 4).await;
    let mut free = store.engine.pool.acquire().await.unwrap();
    let transaction = connection::begin(&mut free, &store.at, &name("/a")).await.unwrap();
    postgres.kill();
    let failure = connection::commit(transaction).await.unwrap_err();
    let error = failure.of(parados_parameter::Operation::PutParameter, "/a");
    assert_eq!(error.kind, StoreErrorKind::Connection);
    assert!(error.message.contains("may have happened or not"), "{error}");
}

#[tokio::test]
async fn a_write_that_is_dropped_in_the_middle_leaves_no_lock() {
    let postgres = Postgres::start();
    let (_folder, _database, store) = open(&postgres, 4).await;
    for polls in 0..40 {
        let request = request("/a", "v");
        let mut put = store.put(&request);
        // The call is given so many turns, and then dropped.
        let mut turns = 0;
        std::future::poll_fn(|context| {
            turns += 1;
            match put.as_mut().poll(context) {
                std::task::Poll::Pending if turns <= polls => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
        drop(put);
        store.put(&request).await.unwrap();
    }
}
