//! Applying a plan: what it does, what it refuses, and what it leaves alone.

use std::sync::Arc;
use std::time::Duration;

use parados_backup::document::Digest;
use parados_backup::manifest::Purpose;
use parados_backup::repository::SnapshotFilter;
use parados_backup::restore::{Action, Journal, Outcome, PlanSource, RestorePlan, RestoreVerdict, Step, apply};
use parados_parameter::decorator::adaptive::{Adaptive, AdaptiveOptions};
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::decorator::metered::Metered;
use parados_parameter::decorator::quota::{Quota, Quotas};
use parados_parameter::{Label, Operation, ParameterStore as _, SharedStore, StoreErrorKind};
use rstest::rstest;

use crate::applying::{Bench, everything_in, put};
use crate::shared_store::Shared;
use crate::shop::name;

const AS_PLANNED: [&str; 8] = [
    "/shop/dev/created 1 String Standard canary-5b1e-created 1 None [] [] [Tag { key: \"team\", value: \"a\" }]",
    "/shop/dev/created 2 String Standard canary-5b1e-created 2 None [] [Label(\"blue\")] [Tag { key: \"team\", value: \"a\" }]",
    "/shop/dev/created 3 String Standard canary-5b1e-created 3 None [] [] [Tag { key: \"team\", value: \"a\" }]",
    "/shop/dev/replaced 1 String Standard canary-5b1e-replaced None [] [] []",
    "/shop/dev/same 1 String Standard canary-5b1e-same None [] [] []",
    "/shop/dev/skipped 1 String Standard canary-5b1e-another None [] [] []",
    "/shop/dev/tagged 1 String Standard canary-5b1e-tagged None [] [] [Tag { key: \"team\", value: \"a\" }]",
    "/shop/dev/updated 1 String Standard canary-5b1e-another None [] [] []",
];
const UPDATED: &str = "/shop/dev/updated 2 String Standard canary-5b1e-updated None [] [] []";

pub(crate) fn as_planned() -> Vec<String> {
    AS_PLANNED.iter().copied().chain([UPDATED]).map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_done_step_by_step_and_applied_again_it_does_nothing() {
    let bench = Bench::everything().await;
    let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
    let report = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    assert_eq!((report.verdict, &report.error, report.resumed), (RestoreVerdict::Complete, &None, false), "{report:?}");
    assert_eq!(everything_in(&bench.shop.store).await, as_planned());
    let outcomes: Vec<_> = report.outcomes.iter().map(|one| (one.action, one.outcome)).collect();
    let expected = [
        (Action::Create, Outcome::Done),
        (Action::Delete, Outcome::Done),
        (Action::Replace, Outcome::Done),
        (Action::Unchanged, Outcome::AlreadyAsWanted),
        (Action::Skip, Outcome::Skipped),
        (Action::Update, Outcome::Done),
        (Action::Update, Outcome::Done),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(report.counts[&Outcome::Done], 5);
    assert_eq!((report.plan.clone(), report.hash), (plan.id.clone(), plan.hash()));
    assert!(report.seconds >= 30.0 && report.first_seconds < report.last_seconds, "{report:?}");
    assert_eq!(report.calls_by_operation["PutParameter"], 5);

    let again = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    assert_eq!((again.verdict, again.resumed, again.calls), (RestoreVerdict::Complete, true, 0));
    assert_eq!(again.outcomes, report.outcomes);
    assert_eq!(again.undo_snapshot, report.undo_snapshot);
}

#[tokio::test(start_paused = true)]
async fn what_is_touched_is_committed_as_a_snapshot_before_the_first_write() {
    let bench = Bench::everything().await;
    let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
    let put = Fault::every(FaultEffect::Before(StoreErrorKind::Credentials));
    let writes = [Operation::PutParameter, Operation::DeleteParameter, Operation::AddTagsToResource];
    let store = Faulty::new(bench.shop.store.clone(), writes.map(|operation| put.clone().of(operation)));
    let before = everything_in(&bench.shop.store).await;
    let report = bench.apply(Arc::new(store), &plan, folder.path()).await;
    assert_eq!((report.verdict, everything_in(&bench.shop.store).await), (RestoreVerdict::Failed, before));
    let filter = SnapshotFilter { environment: Some("dev.undo".into()), ..SnapshotFilter::default() };
    let entry = bench.repository.snapshots(&filter).await.unwrap().entries.remove(0);
    assert_eq!(Some(entry.summary.id.to_string()), report.undo_snapshot);
    assert_eq!(entry.summary.purpose, Some(Purpose::Undo));
    let held = bench.repository.read_manifest(&entry.manifest_key).await.unwrap().manifest.parameters;
    let held: Vec<_> = held.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(held, ["/shop/dev/deleted", "/shop/dev/replaced", "/shop/dev/tagged", "/shop/dev/updated"]);

    // Without the snapshot nothing is written.
    let folder = tempfile::tempdir().unwrap();
    let unreadable = Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied)).of(Operation::DescribeParameters);
    let store = Faulty::new(bench.shop.store.clone(), [unreadable]);
    let report = bench.apply(Arc::new(store), &plan, folder.path()).await;
    assert_eq!(report.verdict, RestoreVerdict::Failed);
    let error = report.error.unwrap();
    assert!(error.contains("nothing was changed") && error.contains("AccessDenied"), "{error}");
    assert!(!report.calls_by_operation.contains_key("PutParameter"));

    // Where nothing is there before, none is taken.
    let create = plan.changes[0].clone();
    let context = bench.context(bench.shop.store.clone(), Journal::in_memory(), true).await;
    let report = apply(&context, &bench.plan_of(vec![create]), &parados_backup::event::NoObserver).await;
    assert_eq!((report.verdict, report.undo_snapshot), (RestoreVerdict::Complete, None));
    assert!(!report.calls_by_operation.contains_key("GetParameters"), "a create is sure by its put alone");
}

