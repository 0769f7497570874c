//! What concerns a plan as a whole.

use super::change::{Action, Change, Step, Warning, WarningKind};
use super::desired::Wishes;
use super::plan::{Estimate, StoreIdentity};
use super::request::RestoreRequest;
use crate::report::Missing;
use crate::target::StoreKind;
use parados_parameter::Tier;

/// Most Standard parameters of an account and Region, where that was not raised.
const MOST_STANDARD: usize = 10_000;
/// From how long on it is said that it takes long, in seconds.
const LONG: f64 = 600.0;

/// What was seen on the way to the changes.
pub(super) struct Seen<'a> {
    pub(super) wishes: &'a Wishes,
    pub(super) missing: &'a [Missing],
    pub(super) request: &'a RestoreRequest,
    pub(super) into: &'a StoreIdentity,
}

/// What whoever approves the plan should know of it as a whole.
pub(super) fn of_plan(changes: &[Change], estimate: &Estimate, seen: &Seen<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |kind, message: String| warnings.push(Warning { kind, message });
    let Wishes { not_yet, without_tags, without_labels, without_history, .. } = *seen.wishes;
    if let Some(first) = seen.missing.first() {
        warn(
            WarningKind::Incomplete,
            format!(
                "the snapshot is partial: {} could not be read when it was made, the first {}: {}",
                counted(seen.missing.len() as u64, "part", "parts"),
                first.name,
                first.reason
            ),
        );
    }
    if let (1.., Some(at)) = (not_yet, seen.request.at) {
        let are = counted(not_yet, "parameter", "parameters");
        warn(WarningKind::Incomplete, format!("left out, because the source has them from after {at} on: {are}"));
    }
    for (count, what, kind) in [
        (without_tags, "tags", WarningKind::Tags),
        (without_labels, "labels", WarningKind::Versions),
        (without_history, "older versions, or not all of them", WarningKind::Versions),
    ] {
        if count > 0 {
            let parameters = counted(count, "parameter", "parameters");
            warn(kind, format!("of {parameters} the source has no {what}; what the store has of these stays"));
        }
    }
    let renumbered = changes.iter().filter(|change| is_renumbered(change)).count() as u64;
    if renumbered > 0 {
        let are = counted(renumbered, "parameter has", "parameters have");
        warn(
            WarningKind::Versions,
            format!(
                "nobody can set version numbers, dates and authors: {are} other version numbers than in the source"
            ),
        );
    }
    if seen.into.kind == StoreKind::Aws {
        let created = changes.iter().filter(|change| creates_standard(change)).count();
        if created > MOST_STANDARD {
            warn(
                WarningKind::Tier,
                format!(
                    "{created} Standard parameters are created, and AWS allows 10,000 in an account and Region unless that was raised"
                ),
            );
        }
    }
    if estimate.seconds > LONG {
        let minutes = (estimate.seconds / 60.0).ceil();
        warn(
            WarningKind::Quota,
            format!(
                "the quotas make it take about {minutes} minutes; high throughput raises that of puts from 3 to 10 a second"
            ),
        );
    }
    warnings
}

/// Whether its newest version comes to have another number.
fn is_renumbered(change: &Change) -> bool {
    let made = change.steps.iter().rev().find_map(|step| match step {
        Step::Put { makes, .. } => Some(*makes),
        _ => None,
    });
    made.is_some() && change.wanted.as_ref().map(|wanted| wanted.version) != made
}

fn creates_standard(change: &Change) -> bool {
    let is_advanced = |step: &Step| matches!(step, Step::Put { put, .. } if put.tier == Some(Tier::Advanced));
    change.action == Action::Create && !change.steps.iter().any(is_advanced)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
