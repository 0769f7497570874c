//! Pruning: what no rule keeps goes in two phases, and nothing else goes, whatever call fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::event::NoObserver;
use parados_backup::manifest::SnapshotId;
use parados_backup::pin::Pins;
use parados_backup::prune::{
    Action, Outcome, PruneContext, PruneError, PruneReport, PruneRequest, PruneRule, apply, plan,
};
use parados_backup::repository::{LockDraft, Repository, SnapshotFilter};
use parados_backup::retention::{Period, RetentionPolicy, Rule};
use parados_backup::seal::Identities;
use parados_backup::verdict::Verdict;
use parados_backup::verify::{Finding, FindingKind, VerifyContext, VerifyReport, VerifyRequest, verify};
use parados_parameter::Clock as _;

use crate::copy::{Backed, objects, open, readable};
use crate::interrupted::{Effect, Interrupted, Plan};
use crate::shop::{Contents, contents, signing_key};
use crate::timed::Timed;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Three snapshots of one day, and then one of dev on each of five more: dev's are 1, 3 and 4 to 8.
async fn backed() -> Backed {
    let backed = Backed::up().await;
    for number in 4..=8 {
        backed.shop.clock.advance(DAY);
        backed.back_up(&backed.store, "dev", number).await;
    }
    backed
}

fn id(number: u8) -> SnapshotId {
    SnapshotId::from_bytes([number; 8])
}

fn ids(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| id(number).to_string()).collect()
}

fn last(number: u32) -> PruneRequest {
    let policy = RetentionPolicy { last: number, ..RetentionPolicy::default() };
    let rule = PruneRule { filter: SnapshotFilter::default(), policy, grace: Period::days(7) };
    PruneRequest { filter: SnapshotFilter::default(), rules: vec![rule], leftovers: true }
}

/// Pruning as this machine would do it on `store`.
struct Pruning<'a> {
    backed: &'a Backed,
    store: Arc<dyn ObjectStore>,
    pins: Option<Pins>,
}

impl<'a> Pruning<'a> {
    fn of(backed: &'a Backed) -> Self {
        Self::on(backed, &backed.store)
    }

    fn on(backed: &'a Backed, store: &Arc<dyn ObjectStore>) -> Self {
        let clock = backed.shop.clock.clone();
        let store =
            Arc::new(Timed { inner: store.clone(), clock, ahead: SignedDuration::ZERO, written: Default::default() });
        Self { backed, store, pins: None }
    }

    async fn context(&self) -> Result<PruneContext, PruneError> {
        let verify = VerifyContext {
            repository: Arc::new(Repository::open(objects(self.store.clone())).await?),
            trusted: [signing_key().public_key()].into_iter().collect(),
            signing_key: Some(signing_key()),
            identities: Identities::default(),
            pins: self.pins.clone(),
            clock: self.backed.shop.clock.clone(),
        };
        Ok(PruneContext { verify, signing_key: signing_key(), tool: "parados test".into() })
    }

    async fn plan(&self, request: &PruneRequest) -> Result<PruneReport, PruneError> {
        Ok(plan(&self.context().await?, request, &NoObserver).await?.report)
    }

    /// Plans and does it.
    async fn run(&self, request: &PruneRequest) -> Result<PruneReport, PruneError> {
        let context = self.context().await?;
        let plan = plan(&context, request, &NoObserver).await?;
        apply(&context, plan, 7, &NoObserver).await
    }

    async fn verified(&self) -> VerifyReport {
        let context = self.context().await.unwrap();
        verify(&context.verify, &VerifyRequest::default(), &NoObserver).await.unwrap()
    }
}

fn with(report: &PruneReport, action: Action) -> BTreeSet<String> {
    let snapshots = report.targets.iter().flat_map(|target| &target.snapshots);
    snapshots.filter(|one| one.action == action).map(|one| one.id.to_string()).collect()
}

