//! A server on a port of its own, over a database in SQLite, with `--dev`.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use parados_parameter::SystemClock;
use parados_server::state::ServerState;
use parados_server::{CacheOptions, CachedDatabase, DevAccess, NoAudit, Server, ServerOptions, ServiceTables, serve};
use parados_store::{EmbeddedStore, InitOptions, SqliteDatabase, SqliteDatabaseOptions};
use tempfile::TempDir;

/// It runs until it is dropped.
pub(crate) struct Listening {
    pub(crate) url: String,
    runtime: Option<tokio::runtime::Runtime>,
    _folder: TempDir,
}

impl Listening {
    /// Starts it, with threads of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("data");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            EmbeddedStore::init(&InitOptions::new(&directory)).await.unwrap();
            let tables = ServiceTables::open(ServerState::open(&directory).await.unwrap()).await.unwrap();
            let clock = Arc::new(SystemClock);
            let options = SqliteDatabaseOptions { directory, key_management: None, clock: clock.clone() };
            let database = Arc::new(SqliteDatabase::open(options).await.unwrap());
            let cached = Arc::new(CachedDatabase::new(database, CacheOptions::default()));
            let options = ServerOptions { wait_after_delete: Duration::ZERO, ..ServerOptions::default() };
            let server = Server::new(cached, Arc::new(DevAccess::default()), Arc::new(NoAudit), clock, options);
            serve(listener, Arc::new(server.with_service(tables)), std::future::pending()).await.unwrap();
        });
        Self { url, runtime: Some(runtime), _folder: folder }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
