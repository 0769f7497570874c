//! What runs beside a server: its audit, its webhooks, and what those ask who watch it.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use parados_parameter::SystemClock;
use parados_server::audit::{AuditChain, AuditLog, AuditOptions};
use parados_server::state::ServerState;
use parados_server::webhook::{WebhookOptions, WebhookService, Webhooks};
use parados_server::{Audit, Server, Traces};
use parados_store::ParameterDatabase;

use super::webhook::DestinationFlags;
use crate::config::Period;
use crate::error::{Failure, FailureKind, Result};

/// Where health and metrics are asked for, unless another address is given.
const ADMIN_LISTEN: &str = "127.0.0.1:4774";
/// How long one delivery to a webhook may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// How a server is run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Operation")]
pub(crate) struct OperateFlags {
    /// Where /healthz, /readyz and /metrics are answered, or none [default: 127.0.0.1:4774, and none with --dev]
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// How long the audit's entry of a read may wait for others; a write's is on the disk before its answer
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = short_time)]
    audit_delay: Duration,
    /// How long the audit's entries are kept; older ones are removed behind a checkpoint [default: for ever]
    #[arg(long, value_name = "TIME")]
    audit_keep: Option<Period>,
    /// How long a delivery to a webhook is tried before it becomes a dead letter
    #[arg(long, value_name = "TIME", default_value = "24h")]
    webhook_max_age: Period,
    #[command(flatten)]
    destinations: DestinationFlags,
    /// Export a span of each call to the OpenTelemetry collector there, by OTLP over HTTP (port 4318); variables as OTEL_EXPORTER_OTLP_HEADERS,
    /// OTEL_TRACES_SAMPLER and OTEL_RESOURCE_ATTRIBUTES hold
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
    /// How long the calls that are under way may take when the server is stopped
    #[arg(long, value_name = "TIME", default_value = "30s")]
    drain: Period,
}

impl OperateFlags {
    /// Takes the port for health and metrics, where there is to be one.
    pub(super) fn admin_listener(&self, is_dev: bool) -> Result<Option<TcpListener>> {
        let address = match self.admin_listen.as_deref() {
            Some("none") => return Ok(None),
            None if is_dev => return Ok(None),
            Some(address) => address,
            None => ADMIN_LISTEN,
        };
        let addresses: Vec<SocketAddr> = address
            .to_socket_addrs()
            .map_err(|error| Failure::usage(format!("--admin-listen {address}: {error}")))?
            .collect();
        let listener = TcpListener::bind(addresses.as_slice()).map_err(|error| {
            Failure::failed(format!("listening on {address} for health and metrics: {error}"))
                .hint("choose another address with --admin-listen, or none")
        })?;
        Ok(Some(listener))
    }

    /// Where spans of calls go, where they are to go somewhere.
    pub(super) fn traces(&self) -> Result<Option<Arc<Traces>>> {
        let Some(endpoint) = self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(None);
        };
        let traces = Traces::start(endpoint).map_err(|error| {
            Failure::caused(FailureKind::Usage, &error).hint("correct --otlp-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT")
        })?;
        Ok(Some(Arc::new(traces)))
    }

    /// How long the calls that are under way may take when the server ends.
    pub(super) fn drain(&self) -> Result<Duration> {
        unsigned(self.drain, "--drain")
    }

    /// Opens the audit and the webhooks, and begins to write and to deliver.
    pub(super) async fn start(&self, state: &ServerState, database: Arc<dyn ParameterDatabase>) -> Result<Operations> {
        let keep = self.audit_keep.map(|keep| unsigned(keep, "--audit-keep")).transpose()?;
        let options = AuditOptions { delay: self.audit_delay, keep, ..AuditOptions::default() };
        let audit = Arc::new(AuditChain::open(state).await?.start(Arc::new(SystemClock), options));
        audit.event("server-start").await.map_err(|error| Failure::caused(FailureKind::Failed, &error))?;
        let webhooks = Webhooks::open(state, database, self.destinations.options(DELIVERY_TIMEOUT)?).await?;
        let max_age = unsigned(self.webhook_max_age, "--webhook-max-age")?;
        let options = WebhookOptions { max_age, ..WebhookOptions::default() };
        let webhooks = Arc::new(WebhookService::start(webhooks, Arc::new(SystemClock), options));
        Ok(Operations { audit, webhooks })
    }
}

/// What runs beside a server.
#[derive(Debug)]
pub(super) struct Operations {
    audit: Arc<AuditLog>,
    webhooks: Arc<WebhookService>,
}

impl Operations {
    /// The audit.
    pub(super) fn audit(&self) -> Arc<dyn Audit> {
        self.audit.clone()
    }

    /// Writes and delivers what can be.
    async fn end(self) -> Result<()> {
        self.webhooks.close().await;
        let stopped = self.audit.event("server-stop").await;
        stopped.and(self.audit.close().await).map_err(|error| {
            Failure::caused(FailureKind::Failed, &error).hint("the last entries of the audit are lost")
        })
    }
}

/// Runs `serving` to its end, and answers who watches meanwhile; then everything is written and delivered that can be.
pub(super) async fn beside(
    operations: Option<Operations>,
    server: &Arc<Server>,
    admin: Option<TcpListener>,
    serving: impl Future<Output = Result<()>>,
) -> Result<()> {
    if let Some(operations) = &operations {
        for reading in operations.audit.readings().into_iter().chain(operations.webhooks.readings()) {
            server.metrics().register(reading);
        }
    }
    let watched = async {
        match admin {
            Some(listener) => parados_server::serve_admin(listener, server.clone()).await,
            None => std::future::pending().await,
        }
    };
    let served = tokio::select! {
        served = serving => served,
        Err(error) = watched => Err(Failure::caused(FailureKind::Failed, &error)),
    };
    let ended = match operations {
        Some(operations) => operations.end().await,
        None => Ok(()),
    };
    served.and(ended)
}

fn unsigned(period: Period, flag: &str) -> Result<Duration> {
    Duration::try_from(period.duration()).map_err(|error| Failure::usage(format!("{flag}: {error}")))
}

/// From no time to a minute.
pub(super) fn short_time(text: &str) -> std::result::Result<Duration, String> {
    let delay = text.parse::<SignedDuration>().ok().and_then(|delay| Duration::try_from(delay).ok());
    delay
        .filter(|delay| *delay <= Duration::from_secs(60))
        .ok_or_else(|| "it is a time up to 1m, as 100ms or 25s".to_owned())
}