async fn kept(backed: &Backed) -> BTreeSet<String> {
    kept_in(&backed.store, backed).await
}

/// The snapshots that are there; each can be read to its end.
async fn kept_in(store: &Arc<dyn ObjectStore>, backed: &Backed) -> BTreeSet<String> {
    readable(store, &backed.identities()).await.into_keys().collect()
}

#[tokio::test]
async fn what_no_rule_keeps_is_marked_and_removed_when_its_grace_time_is_over() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    let before = contents(&*backed.store).await;
    let planned = pruning.plan(&last(3)).await.unwrap();
    assert_eq!(contents(&*backed.store).await, before, "a plan writes nothing");
    assert_eq!((with(&planned, Action::Mark), planned.applied), (ids([1, 3, 4, 5]), false));

    let first = pruning.run(&last(3)).await.unwrap();
    assert_eq!((first.verdict, with(&first, Action::Mark)), (Verdict::Complete, ids([1, 3, 4, 5])), "{first:?}");
    let after = contents(&*backed.store).await;
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(new.len() == 4 && new.iter().all(|key| key.starts_with("marks/shop/dev/")), "{new:?}");
    assert!(before.iter().all(|(key, bytes)| after.get(key) == Some(bytes)));

    backed.shop.clock.advance(6 * DAY);
    let waiting = pruning.run(&last(3)).await.unwrap();
    assert_eq!((with(&waiting, Action::Wait), contents(&*backed.store).await), (ids([1, 3, 4, 5]), after));

    backed.shop.clock.advance(DAY);
    let swept = pruning.run(&last(3)).await.unwrap();
    assert_eq!((swept.verdict, with(&swept, Action::Remove)), (Verdict::Complete, ids([1, 3, 4, 5])), "{swept:?}");
    assert_eq!(kept(&backed).await, ids([2, 6, 7, 8]), "prod's only one is its last good one");
    let verified = pruning.verified().await;
    assert!(verified.is_clean(), "the chain is whole: {verified:?}");
    let left = contents(&*backed.store).await;
    assert!(left.keys().all(|key| !key.starts_with("marks/")), "{:?}", left.keys());
    assert_eq!(left.keys().filter(|key| key.starts_with("removed/")).count(), 4);
    let documents = left.keys().filter(|key| key.ends_with(".json.zst.age")).count();
    assert_eq!((documents, left.contains_key("parados.json")), (4, true));

    let again = pruning.run(&last(3)).await.unwrap();
    assert_eq!((again.verdict, contents(&*backed.store).await), (Verdict::Complete, left));
    backed.back_up(&backed.store, "dev", 9).await;
    let verified = pruning.verified().await;
    assert!(verified.is_clean(), "{verified:?}");
}

#[tokio::test]
async fn a_snapshot_is_never_removed_by_the_run_that_marks_it() {
    let backed = backed().await;
    let mut request = last(1);
    request.rules[0].grace = "0s".parse().unwrap();
    let first = Pruning::of(&backed).run(&request).await.unwrap();
    assert_eq!((with(&first, Action::Mark).len(), kept(&backed).await.len()), (6, 8));
    Pruning::of(&backed).run(&request).await.unwrap();
    assert_eq!(kept(&backed).await, ids([2, 8]));
}

#[tokio::test]
async fn a_mark_is_taken_away_when_the_snapshot_is_wanted_after_all() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    pruning.run(&last(1)).await.unwrap();
    backed.shop.clock.advance(30 * DAY);
    let wider = pruning.run(&last(4)).await.unwrap();
    assert_eq!((with(&wider, Action::Unmark), with(&wider, Action::Remove)), (ids([5, 6, 7]), ids([1, 3, 4])));
    assert_eq!(kept(&backed).await, ids([2, 5, 6, 7, 8]));
    assert!(contents(&*backed.store).await.keys().all(|key| !key.starts_with("marks/")));
}

