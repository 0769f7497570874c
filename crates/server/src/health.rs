//! Whether a server lives, and whether it is to be sent calls: what orchestrators and load balancers ask. Served on an address of its own, by default this machine's alone.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::audit::AuditError;
use crate::metrics::METRICS_CONTENT_TYPE;
use crate::server::{ServeError, Server};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `/readyz` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether it is to be sent calls.
    pub ready: bool,
    /// Whether the server ends.
    pub draining: bool,
    /// `ok`, or why the database cannot be used.
    pub database: String,
    /// `ok`, or why calls cannot be recorded.
    pub audit: String,
}

impl Server {
    /// Whether it is to be sent calls. That its schema is this release's was made sure of when the database was opened.
    pub async fn readiness(&self) -> Readiness {
        let database = match tokio::time::timeout(PATIENCE, self.database.ping()).await {
            Ok(Ok(())) => "ok".to_owned(),
            // Its words may name the inside; they are in the log.
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                "it does not answer".to_owned()
            }
            Err(_) => format!("it has not answered for {} s", PATIENCE.as_secs()),
        };
        let audit = match self.audit.admit() {
            // Calls wait, and are served.
            Ok(()) | Err(AuditError::Full) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        let draining = self.is_draining();
        Readiness { ready: !draining && database == "ok" && audit == "ok", draining, database, audit }
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn admin_router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(server)
}

/// Serves [`admin_router`] on `listener`, until it is dropped.
///
/// # Errors
/// [`ServeError`], where the listener cannot be used.
pub async fn serve_admin(listener: TcpListener, server: Arc<Server>) -> Result<(), ServeError> {
    let serving = axum_server::from_tcp(listener).map_err(ServeError::Listen)?;
    serving.serve(admin_router(server).into_make_service()).await.map_err(ServeError::Serve)
}

async fn readyz(State(server): State<Arc<Server>>) -> Response {
    let readiness = server.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::to_string(&readiness).expect("texts") + "\n";
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(server): State<Arc<Server>>) -> Response {
    ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], server.metrics().text()).into_response()
}
