use std::sync::Arc;

use futures::future::join_all;

use crate::decorator::metered::{CallMeter, Metered};
use crate::decorator::quota::Quota;
use crate::decorator::tests::{memory, name};
use crate::{DescribeRequest, HistoryRequest, ParameterStore};

use super::*;

fn options(share: f64) -> AdaptiveOptions {
    AdaptiveOptions { share, ..AdaptiveOptions::default() }
}

/// An account at AWS's default quotas, and the count of what came to it.
fn account(quotas: Quotas) -> (SharedStore, Arc<CallMeter>) {
    let meter = Arc::new(CallMeter::default());
    let quota = Arc::new(Quota::new(memory(), quotas));
    (Arc::new(Metered::new(quota, Arc::clone(&meter))), meter)
}

async fn describe(store: &dyn ParameterStore) -> bool {
    store.describe(&DescribeRequest::default()).await.is_ok()
}

async fn describe_at_once(store: &dyn ParameterStore, calls: usize) -> usize {
    join_all((0..calls).map(|_| describe(store))).await.into_iter().filter(|passed| *passed).count()
}

#[tokio::test(start_paused = true)]
async fn the_whole_quota_is_used_to_within_a_twentieth_and_never_overdrawn() {
    let (account, meter) = account(Quotas::aws_default());
    let store = Adaptive::new(account, options(1.0));
    let start = Instant::now();
    assert_eq!(describe_at_once(&store, 200).await, 200);
    let least = (200.0 - 20.0) / 3.0;
    let ratio = start.elapsed().as_secs_f64() / least;
    assert!((0.999..=1.05).contains(&ratio), "{ratio}");
    assert_eq!(meter.throttles(), 0);
}

#[tokio::test(start_paused = true)]
async fn half_the_quota_leaves_the_other_half_to_another_reader() {
    let (account, meter) = account(Quotas::aws_default());
    let ours = Adaptive::new(Arc::clone(&account), options(0.5));
    // The other reader does not know of us: it takes 10 at once and then one each 2/3 s, as its half of the quota allows.
    let theirs = async {
        let mut passed = describe_at_once(&*account, 10).await;
        for _ in 0..150 {
            tokio::time::sleep(Duration::from_millis(667)).await;
            passed += usize::from(describe(&*account).await);
        }
        passed
    };
    let (ours, theirs) = tokio::join!(describe_at_once(&ours, 160), theirs);
    assert_eq!((ours, theirs), (160, 160));
    assert_eq!(meter.throttles(), 0);
}

