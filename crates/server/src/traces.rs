//! Traces: a span for each call, exported by OTLP over HTTP in batches, beside the calls.
//!
//! This module owns what a span says: the operation, who called, how it ended, and the request's id, by which the audit and the log know it
//! too. It says no name and no value of a parameter. A caller's own trace (W3C `traceparent`) is gone on with, and its sampling is taken
//! over.
//!
//! A server without it does nothing for it. With it, a call adds a span to a queue; where that is full, because the collector does not take
//! what it is given, spans are dropped, and calls go on.

mod client;

use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, Uri};
use jiff::Timestamp;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};
use thiserror::Error;

use self::client::OtlpClient;
use crate::audit::AuditEntry;
use crate::metrics::CallOutcome;

/// The path of traces below a collector's endpoint.
const TRACES_PATH: &str = "/v1/traces";
/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Traces that cannot be exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The endpoint is no address.
    #[error("{0:?} is no endpoint of a collector; it is http://HOST:4318, or with https")]
    Endpoint(String),
    /// What sends them could not be made.
    #[error("the client that sends traces could not be made")]
    Client(#[source] reqwest::Error),
    /// What exports them could not be made.
    #[error("the exporter of traces could not be made")]
    Exporter(#[source] ExporterBuildError),
}

/// Where spans go.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Traces {
    /// Exports to the collector at `endpoint`, as `http://127.0.0.1:4318`. What OpenTelemetry's own variables of the environment say of headers,
    /// sampling, batches and the resource holds. It has to be called within a runtime, which has to live until [`close`](Self::close) returns.
    ///
    /// # Errors
    /// [`TracesError`]. That nobody answers there is none: it is logged, and tried again with the next batch.
    pub fn start(endpoint: &str) -> Result<Self, TracesError> {
        let is_address = endpoint.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        });
        if !is_address {
            return Err(TracesError::Endpoint(endpoint.to_owned()));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OtlpClient::new(EXPORT_TIMEOUT).map_err(TracesError::Client)?)
            .with_endpoint(format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/')))
            .build()
            .map_err(TracesError::Exporter)?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let tracer = provider.tracer("parados-server");
        Ok(Self { provider, tracer, propagator: TraceContextPropagator::new() })
    }

    /// The span of a call that was answered but for its audit.
    pub(crate) fn span(&self, headers: &HeaderMap, entry: &AuditEntry) -> CallSpan {
        let parent = self.propagator.extract_with_context(&Context::new(), &Headers(headers));
        let operation = entry.action.map_or("unknown", |action| action.name());
        let began = time(entry.at);
        let mut attributes = Vec::with_capacity(10);
        attributes.push(KeyValue::new("rpc.system.name", "aws-api"));
        attributes.push(KeyValue::new("rpc.method", operation));
        attributes.push(KeyValue::new("aws.request_id", entry.request_id.clone()));
        attributes.push(KeyValue::new("http.response.status_code", i64::from(entry.status)));
        if let Some(caller) = &entry.caller {
            attributes.push(KeyValue::new("user.id", caller.arn.clone()));
            attributes.push(KeyValue::new("cloud.account.id", caller.place.account().to_owned()));
            attributes.push(KeyValue::new("cloud.region", caller.place.region().to_owned()));
        }
        if let Some(source) = entry.source {
            attributes.push(KeyValue::new("client.address", source.ip().to_string()));
        }
        let span = self.tracer.span_builder(operation).with_kind(SpanKind::Server).with_start_time(began);
        let error = entry.error.clone();
        CallSpan { span: span.with_attributes(attributes).start_with_context(&self.tracer, &parent), began, error }
    }

    /// Exports what waits, for as long as one export may take.
    pub async fn close(&self) {
        let provider = self.provider.clone();
        // It waits for a thread of its own, which needs this runtime.
        let closed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(EXPORT_TIMEOUT)).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

/// What is said of the server itself: what the environment says, and otherwise that it is Parados.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    let name = Resource::builder().build().get(&Key::from_static_str("service.name"));
    match name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        true => resource.build(),
        false => resource.with_service_name("parados").build(),
    }
}

/// The span of a call, which ends with it.
#[derive(Debug)]
pub(crate) struct CallSpan {
    span: Span,
    began: SystemTime,
    error: Option<String>,
}

impl CallSpan {
    /// The call ended so, after this time.
    pub(crate) fn end(mut self, outcome: CallOutcome, took: Duration) {
        self.span.set_attribute(KeyValue::new("parados.outcome", outcome.name()));
        if let Some(error) = self.error {
            self.span.set_attribute(KeyValue::new("error.type", error));
        }
        if outcome == CallOutcome::Failed {
            // Of a server's span only its own faults are errors.
            self.span.set_status(Status::error(""));
        }
        self.span.end_with_timestamp(self.began + took);
    }
}

/// A request's headers, as OpenTelemetry reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(::http::HeaderName::as_str).collect()
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_microsecond()).unwrap_or(0))
}
