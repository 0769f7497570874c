//! A plan is applied while each call in turn fails in each way; gone on with, it ends as planned and nothing was done twice.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parados_backup::restore::{Outcome, RestorePlan, RestoreVerdict};
use parados_parameter::StoreErrorKind;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use rstest::rstest;
use tokio::sync::Notify;

use crate::apply::as_planned;
use crate::applying::{Bench, everything_in};
use crate::shared_store::{Others, Shared};

/// Applies the plan again, to its end.
async fn go_on(bench: &Bench, plan: &RestorePlan, folder: &Path, nth: u64) {
    let again = bench.apply(bench.shop.store.clone(), plan, folder).await;
    let wrong: Vec<_> = again.outcomes.iter().filter(|one| !one.outcome.is_right()).collect();
    assert_eq!((again.verdict, wrong), (RestoreVerdict::Complete, vec![]), "call {nth}: {:?}", again.error);
    assert_eq!(everything_in(&bench.shop.store).await, as_planned(), "call {nth}");
    assert_eq!(again.counts[&Outcome::Done], 5, "call {nth}");
}

#[rstest]
#[case::lost_before(FaultEffect::Before(StoreErrorKind::Timeout))]
#[case::lost_after(FaultEffect::After(StoreErrorKind::Timeout))]
#[case::broken_before(FaultEffect::Before(StoreErrorKind::Connection))]
#[case::broken_after(FaultEffect::After(StoreErrorKind::Connection))]
#[case::no_answer(FaultEffect::After(StoreErrorKind::InvalidResponse))]
#[case::throttled(FaultEffect::Before(StoreErrorKind::Throttling))]
#[case::failed(FaultEffect::Before(StoreErrorKind::InternalServerError))]
#[case::denied(FaultEffect::Before(StoreErrorKind::AccessDenied))]
#[case::key(FaultEffect::Before(StoreErrorKind::InvalidKeyId))]
#[case::credentials(FaultEffect::Before(StoreErrorKind::Credentials))]
#[case::cut(FaultEffect::Truncated)]
#[tokio::test(start_paused = true)]
async fn a_fault_at_any_call_and_then_again(#[case] effect: FaultEffect) {
    let mut past_the_last_call = false;
    let mut fared_well = 0;
    for nth in 1.. {
        let bench = Bench::everything().await;
        let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
        let faulty = Arc::new(Faulty::new(bench.shop.store.clone(), [Fault::every(effect).nth(nth)]));
        let first = bench.apply(faulty.clone(), &plan, folder.path()).await;
        let is_complete = first.verdict == RestoreVerdict::Complete;
        if faulty.calls() < nth {
            past_the_last_call = true;
            assert!(is_complete);
            break;
        }
        if is_complete {
            fared_well += 1;
            assert_eq!(everything_in(&bench.shop.store).await, as_planned(), "call {nth}");
        }
        let is_named = first.outcomes.iter().any(|one| !one.outcome.is_right() && one.reason.is_some());
        assert!(is_complete || first.error.is_some() || is_named, "call {nth}: {first:?}");
        go_on(&bench, &plan, folder.path(), nth).await;
    }
    assert!(past_the_last_call);
    let leaves_open = matches!(effect, FaultEffect::Before(kind) | FaultEffect::After(kind)
        if matches!(kind, StoreErrorKind::Timeout | StoreErrorKind::Connection | StoreErrorKind::InvalidResponse));
    assert!(!leaves_open || fared_well > 5, "writes whose answer is lost are looked up: {fared_well}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_at_any_call_and_then_again() {
    for (nth, reached) in (1..).zip(std::iter::repeat_with(|| Arc::new(AtomicU64::new(0)))) {
        let bench = Bench::everything().await;
        let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
        let (calls, stop) = (reached.clone(), Arc::new(Notify::new()));
        let stopping = stop.clone();
        let others: Others = Arc::new(move |_, _| {
            let (is_the_one, stop) = (calls.fetch_add(1, Ordering::Relaxed) + 1 == nth, stopping.clone());
            Box::pin(async move {
                if is_the_one {
                    stop.notify_one();
                    std::future::pending::<()>().await;
                }
            })
        });
        let store = Arc::new(Shared::new(bench.shop.store.clone(), others));
        tokio::select! {
            report = bench.apply(store, &plan, folder.path()) => {
                assert_eq!(report.verdict, RestoreVerdict::Complete);
                assert!(reached.load(Ordering::Relaxed) < nth && nth > 20, "{nth} is past the last call");
                return;
            }
            () = stop.notified() => {}
        }
        go_on(&bench, &plan, folder.path(), nth).await;
    }
}
