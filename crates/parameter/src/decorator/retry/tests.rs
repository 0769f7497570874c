use std::sync::Arc;

use rstest::rstest;
use tokio::time::Instant;

use crate::decorator::faulty::{Fault, FaultEffect, Faulty};
use crate::decorator::metered::{CallMeter, Metered};
use crate::decorator::tests::{memory, put};
use crate::{DescribeRequest, ParameterStore};

use super::*;

const SEED: RetryOptions =
    RetryOptions { retries: 5, first_delay: Duration::from_secs(3), max_delay: Duration::from_secs(60), seed: Some(7) };

/// A store of which every call fails before it is made, and the count of its calls.
fn failing(kind: StoreErrorKind) -> (SharedStore, Arc<CallMeter>) {
    let meter = Arc::new(CallMeter::default());
    let faulty = Faulty::new(memory(), [Fault::every(FaultEffect::Before(kind))]);
    (Arc::new(Metered::new(Arc::new(faulty), Arc::clone(&meter))), meter)
}

#[tokio::test(start_paused = true)]
async fn every_transient_kind_and_no_other_is_repeated_by_a_read() {
    for kind in StoreErrorKind::ALL {
        let (store, meter) = failing(*kind);
        let error = Retry::new(store, SEED).describe(&DescribeRequest::default()).await.unwrap_err();
        assert_eq!(error.kind, *kind, "the last error is returned as it is");
        assert_eq!(meter.total(), if kind.is_transient() { 6 } else { 1 }, "{kind}");
    }
}

#[rstest]
#[case(StoreErrorKind::Throttling, 6)]
#[case(StoreErrorKind::TooManyUpdates, 6)]
#[case(StoreErrorKind::InternalServerError, 6)]
#[case(StoreErrorKind::Timeout, 1)]
#[case(StoreErrorKind::Connection, 1)]
#[case(StoreErrorKind::InvalidResponse, 1)]
#[case(StoreErrorKind::ParameterAlreadyExists, 1)]
#[tokio::test(start_paused = true)]
async fn a_write_is_not_repeated_when_it_may_have_happened(#[case] kind: StoreErrorKind, #[case] calls: u64) {
    let (store, meter) = failing(kind);
    put(&Retry::new(store, SEED), "/a").await.unwrap_err();
    assert_eq!(meter.total(), calls);
}

#[tokio::test(start_paused = true)]
async fn what_passes_succeeds() {
    let fault = |nth| Fault::every(FaultEffect::Before(StoreErrorKind::Throttling)).nth(nth);
    let store = Retry::new(Arc::new(Faulty::new(memory(), (1..=5).map(fault))), SEED);
    put(&store, "/a").await.unwrap();
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items.len(), 1);
}

#[test]
fn waits_are_drawn_evenly_from_nothing_to_a_bound_that_doubles() {
    let retry = Retry::new(memory(), SEED);
    for (retries, bound) in [(0, 3.0), (1, 6.0), (2, 12.0), (4, 48.0), (5, 60.0), (40, 60.0)] {
        let mut waits: Vec<f64> = (0..4000).map(|_| retry.delay(retries).as_secs_f64()).collect();
        waits.sort_by(f64::total_cmp);
        assert!(waits[3999] <= bound);
        for quarter in [1, 2, 3] {
            let (found, even) = (waits[quarter * 1000] / bound, quarter as f64 / 4.0);
            assert!((found - even).abs() < 0.04, "{retries} retries: quartile {quarter} at {found}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_between_calls_and_a_seed_repeats_the_waits() {
    let mut waited = Vec::new();
    for _ in 0..2 {
        let (store, _) = failing(StoreErrorKind::Throttling);
        let start = Instant::now();
        Retry::new(store, SEED).describe(&DescribeRequest::default()).await.unwrap_err();
        waited.push(start.elapsed());
    }
    assert_eq!(waited[0], waited[1]);
    assert!(waited[0] > Duration::from_secs(3) && waited[0] <= Duration::from_secs(3 + 6 + 12 + 24 + 48));
}

#[tokio::test(start_paused = true)]
async fn no_retries_means_one_call_and_no_wait() {
    let (store, meter) = failing(StoreErrorKind::Throttling);
    let start = Instant::now();
    let retry = Retry::new(store, RetryOptions { retries: 0, ..SEED });
    retry.describe(&DescribeRequest::default()).await.unwrap_err();
    assert_eq!((meter.total(), start.elapsed()), (1, Duration::ZERO));
}
