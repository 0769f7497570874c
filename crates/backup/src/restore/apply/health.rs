//! Notices when going on is of no use.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use parados_parameter::{Operation, Result, StoreError, StoreErrorKind};

/// An operation that was denied this often and never once allowed is denied altogether.
const DENIED_ALTOGETHER: u32 = 10;
/// Calls in a row that stayed without an answer after every retry: the store is gone.
const OUTAGE: u32 = 5;

/// How the calls went so far.
#[derive(Debug, Default)]
pub(super) struct Health {
    answers: Mutex<Answers>,
    fatal: OnceLock<StoreError>,
}

#[derive(Debug, Default)]
struct Answers {
    given: BTreeMap<Operation, u64>,
    denied: BTreeMap<Operation, u32>,
    outages: u32,
}

impl Health {
    /// Why to stop.
    pub(super) fn fatal(&self) -> Option<&StoreError> {
        self.fatal.get()
    }

    /// Takes down how a call went.
    pub(super) fn note<T>(&self, operation: Operation, outcome: &Result<T>) {
        let mut answers = self.answers();
        let error = match outcome {
            Ok(_) => {
                *answers.given.entry(operation).or_default() += 1;
                answers.outages = 0;
                return;
            }
            Err(error) => error,
        };
        let is_fatal = match error.kind {
            StoreErrorKind::Credentials | StoreErrorKind::ReadOnly => true,
            StoreErrorKind::AccessDenied => {
                let denied = answers.denied.entry(operation).or_default();
                *denied += 1;
                *denied >= DENIED_ALTOGETHER && !answers.given.contains_key(&operation)
            }
            kind if kind.is_transient() => {
                answers.outages += 1;
                answers.outages >= OUTAGE
            }
            _ => {
                answers.outages = 0;
                false
            }
        };
        if is_fatal {
            // The first reason is the one that is said.
            self.fatal.set(error.clone()).ok();
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
