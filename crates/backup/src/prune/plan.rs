//! Makes the plan: reads what there is, checks it, and decides. Writes nothing but what a check remembers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::leftover;
use super::report::{Action, PlannedSnapshot, PruneReport, TargetPlan};
use super::{CLOCK_TOLERANCE, PruneContext, PruneError, PrunePlan, PruneRequest, PruneRule};
use crate::event::Observer;
use crate::manifest::SnapshotId;
use crate::pin::PinError;
use crate::repository::{Amendments, Lock, Mark, Records, Removal, SnapshotEntry, SnapshotFilter};
use crate::retention::{Aged, Rule};
use crate::target::Target;
use crate::verdict::Verdict;
use crate::verify::{Scope, VerifyReport, VerifyRequest, verify};

/// Decides what is done with each snapshot. Every chain that `request` looks at is checked, and of each target's last good snapshot the
/// data object too.
///
/// # Errors
/// [`PruneError`]: then nothing can be pruned. What is wrong with a target alone is in the plan.
pub async fn plan(
    context: &PruneContext,
    request: &PruneRequest,
    observer: &dyn Observer,
) -> Result<PrunePlan, PruneError> {
    if request.rules.iter().any(|rule| rule.policy.is_empty()) {
        return Err(PruneError::EmptyPolicy);
    }
    let found = Found::read(context, request).await?;
    // A clock that is behind what was written before would count grace times from a time that has not come.
    if let Some((what, then)) = found.newest(context)?
        && then.duration_since(found.now) > CLOCK_TOLERANCE
    {
        return Err(PruneError::ClockBehind { now: found.now, what, then });
    }
    let mut targets = found.targets(request);
    let anchors = targets.iter().flat_map(|target| &target.snapshots);
    let anchors = anchors.filter(|snapshot| snapshot.kept_by.contains(&Rule::LastGood));
    let scope = Scope::Manifests(anchors.map(|snapshot| snapshot.manifest_key.clone()).collect());
    let checked = VerifyRequest { filter: request.filter.clone(), scope, read: false };
    let checked = verify(&context.verify, &checked, observer).await?;
    refuse(&mut targets, &checked, &|target| context.verify.repository.chain_of(target));
    let leftovers = match request.leftovers {
        true => {
            let mut leftovers = leftover::plan(context, request, found.now).await?;
            // Where a chain is not right, what is missing in it may name one.
            let refused = targets.iter().filter(|target| !target.refused.is_empty());
            leftovers.refused.extend(refused.map(|target| format!("the chain of {} is not right", target.target)));
            Some(leftovers)
        }
        false => None,
    };
    let mut report = PruneReport {
        repository: context.verify.repository.location().to_owned(),
        at: found.now,
        applied: false,
        verdict: Verdict::Complete,
        targets,
        leftovers,
    };
    report.conclude();
    Ok(PrunePlan { report, named: found.named() })
}

/// What is in the repository.
struct Found {
    now: Timestamp,
    /// Of all targets, whichever are looked at: objects that others name are spared.
    entries: Vec<SnapshotEntry>,
    amendments: Amendments,
    marks: Records<Mark>,
    removals: Records<Removal>,
    locks: Records<Lock>,
}

impl Found {
    async fn read(context: &PruneContext, request: &PruneRequest) -> Result<Self, PruneError> {
        let repository = &context.verify.repository;
        let all = SnapshotFilter::default();
        // Locks are read last: one that is set while the rest is read counts.
        Ok(Self {
            now: context.verify.clock.now(),
            entries: repository.snapshots(&all).await?.entries,
            amendments: repository.amendments(&all).await?,
            marks: repository.marks(&request.filter).await?,
            removals: repository.removals(&request.filter).await?,
            locks: repository.locks().await?,
        })
    }

    /// What was written last of what bears a time, or was seen last, and when.
    fn newest(&self, context: &PruneContext) -> Result<Option<(String, Timestamp)>, PinError> {
        let repository = &context.verify.repository;
        let snapshots = self.entries.iter().map(|entry| {
            (format!("snapshot {}", entry.summary.id), entry.summary.started_at.max(entry.summary.finished_at))
        });
        let marks = self.marks.entries.iter().map(|(key, mark)| (key.clone(), mark.marked_at));
        let removals = self.removals.entries.iter().map(|(key, removal)| (key.clone(), removal.removed_at));
        let pins = match &context.verify.pins {
            Some(pins) => pins.all(&repository.id())?,
            None => BTreeMap::new(),
        };
        let pins = pins.into_iter().map(|(target, pin)| (format!("what was seen of {target}"), pin.seen_at));
        Ok(snapshots.chain(marks).chain(removals).chain(pins).max_by_key(|(_, then)| *then))
    }

