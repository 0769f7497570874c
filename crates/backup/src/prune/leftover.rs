//! What is done with documents' objects that nothing names.
//!
//! Nothing says of which target they are, so they are looked at only when all targets are, and only when nothing at all is damaged:
//! what cannot be read may name one. The longest of the rules' grace times counts, and at least a day: a backup writes its object
//! before the manifest that names it, and so does one that is under way.
//!
//! So it is with the files of a folder that were never completed, but for this: no listing ever showed them, and nothing can name them. So they
//! bear no mark, go when they have not been written to for as long, and go where something is damaged too.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::report::{Action, Outcome};
use super::{PruneContext, PruneError, PruneRequest};
use crate::report::chain;
use crate::repository::{LeftoverMark, Records, Repository, RepositoryError, SealedObject, SnapshotFilter, StagedFile};

/// However short the grace times are, what is younger than this is left alone.
const LEAST_AGE: SignedDuration = SignedDuration::from_hours(24);

/// What is done with objects that nothing names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LeftoverPlan {
    /// Why nothing is done with them.
    pub refused: Vec<String>,
    /// The objects, by key.
    pub objects: Vec<PlannedLeftover>,
    /// In a folder: files that were never completed, by name, because what wrote them was killed.
    pub staged: Vec<PlannedLeftover>,
}

/// An object that nothing names, or the mark of one that there is no more, or a file that was never completed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlannedLeftover {
    /// Its key; that of the mark, where that is all there is; the file's path in the folder.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    #[schemars(with = "String")]
    pub written_at: Timestamp,
    /// What is done with it. One that is too young is kept.
    pub action: Action,
    /// When its grace time ends, where it is marked or going to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
    /// What became of that; absent from a plan, and where nothing was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    #[serde(skip)]
    mark: Option<LeftoverMark>,
    /// The key of a mark that is taken away.
    #[serde(skip)]
    stray: Option<String>,
    #[serde(skip)]
    file: Option<StagedFile>,
}

impl LeftoverPlan {
    /// Whether anything is done.
    pub fn changes(&self) -> bool {
        self.done().any(|one| one.action.changes())
    }

    /// With how many of them this is done.
    pub fn count(&self, action: Action) -> usize {
        self.done().filter(|one| one.action == action).count()
    }

    /// Those that something is done with, as their actions say.
    fn done(&self) -> impl Iterator<Item = &PlannedLeftover> {
        self.objects.iter().filter(|_| self.refused.is_empty()).chain(&self.staged)
    }

    /// Whether something of what was to be done was not.
    pub(super) fn failed(&self) -> bool {
        self.done().any(|one| matches!(one.outcome, Some(Outcome::Failed(_) | Outcome::Left(_))))
    }
}

/// Decides what becomes of each object that nothing names.
///
/// # Errors
/// Those of listing.
pub(super) async fn plan(
    context: &PruneContext,
    request: &PruneRequest,
    now: Timestamp,
) -> Result<LeftoverPlan, PruneError> {
    let repository = &context.verify.repository;
    let marks = repository.leftover_marks().await?;
    // The objects are listed before what names them: what is committed meanwhile is seen to be named.
    let objects = repository.sealed_objects_without(&BTreeSet::new()).await?;
    let Named { keys, damaged } = Named::read(repository).await?;
    let mut plan = LeftoverPlan { refused: damaged, ..LeftoverPlan::default() };
    let rules = request.rules.iter().map(|rule| rule.grace.after(Timestamp::UNIX_EPOCH));
    let longest = rules.max().unwrap_or(Timestamp::UNIX_EPOCH).duration_since(Timestamp::UNIX_EPOCH).max(LEAST_AGE);
    let after = |at: Timestamp| at.saturating_add(longest).unwrap_or(Timestamp::MAX);
    for object in objects.into_iter().filter(|object| !keys.contains(&object.key)) {
        plan.objects.push(planned(object, &marks, now, after));
    }
    plan.objects.extend(strays(&marks, &plan.objects));
    let staged = repository.staged_files().await?;
    plan.staged = staged.into_iter().map(|file| planned_file(file, now, after)).collect();
    Ok(plan)
}

fn planned_file(file: StagedFile, now: Timestamp, after: impl Fn(Timestamp) -> Timestamp) -> PlannedLeftover {
    let due = after(file.written_at);
    let action = if due <= now { Action::Remove } else { Action::Keep };
    PlannedLeftover {
        key: file.name.clone(),
        bytes: file.size,
        written_at: file.written_at,
        action,
        due: Some(due),
        outcome: None,
        mark: None,
        stray: None,
        file: Some(file),
    }
}

