//! Counts calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;

use super::Intercept;
use super::call::{Answer, Call};
use crate::error::Result;
use crate::{Operation, SharedStore};

/// A store whose calls are counted.
#[derive(Debug)]
pub struct Metered {
    inner: SharedStore,
    meter: Arc<CallMeter>,
}

impl Metered {
    /// Counts the calls of `inner` on `meter`, which others may read and share.
    pub fn new(inner: SharedStore, meter: Arc<CallMeter>) -> Self {
        Self { inner, meter }
    }
}

/// How many calls went out. Only ever grows.
#[derive(Debug, Default)]
pub struct CallMeter {
    calls: [AtomicU64; Operation::ALL.len()],
    failures: AtomicU64,
    throttles: AtomicU64,
}

impl CallMeter {
    /// The calls that went out of one operation, whatever came of them.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.calls[operation as usize].load(Ordering::Relaxed)
    }

    /// All calls that went out.
    pub fn total(&self) -> u64 {
        Operation::ALL.iter().map(|operation| self.calls(*operation)).sum()
    }

    /// The calls by operation, without those operations that there were none of.
    pub fn by_operation(&self) -> BTreeMap<Operation, u64> {
        let counts = Operation::ALL.iter().map(|operation| (*operation, self.calls(*operation)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The calls that failed, throttled ones too.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// The calls that were throttled.
    pub fn throttles(&self) -> u64 {
        self.throttles.load(Ordering::Relaxed)
    }
}

impl Intercept for Metered {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        self.meter.calls[call.operation as usize].fetch_add(1, Ordering::Relaxed);
        let outcome = go().await;
        if let Err(error) = &outcome {
            self.meter.failures.fetch_add(1, Ordering::Relaxed);
            if error.kind.is_throttle() {
                self.meter.throttles.fetch_add(1, Ordering::Relaxed);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_place_of_its_own() {
        let places: Vec<_> = Operation::ALL.iter().map(|operation| *operation as usize).collect();
        assert_eq!(places, (0..Operation::ALL.len()).collect::<Vec<_>>());
    }
}