#[tokio::test]
async fn a_mark_that_cannot_be_used_is_replaced_and_its_time_begins_anew() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    pruning.run(&last(6)).await.unwrap();
    let marks: Vec<_> = contents(&*backed.store).await.into_keys().filter(|key| key.starts_with("marks/")).collect();
    assert_eq!(marks.len(), 1);
    backed.store.put(&Path::from(marks[0].as_str()), "damaged".into()).await.unwrap();
    backed.shop.clock.advance(8 * DAY);
    let report = pruning.run(&last(6)).await.unwrap();
    assert_eq!((report.verdict, with(&report, Action::Mark)), (Verdict::Complete, ids([1])));
    assert_eq!(kept(&backed).await.len(), 8);
    backed.shop.clock.advance(8 * DAY);
    pruning.run(&last(6)).await.unwrap();
    assert_eq!(kept(&backed).await, ids(2..=8));
}

/// What a backup that was stopped, and one that was sealed again, left behind.
const LEFT: [&str; 2] = [
    "2025-10-15/ssm-backup-dev-20251015_235959.json.zst.age",
    "2025-10-15/ssm-backup-prod-20251015_120145.0badcafe.json.zst.age",
];
/// What is none of it: the old pipeline's, somebody's, and what looks almost so.
const NOT_LEFT: [&str; 4] = [
    "2025-10-15/ssm-backup-dev-20251015_235958.json",
    "2025-10-15/notes.json.zst.age",
    "archive/ssm-backup-dev-20251015_235957.json.zst.age",
    "2025-10-15/deeper/ssm-backup-dev-20251015_235956.json.zst.age",
];

fn leftovers(report: &PruneReport) -> Vec<(&str, Action)> {
    let objects = report.leftovers.iter().flat_map(|leftovers| &leftovers.objects);
    objects.map(|one| (one.key.as_str(), one.action)).collect()
}

#[tokio::test]
async fn what_nothing_names_is_marked_when_it_is_old_and_removed_when_its_grace_time_is_over() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    for key in LEFT.iter().chain(&NOT_LEFT) {
        pruning.store.put(&Path::from(*key), "left over".into()).await.unwrap();
    }
    let request = last(9);
    let all = |action| LEFT.map(|key| (key, action)).to_vec();
    let before = contents(&*backed.store).await;
    // One that is younger than the grace time may be of a backup that is under way.
    backed.shop.clock.advance(6 * DAY);
    let young = pruning.run(&request).await.unwrap();
    assert_eq!((leftovers(&young), contents(&*backed.store).await), (all(Action::Keep), before.clone()));

    backed.shop.clock.advance(2 * DAY);
    let marked = pruning.run(&request).await.unwrap();
    assert_eq!((leftovers(&marked), marked.verdict), (all(Action::Mark), Verdict::Complete), "{marked:?}");
    let after = contents(&*backed.store).await;
    let new: Vec<_> = after.keys().filter(|key| !before.contains_key(*key)).collect();
    assert!(new.len() == 2 && new.iter().all(|key| key.starts_with("marks/leftover/")), "{new:?}");
    backed.shop.clock.advance(6 * DAY);
    let waiting = pruning.run(&request).await.unwrap();
    assert_eq!((leftovers(&waiting), contents(&*backed.store).await), (all(Action::Wait), after));

    backed.shop.clock.advance(2 * DAY);
    let planned = pruning.plan(&request).await.unwrap();
    assert_eq!(leftovers(&planned), all(Action::Remove));
    let removed = pruning.run(&request).await.unwrap();
    assert_eq!((leftovers(&removed), removed.verdict), (all(Action::Remove), Verdict::Complete), "{removed:?}");
    let left = contents(&*backed.store).await;
    let gone: Vec<_> = before.keys().filter(|key| !left.contains_key(*key)).collect();
    assert_eq!(gone, LEFT, "and nothing else");
    assert!(left.len() == before.len() - 2 && pruning.verified().await.is_clean());
    assert_eq!(leftovers(&pruning.run(&request).await.unwrap()), []);
}