fn planned(
    object: SealedObject,
    marks: &Records<LeftoverMark>,
    now: Timestamp,
    after: impl Fn(Timestamp) -> Timestamp,
) -> PlannedLeftover {
    let mark = marks.entries.iter().map(|(_, mark)| mark).find(|mark| mark.is_of(&object));
    let due = after(mark.map_or(now, |mark| mark.marked_at));
    let (action, due) = match mark {
        None if after(object.written_at) > now => (Action::Keep, None),
        None => (Action::Mark, Some(due)),
        Some(_) if due <= now => (Action::Remove, Some(due)),
        Some(_) => (Action::Wait, Some(due)),
    };
    let SealedObject { key, size, written_at } = object;
    PlannedLeftover {
        key,
        bytes: size,
        written_at,
        action,
        due,
        outcome: None,
        mark: mark.cloned(),
        stray: None,
        file: None,
    }
}

/// The marks of what is named after all, of what is gone, of what is another object now; and those that cannot be used.
fn strays(marks: &Records<LeftoverMark>, planned: &[PlannedLeftover]) -> Vec<PlannedLeftover> {
    let used: BTreeSet<_> = planned.iter().filter_map(|one| one.mark.as_ref()).map(|mark| &mark.key).collect();
    let unused = marks.entries.iter().filter(|(_, mark)| !used.contains(&mark.key)).map(|(key, _)| key);
    let damaged = marks.damaged.iter().map(|(key, _)| key);
    let stray = |key: &String| PlannedLeftover {
        key: key.clone(),
        bytes: 0,
        written_at: Timestamp::UNIX_EPOCH,
        action: Action::Unmark,
        due: None,
        outcome: None,
        mark: None,
        stray: Some(key.clone()),
        file: None,
    };
    unused.chain(damaged).map(stray).collect()
}

/// The objects that something names.
struct Named {
    keys: BTreeSet<String>,
    /// What may name some too, and cannot be read.
    damaged: Vec<String>,
}

impl Named {
    async fn read(repository: &Repository) -> Result<Self, RepositoryError> {
        let all = SnapshotFilter::default();
        let snapshots = repository.snapshots(&all).await?;
        let amendments = repository.amendments(&all).await?;
        let removals = repository.removals(&all).await?;
        let unreadable = |key: &String, error: &dyn std::error::Error| format!("{key} may name one: {}", chain(error));
        let damaged = snapshots.damaged.iter().map(|(key, error)| unreadable(key, error));
        let damaged = damaged.chain(amendments.damaged.iter().map(|(key, error)| unreadable(key, error)));
        let damaged = damaged.chain(removals.damaged.iter().map(|(key, error)| unreadable(key, error)));
        let of_manifests = snapshots.entries.iter().map(|entry| entry.summary.document.key.clone());
        let of_amendments = amendments.entries.iter().map(|(_, amendment)| amendment.document.key.clone());
        // What a removal names it takes away itself.
        let of_removals = removals.entries.iter().flat_map(|(_, removal)| removal.objects.iter().cloned());
        Ok(Self { damaged: damaged.collect(), keys: of_manifests.chain(of_amendments).chain(of_removals).collect() })
    }
}

/// Does what is planned. Before the first object is removed it is looked again whether anything names one.
pub(super) async fn apply(context: &PruneContext, plan: &mut LeftoverPlan, at: Timestamp) {
    if !plan.changes() {
        return;
    }
    let repository = &context.verify.repository;
    for one in plan.staged.iter_mut().filter(|one| one.action.changes()) {
        if let Some(file) = &one.file {
            let removed = repository.remove_staged(file).await;
            one.outcome = Some(removed.map_or_else(|error| Outcome::Failed(chain(&error)), |()| Outcome::Done));
        }
    }
    if !plan.refused.is_empty() {
        return;
    }
    let named = match plan.objects.iter().filter(|one| one.action == Action::Remove).count() {
        0 => Ok(Named { keys: BTreeSet::new(), damaged: Vec::new() }),
        _ => Named::read(repository).await,
    };
    for one in plan.objects.iter_mut().filter(|one| one.action.changes()) {
        let outcome = match (one.action, &one.mark, &named) {
            (Action::Remove, Some(mark), Ok(Named { keys, damaged })) => match keys.contains(&one.key) {
                true => Ok(Outcome::Left("it is named meanwhile".into())),
                false if !damaged.is_empty() => Ok(Outcome::Left(damaged[0].clone())),
                false => repository.remove_leftover(mark).await.map(|()| Outcome::Done),
            },
            (Action::Remove, _, Err(error)) => Ok(Outcome::Failed(chain(error))),
            (Action::Mark, ..) => {
                let object = SealedObject { key: one.key.clone(), size: one.bytes, written_at: one.written_at };
                repository.mark_leftover(&object, at, &context.tool, &context.signing_key).await.map(|()| Outcome::Done)
            }
            _ => match &one.stray {
                Some(mark) => repository.unmark_leftover(mark).await.map(|()| Outcome::Done),
                None => Ok(Outcome::Left("there is nothing to be done with it".into())),
            },
        };
        one.outcome = Some(outcome.unwrap_or_else(|error| Outcome::Failed(chain(&error))));
    }
}
