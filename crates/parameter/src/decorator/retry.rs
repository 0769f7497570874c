//! Calls again what may pass.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Intercept;
use super::call::{Answer, Call};
use crate::error::Result;
use crate::{Operation, SharedStore, StoreErrorKind};

/// A store whose calls are repeated while they fail with a [transient](StoreErrorKind::is_transient) error, after a random
/// wait that grows.
///
/// The nth wait is drawn evenly from nothing to the least of `first_delay` × 2ⁿ and `max_delay` ("full jitter"), so that
/// callers which were throttled together do not come back together. When the retries are used up the last error is
/// returned as it is.
///
/// A write is repeated only where the contract promises that the failed one changed nothing: after a timeout, a broken
/// connection or an answer that is none, the caller must look what is there, for a second put would make a second version.
#[derive(Debug)]
pub struct Retry {
    inner: SharedStore,
    options: RetryOptions,
    rng: Mutex<StdRng>,
}

/// How a [`Retry`] repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOptions {
    /// How often a call is repeated; 0 for never.
    pub retries: u32,
    /// The longest first wait.
    pub first_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// What the waits are drawn with; the operating system's randomness where there is none.
    pub seed: Option<u64>,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { retries: 5, first_delay: Duration::from_secs(3), max_delay: Duration::from_secs(60), seed: None }
    }
}

impl Retry {
    /// Repeats the calls of `inner`.
    pub fn new(inner: SharedStore, options: RetryOptions) -> Self {
        let rng = match options.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => rand::make_rng(),
        };
        Self { inner, options, rng: Mutex::new(rng) }
    }

    /// The wait before the retry that follows `retries` others.
    fn delay(&self, retries: u32) -> Duration {
        let growth = 2_u32.saturating_pow(retries);
        let longest = self.options.first_delay.saturating_mul(growth).min(self.options.max_delay);
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(Duration::ZERO..=longest)
    }
}

impl Intercept for Retry {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        for retries in 0..self.options.retries {
            match go().await {
                Err(error) if may_pass(call.operation, error.kind) => tokio::time::sleep(self.delay(retries)).await,
                outcome => return outcome,
            }
        }
        go().await
    }
}

/// Whether the call may succeed when it is repeated, and does no harm if the first one happened after all.
fn may_pass(operation: Operation, kind: StoreErrorKind) -> bool {
    let leaves_open =
        matches!(kind, StoreErrorKind::Timeout | StoreErrorKind::Connection | StoreErrorKind::InvalidResponse);
    kind.is_transient() && !(operation.is_write() && leaves_open)
}

#[cfg(test)]
mod tests;