#[tokio::test]
async fn a_grace_time_of_nothing_does_not_count_for_what_nothing_names() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    pruning.store.put(&Path::from(LEFT[0]), "left over".into()).await.unwrap();
    let mut request = last(9);
    request.rules[0].grace = "0s".parse().unwrap();
    backed.shop.clock.advance(DAY / 2);
    assert_eq!(leftovers(&pruning.run(&request).await.unwrap()), [(LEFT[0], Action::Keep)]);
    backed.shop.clock.advance(DAY);
    assert_eq!(leftovers(&pruning.run(&request).await.unwrap()), [(LEFT[0], Action::Mark)]);
    assert_eq!(leftovers(&pruning.run(&request).await.unwrap()), [(LEFT[0], Action::Wait)]);
    request.leftovers = false;
    assert_eq!(pruning.run(&request).await.unwrap().leftovers, None);
}

#[tokio::test]
async fn what_is_named_after_all_loses_its_mark_and_another_object_is_not_the_one_that_was_marked() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    for key in LEFT {
        pruning.store.put(&Path::from(key), "left over".into()).await.unwrap();
    }
    let request = last(9);
    backed.shop.clock.advance(8 * DAY);
    pruning.run(&request).await.unwrap();
    backed.shop.clock.advance(8 * DAY);
    let context = pruning.context().await.unwrap();
    let due = plan(&context, &request, &NoObserver).await.unwrap();
    // Since the plan was made: one is another object, and the other one is gone.
    pruning.store.put(&Path::from(LEFT[0]), "another object".into()).await.unwrap();
    pruning.store.delete(&Path::from(LEFT[1])).await.unwrap();
    let report = apply(&context, due, 7, &NoObserver).await.unwrap();
    let outcomes = report.leftovers.as_ref().unwrap().objects.iter().map(|one| one.outcome.as_ref().unwrap());
    let outcomes: Vec<_> = outcomes.collect();
    assert!(matches!(outcomes[..], [Outcome::Failed(_), Outcome::Done]), "{outcomes:?}");
    assert_eq!(report.verdict, Verdict::Partial);
    // Its time begins anew: its mark is that of the object before.
    let next = pruning.run(&request).await.unwrap();
    let [(kept, Action::Keep), (mark, Action::Unmark)] = leftovers(&next)[..] else { panic!("{next:?}") };
    assert!(kept == LEFT[0] && mark.starts_with("marks/leftover/"), "{next:?}");
    assert!(contents(&*backed.store).await.keys().all(|key| !key.starts_with("marks/")));
}

#[tokio::test]
async fn nothing_that_nothing_names_is_removed_where_anything_cannot_be_read() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    pruning.store.put(&Path::from(LEFT[0]), "left over".into()).await.unwrap();
    let request = last(9);
    for _ in 0..2 {
        backed.shop.clock.advance(8 * DAY);
        if leftovers(&pruning.plan(&request).await.unwrap()) == [(LEFT[0], Action::Mark)] {
            pruning.run(&request).await.unwrap();
        }
    }
    let whole = contents(&*backed.store).await;
    let is_its = |key: &&String| key.starts_with("manifests/shop/dev/");
    let manifest = whole.keys().filter(is_its).nth(1).unwrap().clone();
    for damaged in [Some(whole[&manifest].slice(..90)), None] {
        let path = Path::from(manifest.as_str());
        match damaged {
            Some(bytes) => drop(backed.store.put(&path, bytes.into()).await.unwrap()),
            None => backed.store.delete(&path).await.unwrap(),
        }
        let report = pruning.run(&request).await.unwrap();
        let found = report.leftovers.as_ref().unwrap();
        assert!(!found.refused.is_empty() && found.count(Action::Remove) == 0, "{found:?}");
        assert!(contents(&*backed.store).await.contains_key(LEFT[0]));
    }
    backed.store.put(&Path::from(manifest.as_str()), whole[&manifest].clone().into()).await.unwrap();
    let report = pruning.run(&request).await.unwrap();
    // The object that the missing manifest named was left over meanwhile, and is named again.
    assert!(leftovers(&report).contains(&(LEFT[0], Action::Remove)), "{report:?}");
    assert_eq!(kept(&backed).await.len(), 8);
}

