//! Uses a share of the quota.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::Intercept;
use super::call::{Answer, Call};
use super::quota::{Bucket, Quotas, Rate};
use crate::error::Result;
use crate::{QuotaGroup, SharedStore};

/// Least part of its first rate that a group slows down to.
const LEAST_SHARE: f64 = 1.0 / 64.0;
/// How much faster a group rises whose quota is not known.
const PROBING: f64 = 4.0;

/// A store whose calls wait for their turn, so that no more than a share of each group's quota is used: of its rate and of
/// its burst. Who else uses the account keeps the rest.
///
/// A throttle says that the share is not there: the group's rate is halved and what it had saved up is gone; with each call
/// that is not throttled the rate rises a little, up to the share again. Calls that were out together when the throttle came
/// count as one.
///
/// A group whose quota AWS does not tell begins with the share of what is [assumed](AdaptiveOptions::quotas) and, as long as
/// it is used and nothing is throttled, rises above it; the rate at which a throttle comes is then taken for its quota.
///
/// Calls of one group go out in the order in which they came; groups do not wait for one another. A call that is given up
/// while it waits takes nothing.
#[derive(Debug)]
pub struct Adaptive {
    inner: SharedStore,
    lanes: BTreeMap<QuotaGroup, Lane>,
}

/// How an [`Adaptive`] paces.
#[derive(Clone, Debug, PartialEq)]
pub struct AdaptiveOptions {
    /// The part of each quota to use, above 0 and at most 1.
    pub share: f64,
    /// The quotas that the account has. A group without one is not paced.
    pub quotas: Quotas,
    /// The groups whose quota is an assumption, which is probed upwards.
    pub assumed: BTreeSet<QuotaGroup>,
    /// How long a group in full use takes to rise by the rate that it began with. (Shorter asks for throttles more often
    /// where there is less than the share.) A group that is probed takes a quarter of it until the first throttle.
    pub recovery: Duration,
}

impl Default for AdaptiveOptions {
    fn default() -> Self {
        Self {
            share: 0.5,
            quotas: Quotas::aws_default(),
            assumed: BTreeSet::from([QuotaGroup::History, QuotaGroup::Tags, QuotaGroup::Annotate]),
            recovery: Duration::from_secs(60),
        }
    }
}

impl Adaptive {
    /// Paces the calls of `inner`. A share outside of its range is taken for the nearest in it.
    pub fn new(inner: SharedStore, options: AdaptiveOptions) -> Self {
        let share = options.share.clamp(0.01, 1.0);
        let lane = |(group, rate): (QuotaGroup, Rate)| {
            (group, Lane::new(rate, share, options.assumed.contains(&group), options.recovery))
        };
        Self { inner, lanes: options.quotas.rates.into_iter().map(lane).collect() }
    }

    /// How many calls a second a group may make at present; nothing where it is not paced.
    pub fn rate(&self, group: QuotaGroup) -> Option<f64> {
        self.lanes.get(&group).map(|lane| lane.pace().bucket.per_second())
    }
}

impl Intercept for Adaptive {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        let Some(lane) = self.lanes.get(&call.operation.quota_group()) else {
            return go().await;
        };
        let turn = lane.wait().await;
        let outcome = go().await;
        match &outcome {
            Err(error) if error.kind.is_throttle() => lane.pace().slow_down(turn),
            _ => lane.pace().speed_up(),
        }
        outcome
    }
}

/// Where the calls of one group queue up.
#[derive(Debug)]
struct Lane {
    /// Held by the one that waits for the next token; the others queue for it, first come, first served.
    gate: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
}

/// How fast a group goes.
#[derive(Debug)]
struct Pace {
    bucket: Bucket,
    /// The rate that it began with, and does not give up for good.
    first: f64,
    /// The rate that it rises to.
    most: f64,
    share: f64,
    is_assumed: bool,
    /// By how much the rate rises in a second of full use.
    rise: f64,
    /// How often it slowed down.
    slowdowns: u64,
}

/// A call's leave to go out: how often the group had slowed down by then.
#[derive(Clone, Copy, Debug)]
struct Turn(u64);

impl Lane {
    fn new(quota: Rate, share: f64, is_assumed: bool, recovery: Duration) -> Self {
        // A bucket that cannot hold one token would never let a call out.
        let rate = Rate { per_second: quota.per_second * share, burst: (quota.burst * share).max(1.0) };
        let pace = Pace {
            bucket: Bucket::full(rate),
            first: rate.per_second,
            most: if is_assumed { f64::INFINITY } else { rate.per_second },
            share,
            is_assumed,
            rise: rate.per_second / recovery.as_secs_f64().max(0.001),
            slowdowns: 0,
        };
        Self { gate: tokio::sync::Mutex::new(()), pace: Mutex::new(pace) }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self) -> Turn {
        let _gate = self.gate.lock().await;
        loop {
            // The pace may change while this one sleeps, so it looks again afterwards.
            let until = {
                let mut pace = self.pace();
                let now = Instant::now();
                if pace.bucket.take(now) {
                    return Turn(pace.slowdowns);
                }
                pace.bucket.next_token_at(now)
            };
            tokio::time::sleep_until(until).await;
        }
    }
}

impl Pace {
    fn slow_down(&mut self, turn: Turn) {
        let now = Instant::now();
        self.bucket.empty(now);
        if turn.0 != self.slowdowns {
            return;
        }
        self.slowdowns += 1;
        let rate = self.bucket.per_second();
        if self.is_assumed {
            self.most = (rate * self.share).max(self.first);
        }
        self.bucket.set_per_second((rate / 2.0).max(self.first * LEAST_SHARE), now);
    }

    fn speed_up(&mut self) {
        let rate = self.bucket.per_second();
        if rate < self.most {
            // `rate` calls a second raise it by `rise` in that second.
            let rise = if self.is_assumed && self.slowdowns == 0 { self.rise * PROBING } else { self.rise };
            self.bucket.set_per_second((rate + rise / rate).min(self.most), Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
