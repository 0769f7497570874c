//! What undoing a plan asks of the next one.

use std::collections::BTreeSet;

use parados_parameter::{ParameterName, Selector};

use super::change::{Change, Step};
use super::journal::JournalState;
use super::plan::RestorePlan;
use super::request::{Conflict, RestoreRequest};

/// The way back from a plan that was applied, whole or in part: a plan made of this brings back what was there, and can itself be
/// undone.
#[derive(Clone, Debug)]
pub struct Undo {
    /// The id of the snapshot of what was there; none where the plan touched nothing that was there. Then the plan of the way back
    /// takes nothing out of its source, and the source of the plan that is undone may stand for it.
    pub snapshot: Option<String>,
    /// What is asked of it.
    pub request: RestoreRequest,
}

impl Undo {
    /// The way back from `plan`, of which `journal` says how far it came. Only what was begun is touched; what the plan made is deleted.
    pub fn of(plan: &RestorePlan, journal: &JournalState) -> Self {
        let begun = |change: &&Change| journal.names.contains_key(&change.name);
        let (touched, made): (Vec<_>, Vec<_>) =
            plan.changes.iter().filter(begun).partition(|change| change.live.is_some());
        let has = |wanted: fn(&Step) -> bool| plan.changes.iter().any(|change| change.steps.iter().any(wanted));
        let deletes = has(|step| matches!(step, Step::Delete));
        let labels = has(|step| matches!(step, Step::Label { .. } | Step::Unlabel { .. }));
        let names = |changes: Vec<&Change>| -> BTreeSet<ParameterName> {
            changes.into_iter().map(|change| change.name.clone()).collect()
        };
        Self {
            snapshot: journal.undo_snapshot.clone(),
            request: RestoreRequest {
                selector: Selector::default(),
                selector_text: format!("what plan {} changed", plan.id),
                names: Some(names(touched)),
                at: None,
                maps: Vec::new(),
                keys: Vec::new(),
                conflict: Conflict::Overwrite,
                delete_extra: false,
                delete: names(made),
                // As the snapshot for undo was taken.
                with_history: deletes,
                with_labels: deletes || labels,
                drop_expired: false,
            },
        }
    }
}
