//! What a server counts: OpenMetrics text, as Prometheus reads it.
//!
//! Counting a call is a few additions to numbers of its own, without a lock and without an allocation. The labels are the operation and the kind of the outcome, so that
//! no caller can make series.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use crate::Action;

/// The upper ends of the histogram's buckets, in microseconds. What is above the last is in one more.
const BUCKETS: [u64; 15] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000,
];

/// How a call ended, in as many words as there are series of each operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It was done.
    Ok,
    /// It was not allowed, or nobody could be found out who called.
    Denied,
    /// There were too many.
    Throttled,
    /// The caller's mistake, or what it asked for is not there.
    Refused,
    /// The server's.
    Failed,
}

impl CallOutcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Denied, Self::Throttled, Self::Refused, Self::Failed];

    /// Of a status and an error's code.
    pub(crate) fn of(status: StatusCode, code: Option<&str>) -> Self {
        match code {
            None => Self::Ok,
            _ if status.is_server_error() => Self::Failed,
            Some("ThrottlingException") => Self::Throttled,
            Some(code) if crate::audit::is_denial(code) => Self::Denied,
            Some(_) => Self::Refused,
        }
    }

    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Something that another part of the server knows, read when it is asked for.
pub struct Reading {
    /// Its name: `parados_…`, without `_total`.
    pub name: &'static str,
    /// What it is, in words.
    pub help: &'static str,
    /// Whether it only grows.
    pub is_counter: bool,
    /// Reads it; it must not wait.
    pub read: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The numbers of one operation.
#[derive(Debug, Default)]
struct Numbers {
    outcomes: [AtomicU64; CallOutcome::ALL.len()],
    buckets: [AtomicU64; BUCKETS.len() + 1],
    microseconds: AtomicU64,
}

/// The numbers of a server.
#[derive(Debug)]
pub struct Metrics {
    /// One for each operation, and the last for what is none.
    calls: Vec<Numbers>,
    in_flight: AtomicI64,
    idle: Notify,
    started_at: Timestamp,
    readings: Mutex<Vec<Reading>>,
}

/// A call that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Metrics {
    /// Nothing was counted yet.
    pub(crate) fn new(started_at: Timestamp) -> Self {
        let calls = (0..=Action::ALL.len()).map(|_| Numbers::default()).collect();
        let (in_flight, idle, readings) = (AtomicI64::new(0), Notify::new(), Mutex::default());
        Self { calls, in_flight, idle, started_at, readings }
    }

    /// Adds what another part of the server knows.
    pub fn register(&self, reading: Reading) {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner).push(reading);
    }

    /// A call begins.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(self.clone())
    }

    /// Returns when no call is under way.
    pub(crate) async fn idle(&self) {
        loop {
            let notified = self.idle.notified();
            if self.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Counts a call that ended.
    pub(crate) fn count(&self, action: Option<Action>, outcome: CallOutcome, took: Duration) {
        let calls = &self.calls[action.map_or(Action::ALL.len(), |action| action as usize)];
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        calls.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        calls.buckets[BUCKETS.partition_point(|end| *end < microseconds)].fetch_add(1, Ordering::Relaxed);
        calls.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// All of it, as OpenMetrics text.
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &registry).expect("a String takes what is written to it");
        text
    }

    /// The operations that were called, and their numbers.
    fn called(&self) -> impl Iterator<Item = (&'static str, &Numbers)> {
        let names = Action::ALL.iter().map(|action| action.name()).chain(["none"]);
        names.zip(&self.calls).filter(|(_, calls)| calls.outcomes.iter().any(|count| count.load(Ordering::Relaxed) > 0))
    }
}

