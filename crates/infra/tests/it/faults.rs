//! A fault at every call in turn: whatever was done by then, the next run finishes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parados_infra::apply::ApplyVerdict;
use parados_infra::cloud::CallGate;
use parados_parameter::StoreErrorKind;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};
use rstest::rstest;

use crate::world::{WHOLE, World, destroy, up};

/// Fails the nth call, before or after it is done.
#[derive(Debug)]
pub(crate) struct NthCall {
    nth: u64,
    after: bool,
    calls: AtomicU64,
}

impl NthCall {
    pub(crate) fn new(nth: u64, after: bool) -> Arc<Self> {
        Arc::new(Self { nth, after, calls: AtomicU64::new(0) })
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.calls.load(Ordering::Relaxed) >= self.nth
    }
}

impl CallGate for NthCall {
    fn before(&self, _: &'static str) -> Result<(), &'static str> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.nth && !self.after { Err("the test fails this call") } else { Ok(()) }
    }

    fn after(&self, _: &'static str) -> Result<(), &'static str> {
        let is_this = self.calls.load(Ordering::Relaxed) == self.nth;
        if is_this && self.after { Err("the test loses this answer") } else { Ok(()) }
    }
}

/// Halves of [`WHOLE`], so that a fault at each call of one is not paid for by all of the other.
const STORAGE: &str = r#"
version: 1
resources:
  bucket:
    kind: aws:s3:Bucket
    name: shop-backup
    versioning: true
    object_lock: { mode: GOVERNANCE, days: 7 }
    lifecycle: [{ id: old, prefix: "20", expiration_days: 30 }]
    policy: { require_tls: true }
  name: { kind: aws:ssm:Parameter, name: /shop/dev/bucket, value: "{{ resources.bucket.name }}" }
"#;
const IDENTITY: &str = r#"
version: 1
resources:
  key: { kind: aws:kms:Key }
  alias: { kind: aws:kms:Alias, name: alias/shop, key: "{{ resources.key.id }}" }
  backup: { kind: aws:iam:Policy, name: backup, for_backup: { bucket: "arn:aws:s3:::b", bucket_key: "{{ resources.key.arn }}" } }
  role: { kind: aws:iam:Role, name: backup, trust: { services: [ec2.amazonaws.com] }, policies: ["{{ resources.backup.arn }}"] }
"#;

#[rstest]
#[tokio::test]
async fn whichever_call_fails_the_next_run_finishes(
    #[values(STORAGE, IDENTITY)] declaration: &str,
    #[values(false, true)] after: bool,
) {
    let mut world = World::new().await;
    for nth in 1.. {
        world.moto.reset();
        world.store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let gate = NthCall::new(nth, after);
        let outcome = up(&world.stack(declaration, Some(gate.clone()))).await;
        if !gate.has_failed() {
            assert!(nth > 12, "a run makes more calls than {nth}");
            assert_eq!(outcome.unwrap().verdict, ApplyVerdict::Complete);
            break;
        }
        // A fault of a read beside one that says that there is nothing fails nothing.
        world.up(declaration).await;
        let plan = world.preview(declaration).await;
        assert!(plan.is_empty(), "after a fault at call {nth}: {:#?}", plan.changes);
    }
}

#[rstest]
#[tokio::test]
async fn whichever_call_of_a_destruction_fails_the_next_one_finishes(#[values(STORAGE, IDENTITY)] declaration: &str) {
    let mut world = World::new().await;
    for nth in 1.. {
        world.moto.reset();
        world.store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        world.up(declaration).await;
        let gate = NthCall::new(nth, nth % 2 == 0);
        let _ = destroy(&world.stack(declaration, Some(gate.clone()))).await;
        if !gate.has_failed() {
            assert!(nth > 12, "a run makes more calls than {nth}");
            break;
        }
        destroy(&world.stack(declaration, None)).await.unwrap();
        let observation = world.stack(declaration, None).observe().await.unwrap();
        assert!(observation.resources.iter().all(|one| one.live.is_none()), "after a fault at call {nth}");
        assert!(observation.records.made.is_empty(), "after a fault at call {nth}");
    }
}

#[rstest]
#[case::before_it_is_done(FaultEffect::Before(StoreErrorKind::InternalServerError))]
#[case::after_it_is_done(FaultEffect::After(StoreErrorKind::Timeout))]
#[tokio::test]
async fn whichever_call_of_the_inventory_fails_the_next_run_finishes(#[case] effect: FaultEffect) {
    let mut world = World::new().await;
    for nth in 1..=9 {
        world.moto.reset();
        let whole: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        world.store = Arc::new(Faulty::new(whole.clone(), [Fault::every(effect).nth(nth)]));
        let _ = up(&world.stack(STORAGE, None)).await;
        world.store = whole;
        finishes(&world, STORAGE, nth).await;
    }
}

/// A resource that is called otherwise has its new record before its old one is forgotten.
#[rstest]
#[case::before_it_is_done(FaultEffect::Before(StoreErrorKind::InternalServerError))]
#[case::after_it_is_done(FaultEffect::After(StoreErrorKind::Timeout))]
#[tokio::test]
async fn whichever_call_of_a_renaming_fails_the_next_run_finishes(#[case] effect: FaultEffect) {
    let mut world = World::new().await;
    let renamed = STORAGE.replace("  bucket:\n", "  archive:\n").replace("resources.bucket.", "resources.archive.");
    for nth in 1.. {
        world.moto.reset();
        let whole: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        world.store = whole.clone();
        world.up(STORAGE).await;
        let faulty = Arc::new(Faulty::new(whole.clone(), [Fault::every(effect).nth(nth)]));
        world.store = faulty.clone();
        let outcome = up(&world.stack(&renamed, None)).await;
        world.store = whole;
        finishes(&world, &renamed, nth).await;
        let records = world.stack(&renamed, None).observe().await.unwrap().records.made;
        let mut resources: Vec<&str> = records.values().map(|(record, _)| record.resource.as_str()).collect();
        resources.sort_unstable();
        assert_eq!(resources, ["archive", "name"], "after a fault at call {nth}");
        if faulty.calls() < nth {
            assert!(outcome.is_ok() && nth > 6, "a run makes more calls than {nth}: {outcome:?}");
            break;
        }
    }
}

/// One more run does what is left, and then there is nothing to do.
async fn finishes(world: &World, declaration: &str, nth: u64) {
    // A lease whose release was lost is still there; its holder is known to be gone.
    let stack = world.stack(declaration, None);
    let observation = stack.observe().await.unwrap();
    let plan = crate::world::make(&stack, &observation);
    if !plan.is_empty() {
        let report = crate::world::carry_out_alone(&stack, &observation, &plan).await.unwrap();
        assert_eq!(report.verdict, ApplyVerdict::Complete, "{report:#?}");
    }
    let plan = world.preview(declaration).await;
    assert!(plan.is_empty(), "after a fault at call {nth}: {:#?}", plan.changes);
}

#[tokio::test]
async fn what_passes_by_itself_is_waited_for() {
    let world = World::new().await;
    world.moto.fail("S3.CreateBucket", "OperationAborted", 409, 0, 3);
    world.moto.fail("S3.PutBucketVersioning", "NoSuchBucket", 404, 0, 2);
    world.moto.fail("SSM.PutParameter", "ThrottlingException", 400, 0, 2);
    world.up(WHOLE).await;
    assert_eq!(world.moto.calls()["S3.CreateBucket"], 4);
}
