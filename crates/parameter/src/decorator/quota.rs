//! Throttles as AWS does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::Intercept;
use super::call::{Answer, Call};
use crate::error::Result;
use crate::{QuotaGroup, SharedStore, StoreErrorKind};

/// What a token may lack and still be one: what sums of fractions lose.
const ROUNDING: f64 = 1e-6;

/// How fast one group of operations may be called: a bucket of `burst` tokens that fills with `per_second`; each call
/// takes one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls a second, in the long run.
    pub per_second: f64,
    /// Calls at once, after a pause.
    pub burst: f64,
}

/// The quotas of an account in a Region. A group that has none here is not limited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas {
    /// The rate of each group.
    pub rates: BTreeMap<QuotaGroup, Rate>,
}

impl Quotas {
    /// AWS's quotas where nothing was raised, as far as they are known: gets 40 a second, deletes 5, all else 3; a burst
    /// of 20. (Documented: gets, puts. Observed or guessed: the others.)
    pub fn aws_default() -> Self {
        let rate = |group| match group {
            QuotaGroup::Get => 40.0,
            QuotaGroup::Delete => 5.0,
            _ => 3.0,
        };
        let groups = [
            QuotaGroup::Describe,
            QuotaGroup::Get,
            QuotaGroup::History,
            QuotaGroup::Tags,
            QuotaGroup::Put,
            QuotaGroup::Delete,
            QuotaGroup::Annotate,
        ];
        let rates = groups.map(|group| (group, Rate { per_second: rate(group), burst: 20.0 }));
        Self { rates: rates.into_iter().collect() }
    }

    /// The same quotas with another rate for `group`.
    pub fn with(mut self, group: QuotaGroup, rate: Rate) -> Self {
        self.rates.insert(group, rate);
        self
    }
}

/// A store with quotas: a call that finds its group's bucket empty fails with [`StoreErrorKind::Throttling`] and does not
/// reach the store within. The buckets are full at first.
#[derive(Debug)]
pub struct Quota {
    inner: SharedStore,
    buckets: BTreeMap<QuotaGroup, Mutex<Bucket>>,
}

impl Quota {
    /// Puts `quotas` on `inner`.
    pub fn new(inner: SharedStore, quotas: Quotas) -> Self {
        let full = |rate: Rate| Mutex::new(Bucket::full(rate));
        Self { inner, buckets: quotas.rates.into_iter().map(|(group, rate)| (group, full(rate))).collect() }
    }
}

impl Intercept for Quota {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        if let Some(bucket) = self.buckets.get(&call.operation.quota_group()) {
            let taken = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
            if !taken {
                return Err(call.error(StoreErrorKind::Throttling, "Rate exceeded"));
            }
        }
        go().await
    }
}

/// A bucket of tokens, on tokio's clock.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A bucket that is full now.
    pub fn full(rate: Rate) -> Self {
        Self { rate, tokens: rate.burst, filled_at: Instant::now() }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_there = self.tokens >= 1.0 - ROUNDING;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }

    /// When there is a token, if nobody takes one before.
    pub(super) fn next_token_at(&mut self, now: Instant) -> Instant {
        self.fill(now);
        let lacking = (1.0 - self.tokens).max(0.0);
        // A rate of nothing is a bucket that never fills: look again in a day.
        let seconds = (lacking / self.rate.per_second).min(86_400.0);
        now + std::time::Duration::from_secs_f64(seconds)
    }

    pub(super) fn empty(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = self.tokens.min(0.0);
    }

    pub(super) fn per_second(&self) -> f64 {
        self.rate.per_second
    }

    /// From now on it fills with `per_second`.
    pub(super) fn set_per_second(&mut self, per_second: f64, now: Instant) {
        self.fill(now);
        self.rate.per_second = per_second;
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.rate.per_second).min(self.rate.burst);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests;