/// The content type of [`Metrics::text`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Calls that were answered, by operation and outcome";
        let mut calls = encoder.encode_descriptor("parados_calls", help, None, MetricType::Counter)?;
        for (operation, numbers) in self.called() {
            for outcome in CallOutcome::ALL {
                let count = numbers.outcomes[outcome as usize].load(Ordering::Relaxed);
                let labels = [("operation", operation), ("outcome", outcome.name())];
                calls.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "How long calls took, until they were ready to be answered";
        let mut took = encoder.encode_descriptor("parados_call_duration_seconds", help, None, MetricType::Histogram)?;
        for (operation, numbers) in self.called() {
            #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
            let seconds = |microseconds: u64| microseconds as f64 / 1e6;
            let ends = BUCKETS.iter().map(|end| seconds(*end)).chain([f64::INFINITY]);
            let counts = numbers.buckets.iter().map(|count| count.load(Ordering::Relaxed));
            let buckets: Vec<_> = ends.zip(counts).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            let sum = seconds(numbers.microseconds.load(Ordering::Relaxed));
            let labels = [("operation", operation)];
            took.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        gauge(
            &mut encoder,
            "parados_calls_in_flight",
            "Calls that are under way",
            self.in_flight.load(Ordering::Relaxed),
        )?;
        let started = self.started_at.as_second();
        gauge(&mut encoder, "parados_start_time_seconds", "When the server started, in seconds since 1970", started)?;
        let mut info = encoder.encode_descriptor("parados_build", "Which release this is", None, MetricType::Info)?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        for reading in self.readings.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let kind = if reading.is_counter { MetricType::Counter } else { MetricType::Gauge };
            let mut metric = encoder.encode_descriptor(reading.name, reading.help, None, kind)?;
            match reading.is_counter {
                true => metric.encode_counter::<NoLabelSet, _, f64>(&(reading.read)(), None)?,
                false => metric.encode_gauge(&(reading.read)())?,
            }
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_in_one_bucket_and_one_outcome() {
        let metrics = Arc::new(Metrics::new(Timestamp::UNIX_EPOCH));
        metrics.count(Some(Action::GetParameter), CallOutcome::Ok, Duration::from_micros(50));
        metrics.count(Some(Action::GetParameter), CallOutcome::Ok, Duration::from_micros(51));
        metrics.count(None, CallOutcome::Denied, Duration::from_secs(60));
        metrics.register(Reading { name: "parados_x", help: "x", is_counter: true, read: Box::new(|| 7.0) });
        let text = metrics.text();
        for line in [
            r#"parados_calls_total{operation="GetParameter",outcome="ok"} 2"#,
            r#"parados_calls_total{operation="none",outcome="denied"} 1"#,
            r#"parados_call_duration_seconds_bucket{le="0.00005",operation="GetParameter"} 1"#,
            r#"parados_call_duration_seconds_bucket{le="0.0001",operation="GetParameter"} 2"#,
            r#"parados_call_duration_seconds_bucket{le="10.0",operation="none"} 0"#,
            r#"parados_call_duration_seconds_bucket{le="+Inf",operation="none"} 1"#,
            "parados_x_total 7.0",
            "parados_calls_in_flight 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("PutParameter"), "what was not called has no series: {text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn an_outcome_has_one_of_five_names() {
        let of = |status: u16, code| CallOutcome::of(StatusCode::from_u16(status).unwrap(), code);
        assert_eq!(of(200, None), CallOutcome::Ok);
        assert_eq!(of(400, Some("AccessDeniedException")), CallOutcome::Denied);
        assert_eq!(of(403, Some("MissingAuthenticationToken")), CallOutcome::Denied);
        assert_eq!(of(400, Some("ThrottlingException")), CallOutcome::Throttled);
        assert_eq!(of(400, Some("ParameterNotFound")), CallOutcome::Refused);
        assert_eq!(of(500, Some("InternalServerError")), CallOutcome::Failed);
    }

    #[tokio::test]
    async fn nobody_is_idle_while_a_call_is_under_way() {
        let metrics = Arc::new(Metrics::new(Timestamp::UNIX_EPOCH));
        metrics.idle().await;
        let call = metrics.begin();
        let mut idle = Box::pin(metrics.idle());
        assert!(futures::poll!(&mut idle).is_pending());
        drop(call);
        idle.await;
    }
}
