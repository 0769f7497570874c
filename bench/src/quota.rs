//! A read under AWS's quotas, in virtual time: how near it comes to the least possible, and whether who else reads notices.

use std::sync::Arc;
use std::time::Duration;

use parados_backup::collect::{CollectRequest, collect};
use parados_backup::event::NoObserver;
use parados_backup::signature::SigningKey;
use parados_parameter::decorator::adaptive::{Adaptive, AdaptiveOptions};
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::decorator::quota::{Quota, Quotas};
use parados_parameter::decorator::retry::{Retry, RetryOptions};
use parados_parameter::memory::{MemoryStore, MemoryStoreOptions};
use parados_parameter::{
    DescribeRequest, MAX_GET_NAMES, MAX_PAGE, ParameterStore, QuotaGroup, Selector, SharedStore, SystemClock,
};
use tokio::sync::mpsc;
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::{Outcome, fill};

/// What describes and gets are limited to. Nothing is said of the other groups, which the benchmark does not limit.
const LIMITED: [QuotaGroup; 2] = [QuotaGroup::Describe, QuotaGroup::Get];

/// Prints a line for the whole quota and one for half of it.
pub(crate) async fn print(count: u32) -> Outcome<()> {
    let least = least_seconds(count);
    let whole = read(&limited_store(count).await?, 1.0).await?;
    println!(
        "{count} parameters under AWS's default quotas, all of them: {:.1} s, {:.3} times the least possible ({least:.1} s); {} calls, {} throttles",
        whole.seconds,
        whole.seconds / least,
        whole.meter.total(),
        whole.meter.throttles(),
    );

    let store = limited_store(count).await?;
    let other = Arc::new(CallMeter::default());
    let half = tokio::select! {
        half = read(&store, 0.5) => half?,
        failed = read_beside(Metered::new(store.clone(), other.clone())) => failed?,
    };
    println!(
        "half of them, beside a reader that uses the other half: {:.1} s, {:.3} times the least possible; {} throttles for it in {} calls, {} for us",
        half.seconds,
        half.seconds / least,
        other.throttles(),
        other.total(),
        half.meter.throttles(),
    );
    Ok(())
}

/// A read of everything, and what it took.
struct Read {
    seconds: f64,
    meter: Arc<CallMeter>,
}

/// Reads everything as a backup does, with this share of the quotas.
async fn read(store: &SharedStore, share: f64) -> Outcome<Read> {
    let meter = Arc::new(CallMeter::default());
    let options = AdaptiveOptions { share, ..AdaptiveOptions::default() };
    let paced: SharedStore = Arc::new(Adaptive::new(Arc::new(Metered::new(store.clone(), meter.clone())), options));
    let store: SharedStore = Arc::new(Retry::new(paced, RetryOptions { seed: Some(1), ..RetryOptions::default() }));

    let request =
        CollectRequest { selector: Selector::environment("dev"), names: None, with_history: false, with_labels: true };
    let fingerprints = SigningKey::from_seed(&[1; 32], "bench").fingerprint_key("bench");
    let (sink, mut records) = mpsc::channel(4);
    let begun = Instant::now();
    let drain = async { while records.recv().await.is_some() {} };
    let collecting = async {
        let sink = sink; // Dropped at the end, which ends the draining.
        collect(&store, &request, &fingerprints, None, &NoObserver, &sink).await
    };
    let (outcome, ()) = tokio::join!(collecting, drain);
    if !outcome?.missing.is_empty() {
        return Err("the read is not whole".into());
    }
    Ok(Read { seconds: begun.elapsed().as_secs_f64(), meter })
}

/// Uses half of both quotas for ever: half of the burst at once, then half of the rate.
async fn read_beside(store: Metered) -> Outcome<Read> {
    let names = [fill::parameter(0)?.name];
    let ask = DescribeRequest::default();
    let every = |group: QuotaGroup| {
        let rate = Quotas::aws_default().rates[&group];
        let mut interval = time::interval(Duration::from_secs_f64(2.0 / rate.per_second));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ((rate.burst / 2.0) as u32, interval)
    };
    let describing = async {
        let (burst, mut interval) = every(QuotaGroup::Describe);
        // A throttle is counted by the meter, which is all that is asked here.
        for _ in 0..burst {
            drop(store.describe(&ask).await);
        }
        interval.tick().await;
        loop {
            interval.tick().await;
            drop(store.describe(&ask).await);
        }
    };
    let getting = async {
        let (burst, mut interval) = every(QuotaGroup::Get);
        for _ in 0..burst {
            drop(store.get_many(&names).await);
        }
        interval.tick().await;
        loop {
            interval.tick().await;
            drop(store.get_many(&names).await);
        }
    };
    tokio::join!(describing, getting);
    Err("it reads for ever".into())
}

/// The longer of what the pages and the batches of ten take at least: each group's calls less its burst, at its rate.
fn least_seconds(count: u32) -> f64 {
    let quotas = Quotas::aws_default().rates;
    let pages = f64::from(count.div_ceil(MAX_PAGE as u32));
    let batches = f64::from(count.div_ceil(MAX_GET_NAMES as u32));
    let least = |calls: f64, group: QuotaGroup| (calls - quotas[&group].burst) / quotas[&group].per_second;
    least(pages, QuotaGroup::Describe).max(least(batches, QuotaGroup::Get))
}

/// A store of `count` parameters, whose listing tells tags and labels too, under AWS's quotas for lists and gets.
async fn limited_store(count: u32) -> Outcome<SharedStore> {
    let options = MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() };
    let store = MemoryStore::with_options(Arc::new(SystemClock), options);
    for number in 0..count {
        store.put(&fill::parameter(number)?).await?;
    }
    let mut quotas = Quotas::aws_default();
    quotas.rates.retain(|group, _| LIMITED.contains(group));
    Ok(Arc::new(Quota::new(Arc::new(store), quotas)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_that_of_the_listing() {
        assert!((least_seconds(10_000) - 60.0).abs() < 1e-9);
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_quota_is_used_and_half_of_it_leaves_the_other_half_alone() {
        let whole = read(&limited_store(4_000).await.unwrap(), 1.0).await.unwrap();
        let ratio = whole.seconds / least_seconds(4_000);
        assert!((0.999..=1.05).contains(&ratio), "{ratio}");

        let store = limited_store(4_000).await.unwrap();
        let other = Arc::new(CallMeter::default());
        tokio::select! {
            half = read(&store, 0.5) => assert_eq!(half.unwrap().meter.throttles(), 0),
            _ = read_beside(Metered::new(store.clone(), other.clone())) => panic!("it reads for ever"),
        }
        assert!(other.total() > 100, "{}", other.total());
        assert_eq!(other.throttles(), 0);
    }
}
