//! The server: what it is made of, and its life.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use parados_parameter::Clock;
use parados_store::ParameterDatabase;
use thiserror::Error;

use crate::access::Access;
use crate::audit::Audit;
use crate::deleted::Deleted;
use crate::http;
use crate::service::ServiceTables;

/// What answers calls.
#[derive(Debug)]
pub struct Server {
    pub(crate) database: Arc<dyn ParameterDatabase>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) service: Option<ServiceTables>,
    pub(crate) deleted: Deleted,
    pub(crate) options: ServerOptions,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How often what expires is looked for.
    pub sweep_every: Duration,
    /// How long a name that was deleted has to wait before it is put again; zero where it has not.
    pub wait_after_delete: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { sweep_every: Duration::from_secs(10), wait_after_delete: Duration::from_secs(30) }
    }
}

/// A server that could not be run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The port.
    #[error("listening")]
    Listen(#[source] io::Error),
    /// While it ran.
    #[error("serving")]
    Serve(#[source] io::Error),
}

impl Server {
    /// A server of what `database` holds, to those whom `access` lets in; `audit` is told of every call.
    pub fn new(
        database: Arc<dyn ParameterDatabase>,
        access: Arc<dyn Access>,
        audit: Arc<dyn Audit>,
        clock: Arc<dyn Clock>,
        options: ServerOptions,
    ) -> Self {
        let deleted = Deleted::new(options.wait_after_delete);
        Self { database, access, audit, clock, service: None, deleted, options }
    }

    /// The same, which also keeps settings of the service and resource policies, in `tables`. A server without does not know those
    /// operations.
    pub fn with_service(self, tables: ServiceTables) -> Self {
        Self { service: Some(tables), ..self }
    }

    /// Looks for what expired, again and again.
    async fn sweep(&self) {
        loop {
            tokio::time::sleep(self.options.sweep_every).await;
            if let Err(error) = self.database.sweep(self.clock.now()).await {
                tracing::error!(%error, "what expires could not be looked for; it is tried again");
            }
        }
    }
}

/// Serves on `listener` until `stop` ends; then no call is begun any more, and those under way are let end for up to 30 seconds.
///
/// # Errors
/// [`ServeError`], where the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let handle = Handle::<SocketAddr>::new();
    let app = http::router(server.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum_server::from_tcp(listener).map_err(ServeError::Listen)?.handle(handle.clone()).serve(app);
    let stopping = async {
        stop.await;
        handle.graceful_shutdown(Some(http::DRAIN));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = serving => served.map_err(ServeError::Serve),
        () = stopping => Ok(()),
        () = server.sweep() => Ok(()),
        () = server.deleted.follow(&*server.database, &*server.clock) => Ok(()),
    }
}