#[tokio::test(start_paused = true)]
async fn groups_do_not_wait_for_one_another() {
    let (account, meter) = account(Quotas::aws_default());
    let store = Adaptive::new(account, options(1.0));
    let start = Instant::now();
    let gets = async {
        for _ in 0..420 {
            store.get_many(&[name("/a")]).await.unwrap();
        }
        start.elapsed().as_secs_f64()
    };
    let describes = async {
        describe_at_once(&store, 50).await;
        start.elapsed().as_secs_f64()
    };
    let (gets, describes) = tokio::join!(gets, describes);
    assert!((gets / 10.0 - 1.0).abs() < 0.05, "(420 - 20) / 40 s: {gets}");
    assert!((describes / 10.0 - 1.0).abs() < 0.05, "(50 - 20) / 3 s: {describes}");
    assert_eq!(meter.throttles(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_halves_the_rate_and_spends_the_savings() {
    let store = Adaptive::new(memory(), options(1.0));
    let lane = &store.lanes[&QuotaGroup::Describe];
    let (first, second) = (lane.wait().await, lane.wait().await);
    lane.pace().slow_down(first);
    lane.pace().slow_down(second);
    assert_eq!(store.rate(QuotaGroup::Describe), Some(1.5), "calls that were out together count as one");
    let start = Instant::now();
    let third = lane.wait().await;
    assert_eq!(start.elapsed().as_millis(), 667, "18 tokens were left of the burst");
    lane.pace().slow_down(third);
    assert_eq!(store.rate(QuotaGroup::Describe), Some(0.75), "the next one counts");
}

#[tokio::test(start_paused = true)]
async fn it_settles_about_what_is_there_when_that_is_less_than_the_quota() {
    let slow = Rate { per_second: 1.0, burst: 1.0 };
    let (account, meter) = account(Quotas::aws_default().with(QuotaGroup::Describe, slow));
    let store = Adaptive::new(account, options(1.0));
    describe_at_once(&store, 100).await;
    let (before, start) = (meter.throttles(), Instant::now());
    let passed = describe_at_once(&store, 300).await;
    let per_second = passed as f64 / start.elapsed().as_secs_f64();
    assert!((0.5..=1.01).contains(&per_second), "{per_second} a second of 1");
    let throttles = meter.throttles() - before;
    assert!(throttles <= 40, "{throttles} throttles of 300 calls");
}

#[tokio::test(start_paused = true)]
async fn the_share_is_reached_again_after_a_throttle_and_not_passed() {
    let store = Adaptive::new(memory(), options(0.5));
    let lane = &store.lanes[&QuotaGroup::Describe];
    let turn = lane.wait().await;
    lane.pace().slow_down(turn);
    assert_eq!(store.rate(QuotaGroup::Describe), Some(0.75));
    let start = Instant::now();
    while store.rate(QuotaGroup::Describe) < Some(1.5) {
        assert!(describe(&store).await);
    }
    let recovered = start.elapsed().as_secs_f64();
    assert!((25.0..=35.0).contains(&recovered), "half of a recovery of 60 s: {recovered}");
    describe_at_once(&store, 100).await;
    assert_eq!(store.rate(QuotaGroup::Describe), Some(1.5));
}

#[tokio::test(start_paused = true)]
async fn a_group_of_unknown_quota_is_probed_upwards_until_a_throttle_tells_it() {
    let real = Rate { per_second: 10.0, burst: 10.0 };
    let (account, meter) = account(Quotas::aws_default().with(QuotaGroup::History, real));
    let store = Adaptive::new(account, options(0.5));
    assert_eq!(store.rate(QuotaGroup::History), Some(1.5), "the share of what is assumed");
    let request = HistoryRequest::of(name("/a"));
    let mut highest = 0.0_f64;
    for _ in 0..3000 {
        let error = store.history(&request).await.unwrap_err().kind;
        assert!(error.is_throttle() || error == crate::StoreErrorKind::ParameterNotFound);
        highest = highest.max(store.rate(QuotaGroup::History).unwrap());
    }
    assert!((10.0..13.0).contains(&highest), "it looked for the limit: {highest}");
    assert_eq!(meter.throttles(), 1, "and does not look again");
    let rate = store.rate(QuotaGroup::History).unwrap();
    assert!((5.0..6.5).contains(&rate), "half of what there is: {rate}");
}

#[tokio::test(start_paused = true)]
async fn calls_go_out_in_the_order_in_which_they_came() {
    let store = Adaptive::new(memory(), options(0.5));
    let order = Mutex::new(Vec::new());
    join_all((0..30).map(|n| {
        let (store, order) = (&store, &order);
        async move {
            describe(store).await;
            order.lock().unwrap().push(n);
        }
    }))
    .await;
    assert_eq!(*order.lock().unwrap(), (0..30).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_takes_nothing() {
    let store = Arc::new(Adaptive::new(memory(), options(1.0)));
    describe_at_once(&*store, 20).await;
    let start = Instant::now();
    // The first of the queue and one behind it are given up while they wait.
    let given_up = [(); 2].map(|()| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { describe(&*store).await })
    });
    tokio::task::yield_now().await;
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { describe(&*store).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    for call in given_up {
        call.abort();
    }
    assert!(waiting.await.unwrap());
    assert!(start.elapsed() < Duration::from_millis(350), "one token's time: {:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_small_share_of_a_small_burst_still_lets_calls_out() {
    let store = Adaptive::new(memory(), options(0.0));
    assert!(describe(&store).await && describe(&store).await, "the least share is a hundredth");
}

#[tokio::test(start_paused = true)]
async fn who_comes_just_as_a_token_does_goes_behind_who_waits_for_it() {
    let store = Adaptive::new(memory(), options(0.5));
    describe_at_once(&store, 10).await;
    let (start, order) = (Instant::now(), Mutex::new(Vec::new()));
    let late = async {
        tokio::time::sleep_until(start + Duration::from_millis(667)).await;
        describe(&store).await;
        order.lock().unwrap().push("late");
    };
    let early = async {
        describe(&store).await;
        order.lock().unwrap().push("early");
    };
    tokio::join!(biased; late, early);
    assert_eq!(*order.lock().unwrap(), ["early", "late"]);
}
