//! A store compared with the memory store, the reference model: the same long random list of actions goes to both, and every
//! answer must be the same. What stores may differ in is left out of the comparison: ARNs, dates, users, the order of a
//! listing, the cut of its pages, and the words of an error.

mod action;
mod answer;

use std::sync::Arc;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use thiserror::Error;

use crate::clock::SystemClock;
use crate::memory::MemoryStore;
use crate::{ParameterStore, SharedStore};
pub use action::{Action, actions};
use answer::{Answer, perform};

/// Holds a store to the model over `config.cases` random lists of 1 to `longest` actions, each on a store that `make` gives
/// and that is empty.
///
/// Lists that failed once are tried first, for as long as `config` says where they are kept:
/// `Config { cases: 64, ..Config::with_source_file(file!()) }`.
///
/// # Panics
/// With the shortest list found on which the two differ, and how.
pub fn check(config: Config, longest: usize, make: impl AsyncFn() -> SharedStore) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a machine that runs tests gives a thread its event queue");
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&actions(1..=longest), |actions| {
        runtime.block_on(async {
            let (store, model) = (make().await, MemoryStore::new(Arc::new(SystemClock)));
            let difference = compare(&*store, &model, &actions).await;
            difference.map_err(|difference| TestCaseError::fail(difference.to_string()))
        })
    });
    if let Err(failure) = outcome {
        panic!("the store differs from the model: {failure}");
    }
}

/// Where a store and the model first differed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("step {step}, {action}:\n  store: {store}\n  model: {model}")]
pub struct Difference {
    /// The action's place in the list, counted from 1; one past the list for the look at everything that follows it.
    pub step: usize,
    /// The action.
    pub action: String,
    /// What the store answered.
    pub store: String,
    /// What the model answered.
    pub model: String,
}

/// Does `actions` to both stores, and then looks at everything that both hold.
///
/// # Errors
/// [`Difference`], the first one.
pub async fn compare(
    store: &dyn ParameterStore,
    model: &dyn ParameterStore,
    actions: &[Action],
) -> Result<(), Difference> {
    for (index, action) in actions.iter().chain(&action::look_at_everything()).enumerate() {
        let (answer, expected) = (perform(store, action).await, perform(model, action).await);
        if answer != expected {
            return Err(difference(index + 1, action, &answer, &expected));
        }
    }
    Ok(())
}

fn difference(step: usize, action: &Action, store: &Answer, model: &Answer) -> Difference {
    let (store, mut model) = (format!("{store:?}"), format!("{model:?}"));
    if store == model {
        model.push_str(" (with another value)");
    }
    Difference { step, action: format!("{action:?}"), store, model }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decorator::faulty::{Fault, FaultEffect, Faulty};
    use crate::memory::MemoryStoreOptions;
    use crate::{Operation, StoreErrorKind};

    fn config(cases: u32) -> Config {
        Config { cases, failure_persistence: None, ..Config::default() }
    }

    fn another() -> SharedStore {
        let options = MemoryStoreOptions {
            account: "000000000000".into(),
            user: "somebody else".into(),
            annotated: true,
            examined_per_page: Some(2),
            ..MemoryStoreOptions::default()
        };
        Arc::new(MemoryStore::with_options(Arc::new(SystemClock), options))
    }

    #[test]
    fn the_model_is_like_itself_whatever_it_calls_itself_and_however_it_cuts_pages() {
        check(config(48), 120, async || another());
    }

    #[test]
    fn a_difference_in_any_operation_is_found() {
        for operation in Operation::ALL {
            let effect = match operation.is_write() {
                true => FaultEffect::After(StoreErrorKind::Timeout),
                false if *operation == Operation::GetParameter => FaultEffect::Before(StoreErrorKind::Timeout),
                false => FaultEffect::Truncated,
            };
            let fault = Fault::every(effect).of(*operation);
            let faulty = async || -> SharedStore { shared(Faulty::new(another(), [fault.clone()])) };
            let config = Config { max_shrink_iters: 0, ..config(64) };
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(config, 60, faulty)));
            assert!(outcome.is_err(), "a fault in {operation} was not found");
        }
    }

    fn shared(store: impl ParameterStore) -> SharedStore {
        Arc::new(store)
    }

    /// That random lists reach what is worth comparing, and do not fail all the time.
    #[tokio::test]
    async fn random_lists_succeed_and_fail_in_every_operation_and_reach_the_limits() {
        use proptest::strategy::{Strategy, ValueTree};
        let mut runner = TestRunner::deterministic();
        let mut seen = std::collections::BTreeSet::new();
        let mut kinds = std::collections::HashSet::new();
        for _ in 0..40 {
            let actions = actions(120..=120).new_tree(&mut runner).expect("nothing is filtered").current();
            let store = another();
            for action in &actions {
                for outcome in perform(&*store, action).await.outcomes() {
                    seen.insert((action.name(), outcome.is_none()));
                    kinds.extend(outcome);
                }
            }
        }
        for action in Action::NAMES {
            assert!(seen.contains(&(*action, true)), "no {action} succeeded");
        }
        for kind in [
            StoreErrorKind::ParameterNotFound,
            StoreErrorKind::ParameterVersionNotFound,
            StoreErrorKind::ParameterAlreadyExists,
            StoreErrorKind::ParameterMaxVersionLimitExceeded,
            StoreErrorKind::ParameterPatternMismatch,
            StoreErrorKind::ParameterVersionLabelLimitExceeded,
            StoreErrorKind::InvalidResourceId,
            StoreErrorKind::TooManyTags,
            StoreErrorKind::IncompatiblePolicy,
            StoreErrorKind::Validation,
        ] {
            assert!(kinds.contains(&kind), "no {kind}");
        }
    }
}
