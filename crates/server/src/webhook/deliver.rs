//! One delivery: a signed request, and what its answer means.

use std::error::Error as _;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Url};
use zeroize::Zeroizing;

use super::signature::{SIGNATURE_HEADER, signature_of};
use super::table::{Delivery, DeliveryState, Outcome};

/// The wait after a first attempt that failed, which doubles …
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// … up to this.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The status of the answer; none where there was none.
    pub status: Option<u16>,
    /// Why it failed; none where it did not.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Whom to send to, and as whom.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) url: Url,
    /// The secret; while it is rotated, also the one before.
    pub(super) secrets: Vec<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl Sender {
    /// Sends `body` once. An answer of 2xx takes it; whatever else it says is no matter.
    pub(super) async fn send(&self, event: &str, body: String, attempt: i64, now: Timestamp) -> Attempt {
        let began = Instant::now();
        let secrets = self.secrets.iter().map(|secret| secret.as_slice());
        let signature = signature_of(secrets, now.as_second(), body.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [(SIGNATURE_HEADER, signature.as_str()), ("parados-event-id", event)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        headers.insert("parados-delivery-attempt", HeaderValue::from(attempt));
        let sent = self.client.post(self.url.clone()).headers(headers).body(body).send().await;
        let (status, error) = match sent {
            Ok(answer) if answer.status().is_success() => (Some(answer.status().as_u16()), None),
            Ok(answer) => (Some(answer.status().as_u16()), Some(format!("the answer was {}", answer.status()))),
            Err(error) => (None, Some(words(error))),
        };
        Attempt { status, error, took: began.elapsed() }
    }
}

/// An error with its causes, without the address: that may have a token in it.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// What becomes of `delivery` after an attempt at `now`.
pub(super) fn outcome_of(delivery: &Delivery, attempt: &Attempt, now: Timestamp, max_age: Duration) -> Outcome {
    let status = attempt.status.map(i64::from);
    let Some(error) = attempt.error.clone() else {
        return Outcome { state: DeliveryState::Delivered, next_at: now, status, error: None };
    };
    let later = |by: Duration, from: Timestamp| {
        SignedDuration::try_from(by).ok().and_then(|by| from.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
    };
    let next_at = later(wait(delivery.attempts, rand::random()), now);
    let state = match next_at > later(max_age, delivery.created_at) {
        true => DeliveryState::Dead,
        false => DeliveryState::Waiting,
    };
    Outcome { state, next_at, status, error: Some(error) }
}

/// How long to wait after `attempts` that failed before: doubled each time, and between half of it and all of it, by `chance` (from 0 to 1).
fn wait(attempts: i64, chance: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(1 << attempts.clamp(0, 20));
    doubled.min(LAST_RETRY).mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_has_an_end_and_differs() {
        assert_eq!(wait(0, 0.0), Duration::from_millis(500));
        assert_eq!(wait(0, 1.0), Duration::from_secs(1));
        assert_eq!(wait(3, 1.0), Duration::from_secs(8));
        assert_eq!(wait(60, 1.0), LAST_RETRY);
        assert_eq!(wait(i64::MAX, 0.0), LAST_RETRY / 2);
    }
}