async fn lock(backed: &Backed, number: u8, until: Option<Timestamp>) -> String {
    let created_at = backed.shop.clock.now();
    let draft = LockDraft { id: [number; 4], snapshot: id(number), reason: "audit".into(), created_at, until };
    open(&backed.store).await.lock(draft, &signing_key()).await.unwrap()
}

#[tokio::test]
async fn a_locked_snapshot_stays_also_when_it_is_locked_after_it_was_marked_or_after_the_plan() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    lock(&backed, 1, None).await;
    let report = pruning.run(&last(3)).await.unwrap();
    assert_eq!(with(&report, Action::Mark), ids([3, 4, 5]));
    let rules = |report: &PruneReport, number: u8| {
        let mut all = report.targets.iter().flat_map(|target| target.snapshots.clone());
        all.find(|one| one.id == id(number)).unwrap()
    };
    assert_eq!(rules(&report, 1).kept_by, [Rule::Locked]);

    backed.shop.clock.advance(8 * DAY);
    lock(&backed, 3, None).await;
    let context = pruning.context().await.unwrap();
    let made = plan(&context, &last(3), &NoObserver).await.unwrap();
    assert_eq!(with(&made.report, Action::Unmark), ids([3]));
    let until = backed.shop.clock.now() + SignedDuration::from_hours(24);
    lock(&backed, 4, Some(until)).await;
    let report = apply(&context, made, 7, &NoObserver).await.unwrap();
    assert_eq!(rules(&report, 4).outcome, Some(Outcome::Left("it was locked".into())));
    assert_eq!(rules(&report, 5).outcome, Some(Outcome::Done));
    assert_eq!((report.verdict, kept(&backed).await), (Verdict::Partial, ids([1, 2, 3, 4, 6, 7, 8])));

    // The lock is over.
    backed.shop.clock.advance(2 * DAY);
    pruning.run(&last(3)).await.unwrap();
    assert_eq!(kept(&backed).await, ids([1, 2, 3, 6, 7, 8]));
}

#[tokio::test]
async fn a_clock_that_is_behind_or_off_prunes_nothing() {
    let backed = backed().await;
    let before = contents(&*backed.store).await;
    let behind = Backed::up().await;
    let error = Pruning::on(&behind, &backed.store).run(&last(1)).await.unwrap_err();
    assert!(matches!(error, PruneError::ClockBehind { .. }) && !error.hints().is_empty(), "{error}");
    for hours in [-1, 1] {
        let (inner, clock) = (backed.store.clone(), backed.shop.clock.clone());
        let off =
            Arc::new(Timed { inner, clock, ahead: SignedDuration::from_hours(hours), written: Default::default() });
        let error = Pruning { store: off, ..Pruning::of(&backed) }.run(&last(1)).await.unwrap_err();
        assert!(matches!(error, PruneError::ClockOff { .. }) && !error.hints().is_empty(), "{error}");
    }

    let folder = tempfile::tempdir().unwrap();
    let pins = Some(Pins::in_folder(folder.path()));
    backed.shop.clock.advance(DAY);
    Pruning { pins: pins.clone(), ..Pruning::of(&backed) }.plan(&last(1)).await.unwrap();
    behind.shop.clock.advance(5 * DAY + Duration::from_secs(3600));
    Pruning::on(&behind, &backed.store).plan(&last(1)).await.unwrap();
    let error = Pruning { pins, ..Pruning::on(&behind, &backed.store) }.plan(&last(1)).await.unwrap_err();
    assert!(matches!(&error, PruneError::ClockBehind { what, .. } if what.contains("seen")), "{error}");
    assert_eq!(contents(&*backed.store).await, before);
}

