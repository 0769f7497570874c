//! The server: what it is made of, and its life.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use parados_parameter::Clock;
use parados_store::ParameterDatabase;
use thiserror::Error;
use tokio::net;

use crate::access::Access;
use crate::audit::Audit;
use crate::deleted::Deleted;
use crate::http::Calls;
use crate::lanes::Lanes;
use crate::metrics::Metrics;
use crate::service::ServiceTables;
use crate::tls::Tls;
use crate::traces::Traces;

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
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Option<Arc<Traces>>,
    is_draining: AtomicBool,
    tls: Option<Tls>,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// How often what expires is looked for.
    pub sweep_every: Duration,
    /// How long a name that was deleted has to wait before it is put again; zero where it has not.
    pub wait_after_delete: Duration,
    /// How long the calls that are under way may take when the server ends.
    pub drain: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            sweep_every: Duration::from_secs(10),
            wait_after_delete: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
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
        let (metrics, is_draining) = (Arc::new(Metrics::new(clock.now())), AtomicBool::new(false));
        let (service, traces, tls) = (None, None, None);
        Self { database, access, audit, clock, service, deleted, options, metrics, traces, is_draining, tls }
    }

    /// The same, which speaks TLS.
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The same, of whose calls `traces` has a span each.
    pub fn with_traces(self, traces: Arc<Traces>) -> Self {
        Self { traces: Some(traces), ..self }
    }

    /// The same, which also keeps settings of the service and resource policies, in `tables`. A server without does not know those
    /// operations.
    pub fn with_service(self, tables: ServiceTables) -> Self {
        Self { service: Some(tables), ..self }
    }

    /// What it counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Whether it ends, and is to be sent no more calls.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
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

/// Serves on `listener`, over TLS where the server has it, until `stop` ends; then it is not ready any more, no connection is taken, and the calls under way are let end for up to
/// [`ServerOptions::drain`], also those whose callers went away.
///
/// # Errors
/// [`ServeError`], where the listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    server: Arc<Server>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    if let Err(error) = server.deleted.learn(&*server.database, &*server.clock).await {
        tracing::warn!(%error, "what was deleted before this server was started is not known");
    }
    let listener = listen(listener).map_err(ServeError::Listen)?;
    let (count, tls) = (available_parallelism().map_or(1, usize::from), server.tls.as_ref().map(Tls::config));
    let (lanes, ended) = Lanes::start(count, Calls::new(server.clone()), tls).map_err(ServeError::Serve)?;
    let accepting = async {
        tokio::select! {
            () = lanes.accept(listener) => {}
            () = stop => {}
        }
        server.is_draining.store(true, Ordering::Relaxed);
        lanes.drain(server.options.drain);
        std::future::pending::<()>().await;
    };
    let reloading = async {
        match server.tls.clone() {
            Some(tls) => tls.watch().await,
            None => std::future::pending().await,
        }
    };
    let served = tokio::select! {
        served = ended => served.map_err(ServeError::Serve),
        () = accepting => Ok(()),
        () = reloading => Ok(()),
        () = server.sweep() => Ok(()),
        () = server.deleted.follow(&*server.database, &*server.clock) => Ok(()),
    };
    if tokio::time::timeout(server.options.drain, server.metrics.idle()).await.is_err() {
        tracing::warn!("calls that are still under way are left alone; what becomes of them is not recorded");
    }
    served
}

fn listen(listener: TcpListener) -> io::Result<net::TcpListener> {
    listener.set_nonblocking(true)?;
    net::TcpListener::from_std(listener)
}
