//! Who may apply.

use std::sync::Arc;
use std::time::Duration;

use parados_infra::apply::ApplyError;
use parados_infra::cloud::Cloud;
use parados_infra::inventory::{Inventory, Lease, LeaseError};
use parados_infra::stack::Observation;
use parados_parameter::clock::ManualClock;
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};

use crate::world::{carry_out, holder, make, stack_in};

fn store() -> SharedStore {
    Arc::new(MemoryStore::new(Arc::new(SystemClock)))
}

#[tokio::test]
async fn of_two_at_once_one_wins_and_the_other_says_who() {
    let (store, folder) = (store(), tempfile::tempdir().unwrap());
    let path = folder.path().join("repository");
    let declaration = format!("version: 1\nresources:\n  folder: {{ kind: local:Folder, path: {} }}\n", path.display());
    let stack = stack_in(&declaration, Cloud::local("000000000000", "embedded", store.clone()), store);
    let observation = stack.observe().await.unwrap();
    let plan = make(&stack, &observation);
    let run = |process| {
        let (stack, observation, plan) = (&stack, &observation, &plan);
        carry_out(stack, observation, plan, holder(process), async |now: &Observation| Ok(make(stack, now)))
    };
    let (first, second) = futures::join!(run(1), run(2));
    let outcomes = [first, second];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let refused = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(refused, ApplyError::Lease(LeaseError::Held(_))), "{refused}");
    assert!(refused.to_string().starts_with("me@here (process "), "{refused}");
    assert!(path.is_dir());
    assert!(make(&stack, &stack.observe().await.unwrap()).is_empty());
}

#[tokio::test]
async fn a_lease_ends_and_the_number_only_grows() {
    let inventory = Inventory::new(store(), "shop", "dev");
    let clock = ManualClock::at("2026-03-01T12:00:00Z".parse().unwrap());
    let mut first = Lease::acquire(&inventory, None, holder(1), |_| false, &clock).await.unwrap();
    let newest = inventory.read().await.unwrap().lease;
    let refused = Lease::acquire(&inventory, newest.as_ref(), holder(2), |_| false, &clock).await.unwrap_err();
    assert!(matches!(refused, LeaseError::Held(_)), "{refused}");
    clock.advance(Duration::from_secs(600));
    first.keep(&clock).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let newest = inventory.read().await.unwrap().lease;
    Lease::acquire(&inventory, newest.as_ref(), holder(2), |_| false, &clock).await.unwrap_err();
    clock.advance(Duration::from_secs(400));
    assert!(matches!(first.keep(&clock).await, Err(LeaseError::Over { number: 1, .. })));
    let second = Lease::acquire(&inventory, newest.as_ref(), holder(2), |_| false, &clock).await.unwrap();
    assert_eq!(second.number(), 2);
    second.release().await.unwrap();
    let newest = inventory.read().await.unwrap().lease;
    let third = Lease::acquire(&inventory, newest.as_ref(), holder(3), |_| false, &clock).await.unwrap();
    assert_eq!(third.number(), 3);
    // Who looked before the second one began is too late.
    let late = Lease::acquire(&inventory, newest.as_ref(), holder(4), |_| true, &clock).await.unwrap_err();
    assert!(matches!(late, LeaseError::Held(held) if held.holder == holder(3)));
}
