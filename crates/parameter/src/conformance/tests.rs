use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::ManualClock;
use crate::decorator::adaptive::{Adaptive, AdaptiveOptions};
use crate::decorator::faulty::{Fault, FaultEffect, Faulty};
use crate::decorator::metered::{CallMeter, Metered};
use crate::decorator::quota::{Quota, Quotas};
use crate::decorator::read_only::ReadOnly;
use crate::decorator::retry::{Retry, RetryOptions};
use crate::memory::{MemoryStore, MemoryStoreOptions};
use crate::{Operation, ParameterStore, StoreErrorKind};

use super::*;

fn memory_with(options: MemoryStoreOptions) -> SharedStore {
    Arc::new(MemoryStore::with_options(Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)), options))
}

fn shared(store: impl ParameterStore) -> SharedStore {
    Arc::new(store)
}

fn memory() -> SharedStore {
    memory_with(MemoryStoreOptions::default())
}

/// What a run of the suite panics with.
async fn broken(make: impl AsyncFn() -> SharedStore, capabilities: Capabilities) -> String {
    let panic = AssertUnwindSafe(run(make, capabilities)).catch_unwind().await.unwrap_err();
    text(&*panic).to_owned()
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract() {
    run(async || memory(), Capabilities::all()).await;
    run(
        async || memory_with(MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() }),
        Capabilities::all(),
    )
    .await;
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract_with_short_and_empty_pages() {
    let options = || MemoryStoreOptions { examined_per_page: Some(2), ..MemoryStoreOptions::default() };
    run(async || memory_with(options()), Capabilities::all()).await;
}

#[tokio::test(start_paused = true)]
async fn transparent_decorators_keep_the_contract() {
    let all = Capabilities::all;
    run(async || shared(Metered::new(memory(), Arc::new(CallMeter::default()))), all()).await;
    run(async || shared(Adaptive::new(memory(), AdaptiveOptions::default())), all()).await;
    run(async || shared(Retry::new(memory(), RetryOptions::default())), all()).await;
    run(async || shared(Quota::new(memory(), Quotas::default())), all()).await;
    run(async || shared(Faulty::new(memory(), [])), all()).await;
}

/// The stack in use over an account at AWS's default quotas, of which it takes the whole.
#[tokio::test(start_paused = true)]
async fn the_stack_in_use_keeps_the_contract_under_aws_s_quotas() {
    let options = AdaptiveOptions { share: 1.0, ..AdaptiveOptions::default() };
    run(
        async || {
            let account = shared(Quota::new(memory(), Quotas::aws_default()));
            let metered = Arc::new(Metered::new(account, Arc::new(CallMeter::default())));
            shared(Retry::new(Arc::new(Adaptive::new(metered, options.clone())), RetryOptions::default()))
        },
        Capabilities::all(),
    )
    .await;
}

#[tokio::test]
async fn a_store_that_breaks_a_promise_is_found_out() {
    let truncated = |operation| {
        let fault = Fault::every(FaultEffect::Truncated).of(operation);
        broken(async move || shared(Faulty::new(memory(), [fault.clone()])), Capabilities::all())
    };
    for (operation, promise) in [
        (Operation::DescribeParameters, "what_exists_throughout_is_listed_once: “A parameter that exists"),
        (Operation::GetParameters, "get_many_accounts_for_every_name"),
        (Operation::GetParametersByPath, "by_path_reads_a_level_or_all"),
        (Operation::GetParameterHistory, "history_is_oldest_first"),
        (Operation::GetResources, "tags_are_read_together"),
        (Operation::ListTagsForResource, "list_tags_says_what_is_not_there"),
    ] {
        let message = truncated(operation).await;
        assert!(message.contains(promise), "{message}");
    }
    let half_done = Fault::every(FaultEffect::After(StoreErrorKind::TooManyUpdates)).of(Operation::PutParameter);
    let message = broken(async || shared(Faulty::new(memory(), [half_done.clone()])), Capabilities::all()).await;
    assert!(message.contains("a_put_creates_version_one"), "{message}");
    let message = broken(async || shared(ReadOnly::new(memory())), Capabilities::all()).await;
    assert!(message.contains("tagging_says_what_is_not_there"), "{message}");
}

#[tokio::test]
async fn an_exception_excuses_and_goes_when_its_reason_does() {
    let fault = Fault::every(FaultEffect::Truncated).of(Operation::GetResources);
    let make = async || shared(Faulty::new(memory(), [fault.clone()]));
    let cut = Capabilities::all().except("all_tags_are_all_or_none", "it cuts them");
    run(make, cut.except("tags_are_read_together", "it cuts them")).await;
    let excepted = Capabilities::all().except("tags_are_read_together", "it used to cut them");
    let message = broken(async || memory(), excepted).await;
    assert!(message.contains("is kept, though excepted: it used to cut them"), "{message}");
}

#[test]
fn every_promise_quotes_the_contract() {
    let plain = |text: &str| {
        let lines = text.lines().map(|line| line.trim_start().trim_start_matches("///").trim());
        lines.collect::<Vec<_>>().join(" ")
    };
    let contract =
        [include_str!("../store.rs"), include_str!("../record.rs"), include_str!("../selector.rs")].map(plain);
    for promise in promises() {
        let is_quoted = contract.iter().any(|text| text.contains(promise.contract));
        assert!(is_quoted, "{}: the contract does not say “{}”", promise.name, promise.contract);
    }
}

#[test]
fn every_promise_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = promises().map(|promise| promise.name).collect();
    assert_eq!(names.len(), promises().count());
}
