//! What is checked of a plan before anything is done: it is refused whole, or is applied.

use std::collections::HashSet;

use parados_parameter::{ParameterName, Version};

use super::{ApplyContext, RestoreError};
use crate::restore::change::{Action, Change, Step};
use crate::restore::plan::{FORMAT_VERSION, PlanSource, RestorePlan};

/// Whether the plan may be applied with this context.
pub(super) fn check(context: &ApplyContext, plan: &RestorePlan) -> Result<(), RestoreError> {
    if plan.format_version != FORMAT_VERSION {
        return Err(RestoreError::OtherFormat { found: plan.format_version, supported: FORMAT_VERSION });
    }
    if plan.into != context.into {
        let (planned, found) = (Box::new(plan.into.clone()), Box::new(context.into.clone()));
        return Err(RestoreError::OtherStore { planned, found });
    }
    if !same_source(&plan.source, &context.source.planned()) {
        return Err(RestoreError::OtherSource);
    }
    if plan.fingerprint_key != *context.fingerprints.id() {
        let (planned, found) = (plan.fingerprint_key.clone(), context.fingerprints.id().clone());
        return Err(RestoreError::OtherFingerprintKey { planned, found });
    }
    let conflicts = plan.changes.iter().filter(|change| change.action == Action::Conflict);
    let names: Vec<_> = conflicts.map(|change| change.name.clone()).collect();
    if !names.is_empty() {
        return Err(RestoreError::Conflict { names });
    }
    let malformed = |rule: String| Err(RestoreError::Malformed { rule });
    if !plan.id.is_valid() {
        return malformed("its id is not 16 characters of hexadecimal".into());
    }
    let mut names = HashSet::<&ParameterName>::new();
    for change in &plan.changes {
        if !names.insert(&change.name) {
            return malformed(format!("{} is there twice", change.name));
        }
        if let Err(rule) = check_change(change) {
            return malformed(format!("{}: {rule}", change.name));
        }
    }
    Ok(())
}

/// Whether two are the same, wherever they are now: a repository may have been copied, a file moved.
fn same_source(planned: &PlanSource, found: &PlanSource) -> bool {
    match (planned, found) {
        (PlanSource::Document { digest, .. }, PlanSource::Document { digest: found, .. }) => digest == found,
        (
            PlanSource::Snapshot { repository_id, snapshot, manifest_digest, .. },
            PlanSource::Snapshot { repository_id: found_id, snapshot: found, manifest_digest: found_digest, .. },
        ) => (repository_id, snapshot, manifest_digest) == (found_id, found, found_digest),
        _ => false,
    }
}

fn check_change(change: &Change) -> Result<(), &'static str> {
    if change.action.writes() == change.steps.is_empty() {
        return Err("its steps do not fit what is done with it");
    }
    if change.action.writes() && (change.action == Action::Create) == change.live.is_some() {
        return Err("what is there does not fit what is done with it");
    }
    let mut version = change.live.as_ref().map(|live| live.version);
    for step in &change.steps {
        match step {
            Step::Put { put, makes, .. } => {
                if change.source.is_none() {
                    return Err("it has no source for what is put");
                }
                if put.overwrite != version.is_some() || *makes != next(version) {
                    return Err("a put does not fit what is there");
                }
            }
            Step::Delete if version.is_none() => return Err("what is deleted is not there"),
            _ => {}
        }
        version = after(step, version);
    }
    Ok(())
}

/// The version that a put makes of this one, or of none.
fn next(version: Option<Version>) -> Version {
    version.map_or(Version::FIRST, Version::next)
}

/// The newest version after a step.
pub(super) fn after(step: &Step, version: Option<Version>) -> Option<Version> {
    match step {
        Step::Put { makes, .. } => Some(*makes),
        Step::Delete => None,
        _ => version,
    }
}
