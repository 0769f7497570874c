//! What has to be deleted so that nothing of a stack is left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, InfraAction, InfraPlan, finish, removal};
use crate::kind::Contents;
use crate::stack::{Observation, Stack};

/// Makes the plan of a destruction: everything that the inventory has, and everything that is declared, there and this stack's. What
/// has something in it (`contents`, by the name of its record) is refused, unless `with_contents` says that it may go.
pub fn plan_destroy(
    stack: &Stack,
    observation: &Observation,
    contents: &BTreeMap<String, Contents>,
    with_contents: bool,
) -> InfraPlan {
    let mut changes: Vec<Change> =
        observation.records.made.iter().map(|(key, (record, _))| removal(key, record)).collect();
    let recorded: BTreeSet<String> = changes.iter().map(|change| change.key.clone()).collect();
    for one in &observation.resources {
        let is_ours = one.live.as_ref().is_some_and(|live| live.owner.as_deref() == Some(one.at.owner.as_str()));
        if is_ours && !recorded.contains(&one.key) {
            changes.push(Change {
                resource: one.resource.clone(),
                kind: one.spec.kind(),
                action: InfraAction::Delete,
                id: one.id.clone(),
                target: one.target.clone(),
                account: one.at.account.clone(),
                region: one.at.region.clone(),
                differences: Vec::new(),
                depends_on: one.depends_on.clone(),
                reason: None,
                changed: None,
                key: one.key.clone(),
                supersedes: None,
            });
        }
    }
    let losing = |change: Change| {
        let lost = contents.get(&change.key);
        change.losing(lost, with_contents)
    };
    let changes = changes.into_iter().map(losing).collect();
    finish(stack, observation, (changes, Vec::new(), Vec::new()), Vec::new())
}
