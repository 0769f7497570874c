//! A restore under AWS's quotas, in virtual time: how near it comes to the least possible.

use std::sync::Arc;

use parados_backup::event::NoObserver;
use parados_backup::fingerprint::FingerprintKey;
use parados_backup::restore::{
    ApplyContext, Conflict, Journal, PlanContext, PlanId, RestoreRequest, RestoreSource, RestoreVerdict, StoreIdentity,
    apply, plan,
};
use parados_backup::seal::Identities;
use parados_backup::signature::SigningKey;
use parados_backup::target::StoreKind;
use parados_parameter::decorator::adaptive::{Adaptive, AdaptiveOptions};
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::decorator::quota::{Quota, Quotas};
use parados_parameter::decorator::retry::{Retry, RetryOptions};
use parados_parameter::memory::MemoryStore;
use parados_parameter::{ParameterStore as _, PutRequest, QuotaGroup, Secret, Selector, SharedStore, SystemClock};
use tokio::time::Instant;

use crate::{Outcome, fill};

/// Parameters that are written at once.
const NAMES_IN_FLIGHT: usize = 16;

/// Prints a line for a restore into an empty account, and one for a restore over what is there.
pub(crate) async fn print(count: u32) -> Outcome<()> {
    let source = document(count)?;
    for (what, is_there) in [("into an empty account", false), ("over other values", true)] {
        let Restored { planned, applied, meter } = restore(&source.1, count, is_there).await?;
        let least = least_seconds(count);
        println!(
            "{count} parameters {what}, under AWS's default quotas: planned in {planned:.1} s, applied in {applied:.1} s, {:.3} times the least \
             possible ({least:.1} s); both together {:.3} times; {} calls, {} throttles",
            applied / least,
            (planned + applied) / least,
            meter.total(),
            meter.throttles(),
        );
    }
    Ok(())
}

struct Restored {
    planned: f64,
    applied: f64,
    meter: Arc<CallMeter>,
}

async fn restore(source: &RestoreSource, count: u32, is_there: bool) -> Outcome<Restored> {
    let empty = MemoryStore::new(Arc::new(SystemClock));
    if is_there {
        for number in 0..count {
            let request = PutRequest { value: Secret::new("another"), ..fill::parameter(number)? };
            empty.put(&request).await?;
        }
    }
    let limited: SharedStore = Arc::new(Quota::new(Arc::new(empty), Quotas::aws_default()));
    let meter = Arc::new(CallMeter::default());
    let options = AdaptiveOptions { share: 1.0, ..AdaptiveOptions::default() };
    let paced: SharedStore = Arc::new(Adaptive::new(Arc::new(Metered::new(limited, meter.clone())), options));
    let store: SharedStore = Arc::new(Retry::new(paced, RetryOptions { seed: Some(1), ..RetryOptions::default() }));
    let into = StoreIdentity {
        kind: StoreKind::Aws,
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        folder: None,
        database: None,
    };
    let fingerprints: Arc<FingerprintKey> = Arc::new(SigningKey::from_seed(&[1; 32], "bench").fingerprint_key("bench"));
    let planner = PlanContext {
        source: source.clone(),
        identities: Identities::default(),
        store: store.clone(),
        into: into.clone(),
        quotas: Quotas::aws_default(),
        key_management: None,
        fingerprints: fingerprints.clone(),
        clock: Arc::new(SystemClock),
        tool: "bench".to_owned(),
        id: PlanId::from_bytes([1; 8]),
    };
    let begun = Instant::now();
    let plan = plan(&planner, &request(), &NoObserver).await?;
    let planned = begun.elapsed().as_secs_f64();
    let context = ApplyContext {
        source: source.clone(),
        identities: Identities::default(),
        store,
        into,
        meter: meter.clone(),
        fingerprints,
        clock: Arc::new(SystemClock),
        undo: None,
        journal: Journal::in_memory(),
        names_in_flight: NAMES_IN_FLIGHT,
    };
    let report = apply(&context, &plan, &NoObserver).await;
    if report.verdict != RestoreVerdict::Complete {
        return Err(format!("the restore is {}: {:?}", report.verdict, report.error).into());
    }
    Ok(Restored { planned, applied: begun.elapsed().as_secs_f64() - planned, meter })
}

fn request() -> RestoreRequest {
    RestoreRequest {
        selector: Selector::default(),
        selector_text: "everything".to_owned(),
        names: None,
        at: None,
        maps: Vec::new(),
        keys: Vec::new(),
        conflict: Conflict::Overwrite,
        delete_extra: false,
        delete: Default::default(),
        with_history: false,
        with_labels: false,
        drop_expired: false,
    }
}

/// A put for each parameter, less the burst, at the rate of puts.
fn least_seconds(count: u32) -> f64 {
    let rate = Quotas::aws_default().rates[&QuotaGroup::Put];
    (f64::from(count) - rate.burst) / rate.per_second
}

/// The parameters that `fill` makes, as a document in a file of a folder that is removed with it.
fn document(count: u32) -> Outcome<(tempfile::TempDir, RestoreSource)> {
    use jiff::Timestamp;
    use parados_backup::document::{DocumentHeader, ParameterRecord, Writer};
    use parados_parameter::{ParameterType, Tier, Version};

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("document.json");
    let now = Timestamp::now();
    let mut writer =
        Writer::new(std::io::BufWriter::new(std::fs::File::create(&path)?), &DocumentHeader::new("dev", now))?;
    for number in 0..count {
        let put = fill::parameter(number)?;
        let parameter_type = put.parameter_type.unwrap_or(ParameterType::String);
        writer.write(&ParameterRecord {
            name: put.name,
            parameter_type,
            value: put.value,
            version: Version::FIRST,
            last_modified_date: now,
            arn: None,
            data_type: Default::default(),
            description: put.description,
            key_id: None,
            tier: Some(Tier::Standard),
            policies: Vec::new(),
            allowed_pattern: None,
            last_modified_user: None,
            tags: Some(put.tags),
            labels: None,
            history: None,
        })?;
    }
    std::io::Write::flush(&mut writer.finish()?.0)?;
    let source = RestoreSource::document(&path)?;
    Ok((folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_restore_takes_as_long_as_the_puts_do() {
        let source = document(1_000).unwrap();
        let restored = restore(&source.1, 1_000, false).await.unwrap();
        let ratio = restored.applied / least_seconds(1_000);
        assert!((0.9..=1.05).contains(&ratio), "{ratio}");
        assert_eq!(restored.meter.throttles(), 0);
    }
}