#[rstest]
#[case::conflict(|plan: &mut RestorePlan| { plan.changes[6].action = Action::Conflict; plan.changes[6].steps.clear() }, "conflicts")]
#[case::store(|plan: &mut RestorePlan| plan.into.region = "us-east-1".into(), "this is 123456789012/eu-west-1")]
#[case::source(
    |plan: &mut RestorePlan| plan.source = PlanSource::Document { path: "a".into(), digest: Digest::of(b"") },
    "another snapshot"
)]
#[case::key(
    |plan: &mut RestorePlan| plan.fingerprint_key = crate::shop::signing_key().fingerprint_key("x").id().clone(),
    "fingerprints"
)]
#[case::format(|plan: &mut RestorePlan| plan.format_version = 2, "format 2")]
#[case::twice(|plan: &mut RestorePlan| plan.changes.push(plan.changes[0].clone()), "/shop/dev/created is there twice")]
#[case::steps(|plan: &mut RestorePlan| plan.changes[3].steps.push(Step::Delete), "/shop/dev/same: its steps")]
#[case::delete(|plan: &mut RestorePlan| plan.changes[0].steps.insert(0, Step::Delete), "what is deleted is not there")]
#[case::version(|plan: &mut RestorePlan| drop(plan.changes[0].steps.remove(0)), "a put does not fit")]
#[case::live(|plan: &mut RestorePlan| plan.changes[6].live = None, "/shop/dev/updated: what is there does not fit")]
#[case::no_source(|plan: &mut RestorePlan| plan.changes[6].source = None, "/shop/dev/updated: it has no source")]
#[tokio::test]
async fn a_plan_that_must_not_be_applied_is_refused_whole(#[case] spoil: fn(&mut RestorePlan), #[case] message: &str) {
    let bench = Bench::everything().await;
    let mut plan = bench.plan().await;
    spoil(&mut plan);
    let before = everything_in(&bench.shop.store).await;
    let folder = tempfile::tempdir().unwrap();
    let report = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    assert_eq!((report.verdict, report.calls), (RestoreVerdict::Failed, 0));
    let error = report.error.unwrap();
    assert!(error.contains(message) && !report.hints.is_empty(), "{error}");
    assert_eq!(everything_in(&bench.shop.store).await, before);
    assert!(!folder.path().join("journal.ndjson").exists(), "not even a journal is begun");
}

#[tokio::test(start_paused = true)]
async fn a_journal_of_another_plan_is_refused() {
    let bench = Bench::everything().await;
    let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
    bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    let other = RestorePlan { tool: "edited".into(), ..plan };
    let report = bench.apply(bench.shop.store.clone(), &other, folder.path()).await;
    assert_eq!((report.verdict, report.calls), (RestoreVerdict::Failed, 0));
    assert!(report.error.unwrap().contains("of another plan"));
}

