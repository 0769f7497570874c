use std::time::Duration;

use proptest::prelude::*;
use tokio::time::advance;

use crate::decorator::tests::{memory, name};
use crate::{DescribeRequest, ParameterStore};

use super::*;

async fn describe(store: &dyn ParameterStore) -> bool {
    match store.describe(&DescribeRequest::default()).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind, StoreErrorKind::Throttling);
            assert_eq!(error.message, "Rate exceeded");
            false
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_and_then_the_rate() {
    let store = Quota::new(memory(), Quotas::aws_default());
    for _ in 0..20 {
        assert!(describe(&store).await);
    }
    assert!(!describe(&store).await, "the burst is used up");
    advance(Duration::from_millis(333)).await;
    assert!(!describe(&store).await);
    advance(Duration::from_millis(1)).await;
    assert!(describe(&store).await, "a third of a second makes one more");
    advance(Duration::from_secs(3600)).await;
    let passed = futures::future::join_all((0..30).map(|_| describe(&store))).await;
    assert_eq!(passed.iter().filter(|passed| **passed).count(), 20, "a bucket holds no more than its burst");
}

#[tokio::test(start_paused = true)]
async fn each_group_has_a_bucket_of_its_own_and_gets_share_one() {
    let store = Quota::new(memory(), Quotas::aws_default());
    while describe(&store).await {}
    let mut gets = 0;
    while gets < 100 && store.get_many(&[name("/a")]).await.is_ok() {
        gets += 1;
    }
    assert_eq!(gets, 20, "describes did not draw on it");
    let error = store.get(&crate::ParameterReference::newest(name("/a"))).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Throttling, "GetParameter and GetParameters share a bucket");
    let unlimited = Quota::new(memory(), Quotas::default());
    for _ in 0..1000 {
        assert!(describe(&unlimited).await);
    }
}

proptest! {
    /// Whenever calls come, no span of time sees more of them pass than the burst and what the rate gives in it; and a call
    /// that is refused found the bucket empty.
    #[test]
    fn no_span_of_time_passes_more_than_the_quota(
        waits in prop::collection::vec(0_u64..2000, 1..200),
        per_second in 0.5_f64..50.0,
        burst in 1.0_f64..30.0,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let passed: Vec<f64> = runtime.block_on(async {
            let rate = Rate { per_second, burst };
            let store = Quota::new(memory(), Quotas::default().with(QuotaGroup::Describe, rate));
            let start = Instant::now();
            let mut passed = Vec::new();
            for wait in waits {
                advance(Duration::from_millis(wait)).await;
                if describe(&store).await {
                    passed.push(start.elapsed().as_secs_f64());
                }
            }
            passed
        });
        for (first, from) in passed.iter().enumerate() {
            for (last, until) in passed.iter().enumerate().skip(first) {
                let allowed = burst + (until - from) * per_second;
                prop_assert!((last - first + 1) as f64 <= allowed + 0.001);
            }
        }
    }
}