    fn targets(&self, request: &PruneRequest) -> Vec<TargetPlan> {
        let mut targets = BTreeMap::<&Target, Vec<&SnapshotEntry>>::new();
        let looked_at = self.entries.iter().filter(|entry| request.filter.matches(&entry.summary.target));
        looked_at.for_each(|entry| targets.entry(&entry.summary.target).or_default().push(entry));
        for (_, removal) in &self.removals.entries {
            targets.entry(&removal.target).or_default();
        }
        let of = |(target, entries): (&Target, Vec<&SnapshotEntry>)| {
            let rule = request.rules.iter().find(|rule| rule.filter.matches(target));
            self.target(target, &entries, rule)
        };
        targets.into_iter().map(of).filter(|target| !target.snapshots.is_empty()).collect()
    }

    fn target(&self, target: &Target, entries: &[&SnapshotEntry], rule: Option<&PruneRule>) -> TargetPlan {
        let removed: BTreeMap<u64, &Removal> = self
            .removals
            .entries
            .iter()
            .map(|(_, removal)| removal)
            .filter(|removal| removal.target == *target)
            .map(|removal| (removal.sequence, removal))
            .collect();
        let marks: BTreeMap<u64, &Mark> = self
            .marks
            .entries
            .iter()
            .map(|(_, mark)| mark)
            .filter(|mark| mark.target == *target)
            .map(|mark| (mark.sequence, mark))
            .collect();
        let locked = |id: SnapshotId| self.locks.hold(id, self.now);
        // What is going has no say in what is kept.
        let (going, staying): (Vec<&SnapshotEntry>, Vec<_>) =
            entries.iter().copied().partition(|entry| removed.contains_key(&entry.summary.sequence));
        let aged: Vec<_> = staying.iter().map(|entry| Aged::of(&entry.summary, locked(entry.summary.id))).collect();
        let mut plan = TargetPlan {
            target: target.clone(),
            policy: rule.map(|rule| rule.policy.to_string()),
            refused: Vec::new(),
            snapshots: Vec::new(),
            stray_marks: Vec::new(),
            failures: Vec::new(),
        };
        match rule {
            Some(rule) => {
                for (entry, rules) in staying.iter().zip(rule.policy.decide(&aged)) {
                    let mark =
                        marks.get(&entry.summary.sequence).copied().filter(|mark| mark.snapshot == entry.summary.id);
                    plan.snapshots.push(self.planned(entry, rules, mark, rule));
                }
                let unfinished = removed.values().filter(|removal| {
                    marks.contains_key(&removal.sequence)
                        || going.iter().any(|entry| entry.summary.sequence == removal.sequence)
                });
                for removal in unfinished {
                    let entry = going.iter().find(|entry| entry.summary.sequence == removal.sequence).copied();
                    let mark = marks.get(&removal.sequence).copied();
                    plan.snapshots.push(unfinished_removal(removal, entry, mark, locked(removal.snapshot)));
                }
                let known = |sequence: &u64| {
                    entries.iter().any(|entry| entry.summary.sequence == *sequence) || removed.contains_key(sequence)
                };
                plan.stray_marks = marks.keys().copied().filter(|sequence| !known(sequence)).collect();
            }
            None => plan.snapshots.extend(staying.iter().map(|entry| of_entry(entry, Vec::new(), Action::Keep))),
        }
        plan.snapshots.sort_by_key(|snapshot| (snapshot.started_at, snapshot.sequence));
        plan
    }

    fn planned(
        &self,
        entry: &SnapshotEntry,
        kept_by: Vec<Rule>,
        mark: Option<&Mark>,
        rule: &PruneRule,
    ) -> PlannedSnapshot {
        let is_marked = mark.is_some() || self.has_damaged_mark(entry);
        let due = rule.grace.after(mark.map_or(self.now, |mark| mark.marked_at));
        let (action, due) = match (kept_by.is_empty(), mark) {
            (false, _) if is_marked => (Action::Unmark, None),
            (false, _) => (Action::Keep, None),
            (true, None) => (Action::Mark, Some(due)),
            (true, Some(_)) if due <= self.now => (Action::Remove, Some(due)),
            (true, Some(_)) => (Action::Wait, Some(due)),
        };
        PlannedSnapshot { due, mark: mark.cloned(), is_marked, ..of_entry(entry, kept_by, action) }
    }

