use std::sync::Arc;

use crate::clock::ManualClock;
use crate::memory::MemoryStore;
use crate::{Secret, StoreErrorKind, reading};

use super::faulty::{Fault, FaultEffect, Faulty};
use super::metered::{CallMeter, Metered};
use super::read_only::ReadOnly;
use super::*;

/// An empty memory store.
pub(super) fn memory() -> SharedStore {
    Arc::new(MemoryStore::new(Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH))))
}

pub(super) fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

pub(super) async fn put(store: &dyn ParameterStore, text: &str) -> Result<PutOutcome> {
    store.put(&PutRequest::new(name(text), Secret::new("v"))).await
}

/// Calls every method once, in the order of [`Operation::ALL`].
async fn call_everything(store: &dyn ParameterStore) -> Vec<(Operation, Option<StoreErrorKind>)> {
    let name = name("/a");
    let label = Label::parse("l").unwrap();
    let failure = |result: Result<()>| result.err().map(|error| (error.operation, error.kind));
    let failures = [
        failure(store.describe(&DescribeRequest::default()).await.map(drop)),
        failure(store.get(&ParameterReference::newest(name.clone())).await.map(drop)),
        failure(store.get_many(std::slice::from_ref(&name)).await.map(drop)),
        failure(store.by_path(&ByPathRequest::recursive("/")).await.map(drop)),
        failure(store.history(&HistoryRequest::of(name.clone())).await.map(drop)),
        failure(store.list_tags(&name).await.map(drop)),
        failure(store.tags(std::slice::from_ref(&name)).await.map(drop)),
        failure(put(store, "/b").await.map(drop)),
        failure(store.delete(&name).await),
        failure(store.label(&name, None, &["l".into()]).await.map(drop)),
        failure(store.unlabel(&name, Version::FIRST, &[label]).await.map(drop)),
        failure(store.tag(&name, &[Tag::observed("k", "v")]).await),
        failure(store.untag(&name, &["k".into()]).await),
    ];
    let check = |(operation, failure): (&Operation, Option<(Operation, StoreErrorKind)>)| {
        if let Some((of, _)) = failure {
            assert_eq!(of, *operation);
        }
        (*operation, failure.map(|(_, kind)| kind))
    };
    Operation::ALL.iter().zip(failures).map(check).collect()
}

#[tokio::test]
async fn every_method_is_intercepted_under_its_own_operation() {
    let meter = Arc::new(CallMeter::default());
    let store = Metered::new(memory(), Arc::clone(&meter));
    call_everything(&store).await;
    assert_eq!(meter.by_operation(), Operation::ALL.iter().map(|operation| (*operation, 1)).collect());
    assert_eq!(meter.total(), 13);
    assert_eq!((meter.failures(), meter.throttles()), (8, 0), "only listings, batches and the put succeed");
}

#[tokio::test]
async fn read_only_refuses_writes_and_nothing_else() {
    let inner = memory();
    put(&*inner, "/a").await.unwrap();
    let meter = Arc::new(CallMeter::default());
    let store = ReadOnly::new(Arc::new(Metered::new(inner, Arc::clone(&meter))));
    for (operation, failure) in call_everything(&store).await {
        assert_eq!(failure, operation.is_write().then_some(StoreErrorKind::ReadOnly), "{operation}");
        assert_eq!(meter.calls(operation), u64::from(!operation.is_write()), "{operation}");
    }
}

