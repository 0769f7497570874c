//! The contract of [`ParameterStore`](crate::ParameterStore) as a suite of promises that any store can be held to, and
//! [`model`], which compares a store with the memory store over long random lists of operations.
//!
//! Every promise quotes the sentence of the contract that it checks; a test holds the quotations to the contract's text.
//! What a store does beyond the contract is not looked at here.

mod act;
mod annotating;
mod listing;
pub mod model;
mod putting;
mod reading;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::SharedStore;

/// Something that the contract promises, and a check of it.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// A name for it, which [`Capabilities`] go by.
    pub name: &'static str,
    /// The sentence of the contract, word for word.
    pub contract: &'static str,
    check: fn(SharedStore) -> BoxFuture<'static, ()>,
}

macro_rules! promise {
    ($check:ident, $contract:literal) => {
        $crate::conformance::Promise {
            name: stringify!($check),
            contract: $contract,
            check: |store| Box::pin($check(store)),
        }
    };
}
use promise;

/// What a store can do of the contract: all of it, but for named exceptions with their reasons. They are for the stand-ins of
/// others that a test has to do with; a store of Parados has none.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    exceptions: BTreeMap<&'static str, &'static str>,
}

impl Capabilities {
    /// All of the contract.
    pub fn all() -> Self {
        Self::default()
    }

    /// All but the promise named so, which the store is known to break for `reason`.
    ///
    /// # Panics
    /// When there is no such promise.
    pub fn except(mut self, promise: &'static str, reason: &'static str) -> Self {
        assert!(promises().any(|one| one.name == promise), "there is no promise {promise}");
        self.exceptions.insert(promise, reason);
        self
    }
}

/// Every promise, in the order of the contract.
pub fn promises() -> impl Iterator<Item = Promise> {
    [listing::PROMISES, reading::PROMISES, putting::PROMISES, annotating::PROMISES].into_iter().flatten().copied()
}

/// Holds a store to every promise that `capabilities` do not except, each on a store of its own that `make` gives and that
/// is empty.
///
/// # Panics
/// When a promise is broken, after all were tried: the message names each with its sentence. Also when an excepted one is
/// kept, so that an exception goes when its reason does.
pub async fn run(make: impl AsyncFn() -> SharedStore, capabilities: Capabilities) {
    let mut failures = Vec::new();
    for promise in promises() {
        let store = make().await;
        let outcome = AssertUnwindSafe((promise.check)(store)).catch_unwind().await;
        match (outcome, capabilities.exceptions.get(promise.name)) {
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(reason)) => failures.push(format!("{}: is kept, though excepted: {reason}", promise.name)),
            (Err(panic), None) => {
                failures.push(format!("{}: “{}”\n  {}", promise.name, promise.contract, text(&*panic)))
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} promises:\n{}", failures.len(), promises().count(), failures.join("\n"));
}

/// What a panic said.
fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked without a message")
}

#[cfg(test)]
mod tests;