#[tokio::test]
async fn a_chain_that_is_not_right_is_refused_and_the_others_are_pruned() {
    for damage in ["removed", "flipped", "document"] {
        let backed = backed().await;
        let pruning = Pruning::of(&backed);
        backed.back_up(&backed.store, "prod", 9).await;
        let repository = open(&backed.store).await;
        let found = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
        let of = |number: u8| found.iter().find(|entry| entry.summary.id == id(number)).unwrap();
        let key = match damage {
            "document" => Path::from(of(8).summary.document.key.as_str()),
            _ => Path::from(of(4).manifest_key.as_str()),
        };
        let mut bytes = backed.store.get(&key).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[300] ^= 1;
        match damage {
            "removed" => backed.store.delete(&key).await.unwrap(),
            _ => drop(backed.store.put(&key, bytes.into()).await.unwrap()),
        }
        let before = contents(&*backed.store).await;
        let report = pruning.run(&last(1)).await.unwrap();
        let [dev, prod] = &report.targets[..] else { panic!("{report:?}") };
        assert!(dev.refused.len() == 1 && prod.refused.is_empty(), "{damage}: {report:?}");
        assert_eq!(
            (report.verdict, with(&report, Action::Mark).contains(&id(2).to_string())),
            (Verdict::Partial, true)
        );
        let after = contents(&*backed.store).await;
        let new: Vec<_> = after.keys().filter(|key| !before.contains_key(*key)).collect();
        assert!(matches!(&new[..], [mark] if mark.starts_with("marks/shop/prod/")), "{damage}: {new:?}");
    }
}

#[tokio::test]
async fn a_removal_that_is_gone_or_changed_is_noticed() {
    let backed = backed().await;
    let pruning = Pruning::of(&backed);
    pruning.run(&last(3)).await.unwrap();
    backed.shop.clock.advance(8 * DAY);
    pruning.run(&last(3)).await.unwrap();
    assert!(pruning.verified().await.is_clean());
    let stored = contents(&*backed.store).await;
    let removals: Vec<_> = stored.iter().filter(|(key, _)| key.starts_with("removed/")).collect();
    for (key, bytes) in &removals {
        let path = Path::from(key.as_str());
        let mut flipped = bytes.to_vec();
        flipped[60] ^= 1;
        let other = removals.iter().find(|(other, _)| other != key).unwrap().1.clone();
        for (content, kind) in [
            (Some(flipped.into()), FindingKind::Changed),
            (Some(bytes.slice(..bytes.len() - 40)), FindingKind::Truncated),
            (Some(other), FindingKind::Replayed),
            (None, FindingKind::Removed),
        ] {
            match content {
                Some(content) => drop(backed.store.put(&path, content.into()).await.unwrap()),
                None => backed.store.delete(&path).await.unwrap(),
            }
            let verified = pruning.verified().await;
            let is_it =
                |finding: &Finding| finding.kind == kind && (finding.object == **key || kind == FindingKind::Removed);
            assert!(verified.findings.iter().any(is_it), "{key}: {kind}: {verified:?}");
            backed.store.put(&path, (*bytes).clone().into()).await.unwrap();
        }
    }
    assert!(pruning.verified().await.is_clean());
}