#[tokio::test]
async fn a_fault_meets_the_calls_that_it_is_meant_for() {
    let inner = memory();
    put(&*inner, "/a").await.unwrap();
    let kind = StoreErrorKind::AccessDenied;
    let of_operation = Fault::every(FaultEffect::Before(kind)).of(Operation::ListTagsForResource);
    let of_name = Fault::every(FaultEffect::Before(kind)).on(name("/bad"));
    let second_history = Fault::every(FaultEffect::Before(kind)).of(Operation::GetParameterHistory).nth(2);
    let store = Faulty::new(inner, [of_operation, of_name, second_history]);
    let failed = |result: Result<()>| result.is_err_and(|error| error.kind == kind);
    assert!(failed(store.list_tags(&name("/a")).await.map(drop)));
    assert!(!failed(store.get_many(&[name("/a")]).await.map(drop)));
    assert!(failed(store.get_many(&[name("/a"), name("bad")]).await.map(drop)), "/bad is among them");
    let history = HistoryRequest::of(name("/a"));
    for expected in [false, true, false] {
        assert_eq!(failed(store.history(&history).await.map(drop)), expected);
    }
    assert_eq!(store.calls(), 6);
}

#[tokio::test]
async fn a_fault_comes_before_the_call_or_after_it_or_cuts_the_answer() {
    let inner = memory();
    let kind = StoreErrorKind::Timeout;
    let before = Faulty::new(Arc::clone(&inner), [Fault::every(FaultEffect::Before(kind))]);
    let after = Faulty::new(Arc::clone(&inner), [Fault::every(FaultEffect::After(kind))]);
    assert_eq!(put(&before, "/before").await.unwrap_err().kind, kind);
    assert_eq!(put(&after, "/after").await.unwrap_err().kind, kind);
    let found = inner.get_many(&[name("/before"), name("/after")]).await.unwrap();
    assert_eq!(found.invalid, [name("/before")], "what failed before was not done; what failed after was");
    let truncated = Faulty::new(inner, [Fault::every(FaultEffect::Truncated)]);
    let page = truncated.describe(&DescribeRequest::default()).await.unwrap();
    assert!(page.items.is_empty() && page.next_token.is_none());
    let batch = truncated.get_many(&[name("/after")]).await.unwrap();
    assert_eq!(batch, GetManyOutcome::default());
}

#[tokio::test]
async fn what_is_not_understood_is_named_where_there_are_others() {
    let inner = memory();
    put(&*inner, "/a").await.unwrap();
    put(&*inner, "/b").await.unwrap();
    let store = Faulty::new(inner, [Fault::every(FaultEffect::Unreadable)]);
    let page = store.describe(&DescribeRequest::default()).await.unwrap();
    assert_eq!((page.items.len(), page.unreadable.len()), (1, 1));
    assert_eq!(page.unreadable[0].name, name("/b"));
    assert!(page.unreadable[0].error.to_string().starts_with("DescribeParameters /b: InvalidResponse"));
    let listed = reading::describe_all(&store, &[]).await.unwrap_err();
    assert_eq!(listed, page.unreadable[0].error, "whoever wants all of them gets the error");
    let (items, unreadable) = reading::describe_readable(&store, &[]).await.unwrap();
    assert_eq!((items, unreadable), (page.items, page.unreadable));
    let error = store.get_many(&[name("/a"), name("/b")]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::InvalidResponse);
}

#[tokio::test(start_paused = true)]
async fn a_fault_may_never_answer() {
    let store = Faulty::new(memory(), [Fault::every(FaultEffect::Never)]);
    let wait = std::time::Duration::from_secs(3600);
    tokio::time::timeout(wait, store.describe(&DescribeRequest::default())).await.unwrap_err();
}

#[tokio::test]
async fn an_error_of_a_decorator_names_its_subject() {
    let kind = StoreErrorKind::Throttling;
    let store = Faulty::new(memory(), [Fault::every(FaultEffect::Before(kind))]);
    let error = store.get_many(&[name("/a"), name("/b"), name("/c")]).await.unwrap_err();
    assert_eq!(error.to_string(), "GetParameters /a and 2 more: ThrottlingException: a fault that was asked for");
    let error = store.by_path(&ByPathRequest::recursive("/app")).await.unwrap_err();
    assert!(error.to_string().starts_with("GetParametersByPath /app: "), "{error}");
}