    /// A mark that cannot be used counts for nothing, and is replaced or taken away.
    fn has_damaged_mark(&self, entry: &SnapshotEntry) -> bool {
        let place = entry.manifest_key.replacen("manifests/", "marks/", 1);
        let stem = place.trim_end_matches(".manifest");
        let others =
            self.marks.entries.iter().filter(|(_, mark)| mark.snapshot != entry.summary.id).map(|(key, _)| key);
        self.marks.damaged.iter().map(|(key, _)| key).chain(others).any(|key| key.trim_end_matches(".mark") == stem)
    }

    /// Which snapshots name a data object.
    fn named(&self) -> BTreeMap<String, BTreeSet<SnapshotId>> {
        let mut named = BTreeMap::<String, BTreeSet<SnapshotId>>::new();
        let manifests = self.entries.iter().map(|entry| (&entry.summary.document.key, entry.summary.id));
        let amendments = self.amendments.entries.iter().map(|(_, one)| (&one.document.key, one.snapshot));
        manifests.chain(amendments).for_each(|(key, id)| _ = named.entry(key.clone()).or_default().insert(id));
        named
    }
}

fn of_entry(entry: &SnapshotEntry, kept_by: Vec<Rule>, action: Action) -> PlannedSnapshot {
    let summary = &entry.summary;
    PlannedSnapshot {
        id: summary.id,
        sequence: summary.sequence,
        started_at: summary.started_at,
        purpose: summary.purpose,
        verdict: Some(summary.verdict),
        bytes: summary.document.size,
        kept_by,
        action,
        due: None,
        outcome: None,
        manifest_key: entry.manifest_key.clone(),
        mark: None,
        is_marked: false,
        removal: None,
    }
}

fn unfinished_removal(
    removal: &Removal,
    entry: Option<&SnapshotEntry>,
    mark: Option<&Mark>,
    locked: bool,
) -> PlannedSnapshot {
    // Locked after it was begun: what is still there stays.
    let (kept_by, action) = match locked && entry.is_some() {
        true => (vec![Rule::Locked], Action::Keep),
        false => (Vec::new(), Action::Finish),
    };
    PlannedSnapshot {
        id: removal.snapshot,
        sequence: removal.sequence,
        started_at: removal.started_at,
        purpose: entry.and_then(|entry| entry.summary.purpose),
        verdict: entry.map(|entry| entry.summary.verdict),
        bytes: entry.map_or(0, |entry| entry.summary.document.size),
        kept_by,
        action,
        due: None,
        outcome: None,
        manifest_key: entry.map(|entry| entry.manifest_key.clone()).unwrap_or_default(),
        mark: mark.cloned(),
        is_marked: mark.is_some(),
        removal: Some(removal.clone()),
    }
}

/// Refuses the targets that something is wrong with; all of them, where it is with the repository as a whole.
fn refuse(targets: &mut [TargetPlan], checked: &VerifyReport, chain_of: &dyn Fn(&Target) -> String) {
    let findings = checked.findings.iter().map(|finding| {
        let message = format!("{}: {}: {}", finding.kind, finding.object, finding.message);
        (finding.object.as_str(), finding.snapshot.as_deref(), message)
    });
    let unchecked = checked.unchecked.iter().map(|unchecked| {
        let message = format!("could not be checked: {}: {}", unchecked.object, unchecked.reason);
        (unchecked.object.as_str(), None, message)
    });
    for (object, snapshot, message) in findings.chain(unchecked) {
        let of = |target: &TargetPlan| {
            let chain = chain_of(&target.target);
            let place = chain.split_once('/').map_or("", |(_, place)| place);
            let in_chain = object.split_once('/').is_some_and(|(_, rest)| rest.starts_with(&format!("{place}/")));
            let is_its = |id: &str| target.snapshots.iter().any(|one| one.id.to_string() == id);
            in_chain || snapshot.is_some_and(is_its)
        };
        let is_of_one = targets.iter().any(&of);
        for target in targets.iter_mut().filter(|target| target.policy.is_some()) {
            if !is_of_one || of(target) {
                target.refused.push(message.clone());
            }
        }
    }
}
