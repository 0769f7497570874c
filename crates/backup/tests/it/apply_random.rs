//! Random plans, applied by the real thing: onto a store that nobody else uses, and undone again; and onto one that others change
//! meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::memory::InMemory;
use parados_backup::event::NoObserver;
use parados_backup::field::{Field, differing};
use parados_backup::manifest::SnapshotId;
use parados_backup::repository::{Completion, Objects, Repository, SnapshotFilter};
use parados_backup::restore::{
    Action, ApplyContext, Journal, Outcome, RestorePlan, RestoreReport, RestoreRequest, RestoreSource, RestoreVerdict,
    Undo, UndoContext, apply, plan,
};
use parados_backup::seal::Identities;
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::reading::history_all;
use parados_parameter::{Operation, ParameterName, ParameterStore as _, PutRequest, Secret, SharedStore};
use proptest::prelude::*;

use crate::restoring::{Case, Taken, any_case, everything, happen, planner, shop_with, take, take_or_nothing};
use crate::shared_store::{Others, Shared};
use crate::shop::{self, Shop};

/// A repository for snapshots of `shop` for undo.
async fn undo_repository(shop: &Shop) -> Arc<Repository> {
    let objects = Objects::new(Arc::new(InMemory::new()), "memory://", Completion::Checked);
    shop.context(shop.store.clone(), objects, &[], None).await.repository
}

/// Applies `plan` to `store`, which is that of `shop` with somebody in between or not.
async fn apply_to(
    (shop, store): (&Shop, SharedStore),
    source: &RestoreSource,
    plan: &RestorePlan,
    repository: &Arc<Repository>,
    folder: &Path,
) -> RestoreReport {
    let meter = Arc::new(CallMeter::default());
    let store: SharedStore = Arc::new(Metered::new(store, meter.clone()));
    let planned = planner(shop, source, plan.into.kind);
    let number = u8::try_from(repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries.len()).unwrap();
    let context = ApplyContext {
        source: source.clone(),
        identities: Identities::default(),
        store: store.clone(),
        into: planned.into,
        meter: meter.clone(),
        fingerprints: planned.fingerprints,
        clock: shop.clock.clone(),
        undo: Some(UndoContext {
            backup: parados_backup::backup::BackupContext {
                store,
                meter,
                repository: repository.clone(),
                signing_key: shop::signing_key(),
                sealer: None,
                identities: Identities::default(),
                clock: shop.clock.clone(),
                tool: "parados test".into(),
            },
            target: shop::request("dev", 1).target,
            id: SnapshotId::from_bytes([0xe0 + number; 8]),
        }),
        journal: Journal::in_folder(folder),
        names_in_flight: 3,
    };
    apply(&context, plan, &NoObserver).await
}

async fn planned(case: &Case) -> Option<(Shop, Taken, RestoreRequest, RestorePlan)> {
    let (from, into) = (shop_with(case.annotated), shop_with(!case.annotated));
    happen(&from, &case.before).await;
    happen(&into, &case.there).await;
    if from.store.describe(&Default::default()).await.unwrap().items.is_empty() {
        return None; // Nothing there is nothing backed up.
    }
    let taken = take(&from, case.backed_up_with_history).await;
    let request = RestoreRequest {
        maps: if case.map { vec!["/a/dev/=/b/dev/".parse().unwrap()] } else { Vec::new() },
        with_history: case.with_history,
        with_labels: case.with_labels,
        delete_extra: case.delete_extra,
        ..everything()
    };
    let plan = plan(&planner(&into, &taken.source, case.kind), &request, &NoObserver).await.unwrap();
    into.clock.advance(Duration::from_secs(60));
    Some((into, taken, request, plan))
}

/// Each parameter of the plan is as it is wanted: another plan says so.
async fn check_settled(
    into: &Shop,
    taken: &Taken,
    request: &RestoreRequest,
    first: &RestorePlan,
    but: &BTreeSet<ParameterName>,
) {
    let second = plan(&planner(into, &taken.source, first.into.kind), request, &NoObserver).await.unwrap();
    for change in second.changes.iter().filter(|change| !but.contains(&change.name)) {
        let was = first.changes.iter().find(|one| one.name == change.name).unwrap();
        let settled = change.action == Action::Unchanged
            || (change.action == Action::Impossible && was.action == Action::Impossible);
        assert!(settled, "first {was:#?}\nsecond {change:#?}");
    }
}