#[tokio::test(start_paused = true)]
async fn what_others_changed_since_the_plan_is_left_alone_and_named() {
    let bench = Bench::everything().await;
    let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
    let store = &bench.shop.store;
    bench.shop.put(put("/shop/dev/created", "theirs")).await;
    store.delete(&name("/shop/dev/deleted")).await.unwrap();
    bench.shop.put(put("/shop/dev/replaced", "theirs")).await;
    // Deleted and made again: the version is as it was, the date is not.
    store.delete(&name("/shop/dev/updated")).await.unwrap();
    bench.shop.put(put("/shop/dev/updated", "another")).await;
    let before = everything_in(store).await;
    let report = bench.apply(store.clone(), &plan, folder.path()).await;
    let outcome = |text: &str| {
        let outcome = report.outcome(&name(text)).unwrap();
        (outcome.outcome, outcome.reason.clone().unwrap_or_default())
    };
    assert_eq!(report.verdict, RestoreVerdict::Partial, "{report:?}");
    assert_eq!(outcome("/shop/dev/deleted").0, Outcome::AlreadyAsWanted);
    assert_eq!(outcome("/shop/dev/tagged").0, Outcome::Done);
    for (text, reason) in
        [("created", "somebody made it"), ("replaced", "is at version 2"), ("updated", "since the plan")]
    {
        let (outcome, found) = outcome(&format!("/shop/dev/{text}"));
        assert!(outcome == Outcome::Changed && found.contains(reason), "{text}: {outcome} {found}");
    }
    let is_theirs = |line: &&String| !line.contains("/tagged");
    let after = everything_in(store).await;
    assert_eq!(after.iter().filter(is_theirs).collect::<Vec<_>>(), before.iter().filter(is_theirs).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_not_the_planned_one_is_not_put() {
    let bench = Bench::everything().await;
    let mut plan = bench.plan().await;
    let Step::Put { fingerprint, .. } = &mut plan.changes[6].steps[0] else { unreachable!() };
    *fingerprint = parados_backup::fingerprint::Fingerprint::from_bytes([3; 16]);
    let Step::Put { source_version, .. } = &mut plan.changes[2].steps[2] else { unreachable!() };
    *source_version = crate::applying::version(7);
    let folder = tempfile::tempdir().unwrap();
    let report = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    for (text, reason) in [("updated", "is not the one that was planned"), ("replaced", "has no version 7")] {
        let outcome = report.outcome(&name(&format!("/shop/dev/{text}"))).unwrap();
        assert_eq!(outcome.outcome, Outcome::Failed);
        assert!(outcome.reason.as_ref().unwrap().contains(reason), "{outcome:?}");
    }
    let after = everything_in(&bench.shop.store).await;
    assert!(after.iter().any(|line| line.starts_with("/shop/dev/replaced 1 String Advanced")), "it is still there");
    assert!(!after.iter().any(|line| line == UPDATED));
}

#[tokio::test(start_paused = true)]
async fn labels_that_the_store_does_not_take_are_a_failure_of_the_parameter() {
    let bench = Bench::everything().await;
    let mut plan = bench.plan().await;
    let Step::Label { labels, .. } = &mut plan.changes[0].steps[4] else { unreachable!() };
    labels.push(Label::observed("1st"));
    let folder = tempfile::tempdir().unwrap();
    let report = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    let outcome = report.outcome(&name("/shop/dev/created")).unwrap();
    assert_eq!((report.verdict, outcome.outcome), (RestoreVerdict::Partial, Outcome::Failed));
    let reason = outcome.reason.as_ref().unwrap();
    assert!(reason.contains("after 4 of 5 steps") && reason.contains("1st"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_error_names_its_parameter_and_one_that_all_have_stops_the_run() {
    let bench = Bench::everything().await;
    let mut changes = Vec::new();
    for number in 0..40 {
        let mut change = bench
            .change("/shop/dev/none", Action::Create, vec![bench.put_step("/shop/dev/updated", 1, 1, false)])
            .await;
        change.name = name(&format!("/shop/dev/new{number:02}"));
        change.source = Some(name("/shop/dev/updated"));
        changes.push(change);
    }
    let plan = bench.plan_of(changes);
    for (kind, fails) in [(StoreErrorKind::AccessDenied, 10..=13), (StoreErrorKind::InvalidKeyId, 40..=40)] {
        let denied = Fault::every(FaultEffect::Before(kind)).of(Operation::PutParameter);
        let store = Faulty::new(bench.shop.store.clone(), [denied]);
        let folder = tempfile::tempdir().unwrap();
        let report = bench.apply(Arc::new(store), &plan, folder.path()).await;
        assert_eq!(report.verdict, RestoreVerdict::Failed);
        let failed: Vec<_> = report.outcomes.iter().filter(|one| one.outcome == Outcome::Failed).collect();
        assert!(fails.contains(&failed.len()), "{kind}: {}", failed.len());
        for one in failed {
            assert!(one.reason.as_ref().unwrap().contains(one.name.as_str()), "{one:?}");
        }
        assert_eq!(report.error.is_some(), kind == StoreErrorKind::AccessDenied);
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_wait_because_they_were_deleted_hold_up_no_other() {
    let bench = Bench::everything().await;
    let mut changes = Vec::new();
    for number in 0..60 {
        let text = format!("/shop/dev/w{number:02}");
        bench.shop.put(put(&text, "x")).await;
        let steps = vec![Step::Delete, Step::Wait { seconds: 30 }, bench.put_step("/shop/dev/updated", 1, 1, false)];
        let mut change = bench.change(&text, Action::Replace, steps).await;
        change.source = Some(name("/shop/dev/updated"));
        changes.push(change);
    }
    let plan = bench.plan_of(changes);
    let context = bench.context(bench.shop.store.clone(), Journal::in_memory(), false).await;
    let report = apply(&context, &plan, &parados_backup::event::NoObserver).await;
    assert_eq!(report.verdict, RestoreVerdict::Complete);
    assert!((30.0..31.0).contains(&report.seconds), "three at once: {}", report.seconds);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_while_a_name_waits_is_gone_on_with() {
    let bench = Bench::everything().await;
    let (plan, folder) = (bench.plan().await, tempfile::tempdir().unwrap());
    let stopped = bench.apply(bench.shop.store.clone(), &plan, folder.path());
    tokio::time::timeout(Duration::from_secs(20), stopped).await.unwrap_err();
    let gone = everything_in(&bench.shop.store).await;
    assert!(!gone.iter().any(|line| line.contains("/replaced")), "it is deleted and not made again");
    bench.shop.clock.advance(Duration::from_secs(20));
    let report = bench.apply(bench.shop.store.clone(), &plan, folder.path()).await;
    assert_eq!((report.verdict, report.resumed), (RestoreVerdict::Complete, true));
    assert!((10.0..11.0).contains(&report.seconds), "what is left of the 30 s: {}", report.seconds);
    assert_eq!(everything_in(&bench.shop.store).await, as_planned());
}

#[tokio::test(start_paused = true)]
async fn a_change_in_the_moment_between_look_and_put_is_noticed() {
    let bench = Bench::everything().await;
    let plan = bench.plan().await;
    let change = plan.changes[6].clone();
    let plan = bench.plan_of(vec![change]);
    let store: SharedStore = bench.shop.store.clone();
    let shared = Arc::new(Shared::put_before_puts(store, put("/shop/dev/updated", "theirs")));
    let meter = Arc::default();
    let folder = tempfile::tempdir().unwrap();
    let report = bench.apply(Arc::new(Metered::new(shared, meter)), &plan, folder.path()).await;
    let outcome = report.outcome(&name("/shop/dev/updated")).unwrap();
    assert_eq!(outcome.outcome, Outcome::Changed);
    assert!(outcome.reason.as_ref().unwrap().contains("theirs is before it"), "{outcome:?}");
}

#[rstest]
#[case::creates(Action::Create)]
#[case::updates(Action::Update)]
#[tokio::test(start_paused = true)]
async fn ten_thousand_parameters_take_little_more_than_the_quota_makes_them_take(#[case] action: Action) {
    const COUNT: u32 = 10_000;
    let bench = Bench::everything().await;
    let is_create = action == Action::Create;
    let put_step = bench.put_step("/shop/dev/updated", 1, if is_create { 1 } else { 2 }, !is_create);
    let mut changes = Vec::new();
    for number in 0..COUNT {
        let text = format!("/shop/dev/p{number:05}");
        if !is_create {
            bench.shop.put(put(&text, "x")).await;
        }
        let mut change = bench.change(&text, action, vec![put_step.clone()]).await;
        change.source = Some(name("/shop/dev/updated"));
        changes.push(change);
    }
    let plan = bench.plan_of(changes);
    let quotas = Quotas::aws_default();
    let throttled: SharedStore = Arc::new(Quota::new(bench.shop.store.clone(), quotas.clone()));
    let paced = Adaptive::new(throttled, AdaptiveOptions { share: 1.0, quotas, ..AdaptiveOptions::default() });
    let context = bench.context(Arc::new(paced), Journal::in_memory(), false).await;
    let report = apply(&context, &plan, &parados_backup::event::NoObserver).await;
    assert_eq!((report.verdict, report.throttles), (RestoreVerdict::Complete, 0));
    let least = f64::from(COUNT - 20) / 3.0;
    assert!(report.seconds <= least * 1.05, "{} s, and the least is {least} s", report.seconds);
    let reads = report.calls_by_operation.get("GetParameters").copied().unwrap_or_default();
    assert!(if is_create { reads == 0 } else { reads <= 1100 }, "ten are looked at with one call: {reads}");
}
