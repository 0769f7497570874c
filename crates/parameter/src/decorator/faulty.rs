//! Fails where it is told to: for tests.

use std::sync::Mutex;
use std::sync::PoisonError;

use futures::future::BoxFuture;

use super::Intercept;
use super::call::{Answer, Call};
use crate::error::Result;
use crate::{Operation, ParameterName, SharedStore, StoreErrorKind};

/// A store that fails.
#[derive(Debug)]
pub struct Faulty {
    inner: SharedStore,
    faults: Vec<Fault>,
    counts: Mutex<Counts>,
}

/// Calls seen: all of them, and for each fault those that it was meant for.
#[derive(Debug, Default)]
struct Counts {
    calls: u64,
    meant: Vec<u64>,
}

/// Which calls fail, and how. [`Fault::every`] is of all calls; the methods narrow it down.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: FaultEffect,
    operation: Option<Operation>,
    name: Option<ParameterName>,
    nth: Option<u64>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// With an error, and the store was not reached.
    Before(StoreErrorKind),
    /// With an error, though the store did what it was asked.
    After(StoreErrorKind),
    /// By an answer that lacks its last item and is no error: a page, a batch, a list of tags.
    Truncated,
    /// By an answer whose last item this version does not understand: of a listing it is named, anything else is an error.
    Unreadable,
    /// Not at all: it never returns.
    Never,
}

impl Fault {
    /// Every call fails by `effect`.
    pub fn every(effect: FaultEffect) -> Self {
        Self { effect, operation: None, name: None, nth: None }
    }

    /// Only calls of `operation`.
    pub fn of(self, operation: Operation) -> Self {
        Self { operation: Some(operation), ..self }
    }

    /// Only calls that name `name`, alone or among others.
    pub fn on(self, name: ParameterName) -> Self {
        Self { name: Some(name), ..self }
    }

    /// Only the `nth` of the calls that it is meant for, counted from 1.
    pub fn nth(self, nth: u64) -> Self {
        Self { nth: Some(nth), ..self }
    }

    fn is_meant_for(&self, call: &Call<'_>) -> bool {
        self.operation.is_none_or(|operation| operation == call.operation)
            && self.name.as_ref().is_none_or(|name| call.subject.has(name))
    }
}

impl Faulty {
    /// Makes `inner` fail by the first of `faults` that a call meets.
    pub fn new(inner: SharedStore, faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults: Vec<_> = faults.into_iter().collect();
        let counts = Counts { calls: 0, meant: vec![0; faults.len()] };
        Self { inner, faults, counts: Mutex::new(counts) }
    }

    /// How many calls there were. A test that fails the nth call for every n stops when n is past this.
    pub fn calls(&self) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    fn effect(&self, call: &Call<'_>) -> Option<FaultEffect> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls += 1;
        let mut effect = None;
        for (fault, meant) in self.faults.iter().zip(&mut counts.meant) {
            if fault.is_meant_for(call) {
                *meant += 1;
                if fault.nth.is_none_or(|nth| nth == *meant) {
                    effect = effect.or(Some(fault.effect));
                }
            }
        }
        effect
    }
}

impl Intercept for Faulty {
    fn inner(&self) -> &SharedStore {
        &self.inner
    }

    async fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> Result<T> {
        const MESSAGE: &str = "a fault that was asked for";
        match self.effect(&call) {
            None => go().await,
            Some(FaultEffect::Before(kind)) => Err(call.error(kind, MESSAGE)),
            Some(FaultEffect::After(kind)) => {
                go().await?;
                Err(call.error(kind, MESSAGE))
            }
            Some(FaultEffect::Truncated) => go().await.map(|mut answer| {
                answer.truncate();
                answer
            }),
            Some(FaultEffect::Unreadable) => go().await.and_then(|answer| answer.garble(call)),
            Some(FaultEffect::Never) => std::future::pending().await,
        }
    }
}