async fn apply_and_undo(case: Case) {
    let Some((into, taken, request, first)) = planned(&case).await else { return };
    let before = take_or_nothing(&into).await;
    let (repository, folder) = (undo_repository(&into).await, tempfile::tempdir().unwrap());
    let report = apply_to((&into, into.store.clone()), &taken.source, &first, &repository, folder.path()).await;
    let wrong = |report: &RestoreReport| -> Vec<_> {
        let is_wrong = |outcome| !matches!(outcome, Outcome::Done | Outcome::AlreadyAsWanted | Outcome::Impossible);
        report.outcomes.iter().filter(|one| is_wrong(one.outcome)).cloned().collect()
    };
    assert_eq!((report.error.clone(), wrong(&report)), (None, vec![]));
    check_settled(&into, &taken, &request, &first, &BTreeSet::new()).await;

    // And the way back.
    let Some(journal) = Journal::read(folder.path()).unwrap() else { panic!("a plan that was applied has a journal") };
    let undo = Undo::of(&first, &journal);
    into.clock.advance(Duration::from_secs(60));
    let source = match &undo.snapshot {
        None => taken.source.clone(),
        Some(id) => {
            let entries = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
            let entry = entries.iter().find(|entry| entry.summary.id.to_string() == *id).unwrap();
            let manifest = Arc::new(repository.read_manifest(&entry.manifest_key).await.unwrap());
            RestoreSource::Snapshot { repository: repository.clone(), manifest }
        }
    };
    let back = plan(&planner(&into, &source, case.kind), &undo.request, &NoObserver).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let report = apply_to((&into, into.store.clone()), &source, &back, &repository, folder.path()).await;
    let impossible: BTreeSet<_> =
        back.changes.iter().filter(|one| one.action == Action::Impossible).map(|one| one.name.clone()).collect();
    assert_eq!((report.error.clone(), wrong(&report)), (None, vec![]));
    let after: BTreeMap<_, _> =
        take_or_nothing(&into).await.into_iter().map(|record| (record.name.clone(), record)).collect();
    assert_eq!(after.len(), before.len(), "what was made is gone, and what was there is there: {back:#?}");
    for record in before.iter().filter(|record| !impossible.contains(&record.name)) {
        let mut fields = differing(record, &after[&record.name]);
        fields.retain(|field| match field {
            // A put brings a value back as a new version, on which no label stands.
            Field::Labels => undo.request.with_labels,
            Field::History => false,
            _ => true,
        });
        assert_eq!(fields, [], "{}: {back:#?}", record.name);
    }
}

/// Everything that can be told of a parameter.
async fn state(store: &dyn parados_parameter::ParameterStore, name: &ParameterName) -> Option<String> {
    let versions = history_all(store, name).await.ok()?;
    Some(format!("{versions:?} {:?}", versions.iter().map(|one| one.value.reveal()).collect::<Vec<_>>()))
}

/// What others do to a parameter: put it, or delete it.
async fn meddle(store: &SharedStore, name: &ParameterName, deletes: bool) {
    match deletes {
        true => drop(store.delete(name).await),
        false => {
            let request = PutRequest::new(name.clone(), Secret::new("theirs"));
            store.put(&PutRequest { overwrite: true, ..request }).await.ok();
        }
    }
}

async fn apply_among_others(case: Case, dice: Vec<u8>) {
    let Some((into, taken, request, first)) = planned(&case).await else { return };
    let theirs: Arc<Mutex<BTreeMap<ParameterName, Option<String>>>> = Arc::default();
    let (inner, touched, clock): (SharedStore, _, _) = (into.store.clone(), theirs.clone(), into.clock.clone());
    let dice = Arc::new(Mutex::new(dice.into_iter().cycle()));
    let others: Others = Arc::new(move |operation, names| {
        let (inner, touched, dice, clock) = (inner.clone(), touched.clone(), dice.clone(), clock.clone());
        Box::pin(async move {
            for name in names {
                let die = dice.lock().unwrap().next().unwrap();
                let before = state(&*inner, &name).await;
                let is_there = before.is_some();
                // Before a look; and before a put that must not overwrite.
                let at_a_look = operation == Operation::GetParameters;
                let at_a_create = operation == Operation::PutParameter && !is_there;
                if die >= 3 || !(at_a_look || at_a_create) {
                    continue;
                }
                clock.advance(Duration::from_millis(1500));
                meddle(&inner, &name, at_a_look && die == 0).await;
                let after = state(&*inner, &name).await;
                // What the store refused them, they did not write.
                if after != before {
                    touched.lock().unwrap().insert(name, after);
                }
            }
        })
    });
    let (repository, folder) = (undo_repository(&into).await, tempfile::tempdir().unwrap());
    let store: SharedStore = Arc::new(Shared::new(into.store.clone(), others));
    let report = apply_to((&into, store), &taken.source, &first, &repository, folder.path()).await;
    let theirs = theirs.lock().unwrap().clone();
    for (name, theirs) in &theirs {
        assert_eq!(state(&*into.store, name).await, *theirs, "{name} is as others left it: {report:#?}");
        let outcome = report.outcome(name).unwrap();
        let is_said = matches!(outcome.outcome, Outcome::Changed | Outcome::AlreadyAsWanted | Outcome::NotBegun);
        assert!(is_said, "{outcome:?}");
    }
    if report.error.is_none() {
        check_settled(&into, &taken, &request, &first, &theirs.keys().cloned().collect()).await;
        let left = report.outcomes.iter().any(|one| !one.outcome.is_right());
        assert_eq!(report.verdict == RestoreVerdict::Complete, !left);
    }
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any store, backed up, planned and applied onto any other, and undone: it is what it was.
    #[test]
    fn what_is_applied_is_as_planned_and_what_is_undone_is_as_it_was(case in any_case()) {
        block_on(apply_and_undo(case));
    }

    /// What others wrote after the plan is theirs, and all else is as planned.
    #[test]
    fn what_others_wrote_after_the_plan_is_never_overwritten(
        case in any_case(),
        dice in prop::collection::vec(0_u8..8, 1..40),
    ) {
        block_on(apply_among_others(case, dice));
    }
}
