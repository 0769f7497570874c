//! Connections to PostgreSQL: who may call is known, whatever the calls wait for.

use std::sync::Arc;
use std::time::Duration;

use parados_parameter::{AccountRegion, ParameterName, ParameterReference, SystemClock};
use parados_server::principal::{AccessTables, DatabaseSeal, Directory};
use parados_server::state::ServerState;
use parados_store::{MasterKeySource, ParameterDatabase as _, PostgresDatabase, PostgresOptions};
use sqlx::ConnectOptions as _;
use testkit::Postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_take_every_connection_keep_nobody_from_being_let_in() {
    let (postgres, folder) = (Postgres::start(), tempfile::tempdir().unwrap());
    let url = postgres.new_database();
    let options = PostgresOptions {
        create: Some(MasterKeySource::File),
        connections: 1,
        ..PostgresOptions::new(url.parse().unwrap(), folder.path().join("key"), Arc::new(SystemClock))
    };
    let database = Arc::new(PostgresDatabase::open(options).await.unwrap());
    let state = ServerState::Postgres(database.pool_beside(1));
    let tables = AccessTables::open(state, Arc::new(DatabaseSeal(database.clone()))).await.unwrap();
    let directory = Directory::open(tables).await.unwrap();

    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut other = options.connect().await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE parameter IN ACCESS EXCLUSIVE MODE").execute(&mut other).await.unwrap();
    let at: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
    let most = database.pool().options().get_max_connections();
    let calls: Vec<_> = (0..most)
        .map(|_| {
            let store = database.store(&at, "tester");
            tokio::spawn(async move {
                store.get(&ParameterReference::newest(ParameterName::parse("/none").unwrap())).await.map(drop)
            })
        })
        .collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while postgres.psql("test_0", waiting) != format!("{most}\n") {
        tokio::task::yield_now().await;
    }
    assert!(database.pool().try_acquire().is_none(), "every connection is taken");
    let refreshed = tokio::time::timeout(Duration::from_secs(5), directory.refresh()).await;
    refreshed.expect("it waits for none of them").unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!(error.kind, parados_parameter::StoreErrorKind::ParameterNotFound, "{error}");
    }
}
