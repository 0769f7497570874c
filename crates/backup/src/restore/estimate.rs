//! What a plan costs: calls, time and money.

use std::collections::BTreeMap;

use parados_parameter::decorator::quota::Quotas;
use parados_parameter::{MAX_GET_NAMES, MAX_PAGE, MAX_TAG_NAMES, Operation, ParameterType, QuotaGroup, Tier};

use super::change::{Action, Change, Step};
use super::plan::Estimate;
use crate::target::StoreKind;

/// US dollars a call that KMS charges for.
const DOLLARS_A_KMS_CALL: f64 = 0.03 / 10_000.0;
/// US dollars a call on an Advanced parameter.
const DOLLARS_AN_ADVANCED_CALL: f64 = 0.05 / 10_000.0;
/// US dollars an Advanced parameter and month.
const DOLLARS_AN_ADVANCED_MONTH: f64 = 0.05;

/// What it costs to apply these.
pub(super) fn of(changes: &[Change], quotas: &Quotas, kind: StoreKind) -> Estimate {
    let (mut reads, mut writes) = (BTreeMap::new(), BTreeMap::new());
    let (mut rest_seconds, mut kms, mut advanced, mut tiers) = (0, 0_u64, 0_u64, 0_i64);
    let count = |calls: &mut BTreeMap<Operation, u64>, operation, more: usize| {
        if more > 0 {
            *calls.entry(operation).or_default() += more as u64;
        }
    };
    for step in changes.iter().flat_map(|change| &change.steps) {
        let operation = match step {
            Step::Delete => Operation::DeleteParameter,
            Step::Put { put, .. } => {
                kms += u64::from(put.parameter_type == ParameterType::SecureString);
                advanced += u64::from(put.tier == Some(Tier::Advanced));
                Operation::PutParameter
            }
            Step::Await { .. } => Operation::GetParameter,
            Step::Label { .. } => Operation::LabelParameterVersion,
            Step::Unlabel { .. } => Operation::UnlabelParameterVersion,
            Step::Tag { .. } => Operation::AddTagsToResource,
            Step::Untag { .. } => Operation::RemoveTagsFromResource,
            Step::Wait { seconds } => {
                rest_seconds = rest_seconds.max(*seconds);
                continue;
            }
        };
        count(&mut writes, operation, 1);
    }
    for change in changes {
        tiers += i64::from(is_advanced_after(change)) - i64::from(was_advanced(change));
    }
    // Those that are there are backed up before anything is written.
    let touched = changes.iter().filter(|change| change.action.writes()).count();
    let there = changes.iter().filter(|change| change.action.writes() && change.live.is_some()).count();
    count(&mut reads, Operation::DescribeParameters, touched.div_ceil(MAX_PAGE));
    count(&mut reads, Operation::GetParameters, there.div_ceil(MAX_GET_NAMES));
    if kind == StoreKind::Aws {
        count(&mut reads, Operation::GetResources, there.div_ceil(MAX_TAG_NAMES));
        count(&mut reads, Operation::GetParameterHistory, there);
    }
    let seconds = seconds(&reads, quotas) + seconds(&writes, quotas) + f64::from(rest_seconds);
    let is_aws = kind == StoreKind::Aws;
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    for (operation, more) in reads.into_iter().chain(writes) {
        *calls.entry(operation.name().to_owned()).or_default() += more;
    }
    Estimate {
        calls,
        seconds,
        call_dollars: if is_aws {
            kms as f64 * DOLLARS_A_KMS_CALL + advanced as f64 * DOLLARS_AN_ADVANCED_CALL
        } else {
            0.0
        },
        monthly_dollars: if is_aws { tiers as f64 * DOLLARS_AN_ADVANCED_MONTH } else { 0.0 },
        notes: notes(is_aws, there),
    }
}

/// How long these calls take when each quota is waited for alone.
fn seconds(calls: &BTreeMap<Operation, u64>, quotas: &Quotas) -> f64 {
    let mut by_group = BTreeMap::<QuotaGroup, u64>::new();
    for (operation, calls) in calls {
        *by_group.entry(operation.quota_group()).or_default() += calls;
    }
    let wait = |(group, calls): (&QuotaGroup, &u64)| {
        let rate = quotas.rates.get(group)?;
        Some((*calls as f64 - rate.burst).max(0.0) / rate.per_second)
    };
    by_group.iter().filter_map(wait).fold(0.0, f64::max)
}

fn is_advanced_after(change: &Change) -> bool {
    let last = change.steps.iter().rev().find_map(|step| match step {
        Step::Put { put, .. } => Some(put.tier == Some(Tier::Advanced)),
        _ => None,
    });
    last.unwrap_or(false)
}

/// Whether it was of the Advanced tier, as far as its change says so.
fn was_advanced(change: &Change) -> bool {
    let advanced = Tier::Advanced.to_string();
    match change.action {
        Action::Replace => change.fields.iter().any(|field| field.from.as_deref() == Some(&advanced)),
        // An update to Advanced of one whose tier does not change.
        Action::Update => {
            is_advanced_after(change) && !change.fields.iter().any(|field| field.to.as_deref() == Some(&advanced))
        }
        _ => false,
    }
}

fn notes(is_aws: bool, there: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if there > 0 {
        notes.push(format!("{there} parameters that are there are backed up first, for undo"));
    }
    if is_aws {
        notes.push(
            "prices: KMS $0.03 per 10,000 calls, Advanced parameters $0.05 a month and per 10,000 calls".to_owned(),
        );
    }
    notes
}