#[tokio::test]
async fn a_target_without_a_rule_is_left_alone_and_no_rule_at_all_is_refused() {
    let backed = backed().await;
    let mut request = last(1);
    request.rules[0].filter.environment = Some("prod".into());
    let report = Pruning::of(&backed).run(&request).await.unwrap();
    assert!(report.targets.iter().all(|target| !target.changes()), "{report:?}");
    assert_eq!(report.targets[0].policy, None);
    request.rules[0].policy = RetentionPolicy::default();
    let error = Pruning::of(&backed).plan(&request).await.unwrap_err();
    assert!(matches!(error, PruneError::EmptyPolicy), "{error}");
    request.rules.clear();
    assert_eq!(Pruning::of(&backed).plan(&request).await.unwrap().verdict, Verdict::NothingMatched);
}

/// A repository in which a run has something to mark, something to take a mark from and something to remove.
async fn due() -> Backed {
    let backed = backed().await;
    Pruning::of(&backed).run(&last(4)).await.unwrap();
    backed.shop.clock.advance(8 * DAY);
    let repository = open(&backed.store).await;
    let found = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let wanted = found.iter().find(|entry| entry.summary.id == id(8)).unwrap();
    let manifest = repository.read_manifest(&wanted.manifest_key).await.unwrap();
    let now = backed.shop.clock.now();
    repository.mark(&wanted.summary, manifest.digest, now, "test", &signing_key()).await.unwrap();
    backed
}

/// With a fault at a call of a run on what is `stored`. Whether it was met.
async fn with_fault(backed: &Backed, stored: &Contents, faults: &Arc<Plan>, nth: usize, place: &str) -> bool {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (key, bytes) in stored {
        store.put(&Path::from(key.as_str()), bytes.clone().into()).await.unwrap();
    }
    let sound = Pruning::on(backed, &store);
    let disturbed = Arc::new(Interrupted::new(sound.store.clone(), faults.clone()));
    let outcome = Pruning { store: disturbed, ..Pruning::of(backed) }.run(&last(3)).await;
    if let Ok(report) = &outcome
        && report.verdict == Verdict::Complete
    {
        assert_eq!(with(report, Action::Remove), ids([1, 3, 4]), "{place}");
    }

    let left = kept_in(&store, backed).await;
    assert!(left.is_superset(&ids([2, 5, 6, 7, 8])), "{place}: {left:?}");
    let verified = sound.verified().await;
    assert!(verified.is_clean(), "{place}: {verified:?}");

    let next = sound.run(&last(3)).await.unwrap();
    assert!(matches!(next.verdict, Verdict::Complete), "{place}: {next:?}");
    assert_eq!(kept_in(&store, backed).await, ids([2, 5, 6, 7, 8]), "{place}");
    let after = contents(&*store).await;
    let marks: Vec<_> = after.keys().filter(|key| key.ends_with(".mark")).collect();
    assert!(matches!(&marks[..], [mark] if mark.ends_with("0000000004.mark")), "{place}: {marks:?}");
    assert_eq!(after.keys().filter(|key| key.ends_with(".json.zst.age")).count(), 5, "{place}");
    faults.calls().len() > nth
}

async fn with_faults(effect: Effect, dead: bool) {
    let backed = due().await;
    let stored = contents(&*backed.store).await;
    for nth in 0.. {
        let faults = match dead {
            true => Plan::dead_after(nth, effect),
            false => Plan::new(nth, effect, ""),
        };
        let place = format!("{effect:?} of call {nth}, dead after it: {dead}");
        if !with_fault(&backed, &stored, &faults, nth, &place).await {
            assert!(nth > 60, "a run makes more than {nth} calls");
            break;
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_at_any_call_harms_nothing_that_is_kept() {
    with_faults(Effect::FailBefore, false).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_call_harms_nothing_that_is_kept() {
    with_faults(Effect::FailAfter, false).await;
}

#[tokio::test]
async fn a_call_that_is_denied_harms_nothing_that_is_kept() {
    with_faults(Effect::Denied, false).await;
}

#[tokio::test]
async fn a_run_that_ends_before_or_after_any_call_harms_nothing_that_is_kept() {
    with_faults(Effect::FailBefore, true).await;
    with_faults(Effect::FailAfter, true).await;
}
