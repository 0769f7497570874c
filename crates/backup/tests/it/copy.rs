//! A copy is the same repository in another place, at every moment, whatever call fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::backup::backup;
use parados_backup::copy::{CopyOutcome, CopyReport, CopyRequest, copy};
use parados_backup::event::NoObserver;
use parados_backup::repository::{Completion, Objects, RemovalDraft, Repository, RepositoryError, SnapshotFilter};
use parados_backup::seal::{Identities, Recipient};
use parados_backup::snapshot;
use parados_backup::verdict::Verdict;
use parados_parameter::ParameterType;
use parados_parameter::memory::MemoryStoreOptions;

use crate::interrupted::{Effect, Interrupted, Plan};
use crate::seal::identity;
use crate::shop::{Contents, Shop, contents, request, signing_key};

/// A shop with three snapshots in two environments.
pub(crate) struct Backed {
    pub(crate) shop: Shop,
    pub(crate) store: Arc<dyn ObjectStore>,
    _folder: tempfile::TempDir,
    pub(crate) identity: std::path::PathBuf,
    pub(crate) recipient: Recipient,
}

impl Backed {
    pub(crate) async fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (identity, recipient) = identity(folder.path(), "first");
        let shop = Shop::new(MemoryStoreOptions::default());
        for environment in ["dev", "prod"] {
            for number in 0..3 {
                let name = format!("/shop/{environment}/{number}");
                shop.put_value(&name, ParameterType::SecureString, "canary").await;
            }
        }
        let backed = Self { shop, store: Arc::new(InMemory::new()), _folder: folder, identity, recipient };
        for (environment, number) in [("dev", 1), ("prod", 2), ("dev", 3)] {
            backed.back_up(&backed.store, environment, number).await;
        }
        backed
    }

    pub(crate) async fn back_up(&self, store: &Arc<dyn ObjectStore>, environment: &str, number: u8) {
        self.back_up_to(store, environment, number, std::slice::from_ref(&self.recipient)).await;
    }

    pub(crate) async fn back_up_to(
        &self,
        store: &Arc<dyn ObjectStore>,
        environment: &str,
        number: u8,
        recipients: &[Recipient],
    ) {
        self.shop.put_value(&format!("/shop/{environment}/0"), ParameterType::String, "canary").await;
        let objects = objects(store.clone());
        let context = self.shop.context(self.shop.store.clone(), objects, recipients, Some(&self.identity)).await;
        let report = backup(&context, &request(environment, number), &NoObserver).await;
        assert_eq!(report.verdict, Verdict::Complete, "{:?}", report.error);
    }

    pub(crate) fn identities(&self) -> Identities {
        Identities::load(&[&self.identity], None).unwrap()
    }
}

pub(crate) fn objects(store: Arc<dyn ObjectStore>) -> Objects {
    Objects::new(store, "memory://", Completion::Checked)
}

pub(crate) async fn open(store: &Arc<dyn ObjectStore>) -> Arc<Repository> {
    Arc::new(Repository::open(objects(store.clone())).await.unwrap())
}

async fn copy_with(
    source: &Arc<dyn ObjectStore>,
    there: &Arc<dyn ObjectStore>,
    request: &CopyRequest,
) -> Result<CopyReport, RepositoryError> {
    let source = Arc::new(Repository::open(objects(source.clone())).await?);
    let there = Arc::new(source.open_copy(objects(there.clone())).await?);
    copy(&source, &there, request, &NoObserver).await
}

async fn copied(source: &Arc<dyn ObjectStore>, there: &Arc<dyn ObjectStore>) -> CopyReport {
    copy_with(source, there, &CopyRequest::default()).await.unwrap()
}

fn outcomes(report: &CopyReport) -> Vec<CopyOutcome> {
    report.snapshots.iter().map(|one| one.outcome).collect()
}

/// Opens every snapshot that is listed, to its end; by id, how many parameters.
pub(crate) async fn readable(store: &Arc<dyn ObjectStore>, identities: &Identities) -> BTreeMap<String, u64> {
    let repository = open(store).await;
    let found = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    let mut readable = BTreeMap::new();
    for entry in found.entries {
        let count = snapshot::fold(&repository, &entry.summary, identities, 0, |count, _| {
            *count += 1;
            ControlFlow::Continue(())
        });
        readable.insert(entry.summary.id.to_string(), count.await.unwrap());
    }
    readable
}

/// The objects of which a copy has to have the same.
async fn lasting(store: &dyn ObjectStore) -> Contents {
    let mut contents = contents(store).await;
    contents.remove("latest.txt");
    contents
}

#[tokio::test]
async fn a_copy_is_the_same_byte_for_byte_and_a_second_run_brings_nothing() {
    let backed = Backed::up().await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let dry = CopyRequest { dry_run: true, ..CopyRequest::default() };
    let said = copy_with(&backed.store, &there, &dry).await.unwrap();
    assert_eq!((said.verdict, said.copied, contents(&*there).await.len()), (Verdict::Complete, 3, 1));

    let report = copied(&backed.store, &there).await;
    assert_eq!((report.verdict, report.copied), (Verdict::Complete, 3), "{report:?}");
    assert_eq!(contents(&*there).await, contents(&*backed.store).await, "latest.txt too");
    assert!(said.bytes > 0 && said.bytes <= report.bytes);
    assert_eq!(readable(&there, &backed.identities()).await.len(), 3);

    for check in [false, true] {
        let again = copy_with(&backed.store, &there, &CopyRequest { check, ..CopyRequest::default() }).await.unwrap();
        assert_eq!((again.verdict, again.bytes, again.copied), (Verdict::Complete, 0, 0));
        assert_eq!(outcomes(&again), [CopyOutcome::Present; 3]);
    }
    backed.back_up(&backed.store, "prod", 4).await;
    let report = copied(&backed.store, &there).await;
    assert_eq!((report.verdict, report.copied), (Verdict::Complete, 1));
    assert_eq!(contents(&*there).await, contents(&*backed.store).await);
}

#[tokio::test]
async fn a_copy_can_be_of_some_targets() {
    let backed = Backed::up().await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let filter = SnapshotFilter { environment: Some("prod".into()), ..SnapshotFilter::default() };
    let report = copy_with(&backed.store, &there, &CopyRequest { filter, ..CopyRequest::default() }).await.unwrap();
    assert_eq!((report.verdict, report.copied), (Verdict::Complete, 1));
    assert_eq!(readable(&there, &backed.identities()).await.len(), 1);
    let nothing = SnapshotFilter { environment: Some("stage".into()), ..SnapshotFilter::default() };
    let request = CopyRequest { filter: nothing, ..CopyRequest::default() };
    assert_eq!(copy_with(&backed.store, &there, &request).await.unwrap().verdict, Verdict::NothingMatched);
}

/// Whatever call fails or answers wrongly, on whichever side: what is there is what was there, no snapshot is listed that cannot be read,
/// what failed is said, and the next run ends it.
#[tokio::test]
async fn a_copy_that_fails_at_any_call_is_ended_by_the_next_run() {
    let backed = Backed::up().await;
    let whole = lasting(&*backed.store).await;
    let mut failures = 0;
    for effect in [Effect::FailBefore, Effect::FailAfter, Effect::Denied, Effect::Cut, Effect::Flip] {
        for at_source in [true, false] {
            for nth in 0.. {
                let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
                let plan = Plan::new(nth, effect, "");
                let interrupted = |store: &Arc<dyn ObjectStore>| -> Arc<dyn ObjectStore> {
                    Arc::new(Interrupted::new(store.clone(), plan.clone()))
                };
                let report = match at_source {
                    true => copy_with(&interrupted(&backed.store), &there, &CopyRequest::default()).await,
                    false => copy_with(&backed.store, &interrupted(&there), &CopyRequest::default()).await,
                };
                let case = format!("{effect:?} at call {nth}, at the source: {at_source}");
                let arrived = lasting(&*there).await;
                for (key, bytes) in &arrived {
                    assert_eq!(Some(bytes), whole.get(key), "{case}: {key}");
                }
                if arrived.contains_key("parados.json") {
                    let readable = readable(&there, &backed.identities()).await;
                    if let Ok(report) = &report {
                        let failed = outcomes(report).iter().filter(|one| **one == CopyOutcome::Failed).count();
                        assert!(readable.len() + failed >= 3, "{case}: what is called copied is there");
                        assert_eq!(failed == 0, report.verdict == Verdict::Complete, "{case}");
                    }
                }
                failures += usize::from(!matches!(&report, Ok(report) if report.verdict == Verdict::Complete));
                assert_eq!(copied(&backed.store, &there).await.verdict, Verdict::Complete, "{case}");
                assert_eq!(lasting(&*there).await, whole, "{case}");
                if plan.calls().len() <= nth {
                    break;
                }
            }
        }
    }
    assert!(failures > 60, "{failures}");
}

#[tokio::test]
async fn damage_is_not_spread_and_stops_no_other_snapshot() {
    let backed = Backed::up().await;
    let repository = open(&backed.store).await;
    let entries = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let flip = async |key: &str| {
        let mut bytes = backed.store.get(&key.into()).await.unwrap().bytes().await.unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        backed.store.put(&key.into(), bytes.into()).await.unwrap();
    };
    let (document, manifest) = (&entries[0].summary.document.key, &entries[1].manifest_key);
    flip(document).await;
    flip(manifest).await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let report = copied(&backed.store, &there).await;
    assert_eq!((report.verdict, report.copied), (Verdict::Partial, 1), "{report:?}");
    let failed: Vec<_> = report.snapshots.iter().filter(|one| one.outcome == CopyOutcome::Failed).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|one| one.reason.is_some()) && !report.hints.is_empty(), "{failed:?}");
    let arrived = contents(&*there).await;
    assert!(!arrived.contains_key(document) && !arrived.contains_key(manifest));
    assert_eq!(readable(&there, &backed.identities()).await.len(), 1);
}

#[tokio::test]
async fn what_was_written_there_by_itself_is_named_and_not_replaced() {
    let backed = Backed::up().await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    copied(&backed.store, &there).await;
    backed.back_up(&there, "dev", 8).await;
    backed.back_up(&backed.store, "dev", 9).await;
    backed.back_up(&backed.store, "prod", 10).await;
    let before = contents(&*there).await;
    let report = copied(&backed.store, &there).await;
    assert_eq!((report.verdict, report.copied), (Verdict::Partial, 1));
    let failed = report.snapshots.iter().find(|one| one.outcome == CopyOutcome::Failed).unwrap();
    assert!(failed.manifest.ends_with("dev/123456789012/eu-west-1/0000000003.manifest"), "{failed:?}");
    assert!(report.hints.iter().any(|hint| hint.contains("one repository only")), "{:?}", report.hints);
    let after = contents(&*there).await;
    assert!(before.iter().filter(|(key, _)| *key != "latest.txt").all(|(key, bytes)| after.get(key) == Some(bytes)));
}

/// An object that has gone in the copy is brought again; one that was changed there is found when it is asked for.
#[tokio::test]
async fn a_copy_is_mended_where_an_object_is_gone_and_checked_on_request() {
    let backed = Backed::up().await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    copied(&backed.store, &there).await;
    let entries = open(&there).await.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    there.delete(&entries[0].summary.document.key.as_str().into()).await.unwrap();
    let report = copied(&backed.store, &there).await;
    assert_eq!(outcomes(&report), [CopyOutcome::Completed, CopyOutcome::Present, CopyOutcome::Present]);
    assert_eq!(contents(&*there).await, contents(&*backed.store).await);

    let key = entries[1].summary.document.key.as_str();
    let size = there.head(&key.into()).await.unwrap().size;
    there.put(&key.into(), vec![0; size as usize].into()).await.unwrap();
    assert_eq!(copied(&backed.store, &there).await.verdict, Verdict::Complete, "by its size it is there");
    let check = CopyRequest { check: true, ..CopyRequest::default() };
    let report = copy_with(&backed.store, &there, &check).await.unwrap();
    assert_eq!(outcomes(&report), [CopyOutcome::Present, CopyOutcome::Failed, CopyOutcome::Present]);
}

/// What is removed on one side is neither brought back on the other nor taken from it, and the copy's chain has no gap.
#[tokio::test]
async fn what_was_removed_on_purpose_stays_removed_and_its_record_is_brought() {
    let backed = Backed::up().await;
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let remove = async |store: &Arc<dyn ObjectStore>, at: usize, ended: bool| {
        let repository = open(store).await;
        let entries = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
        let manifest = repository.read_manifest(&entries[at].manifest_key).await.unwrap();
        let at = "2025-10-20T00:00:00Z".parse().unwrap();
        let draft = RemovalDraft { reason: "test".into(), marked_at: at, removed_at: at, tool: "parados test".into() };
        let removal = repository.begin_removal(&manifest, draft, &signing_key()).await.unwrap();
        if ended {
            repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
        }
    };
    remove(&backed.store, 0, true).await;
    let report = copied(&backed.store, &there).await;
    assert_eq!((report.verdict, report.copied, report.removals), (Verdict::Complete, 2, 1), "{report:?}");
    assert_eq!(lasting(&*there).await, lasting(&*backed.store).await, "the record stands where the manifest was");

    remove(&there, 0, true).await;
    remove(&backed.store, 1, false).await;
    backed.back_up(&backed.store, "prod", 4).await;
    let before = contents(&*there).await;
    let report = copied(&backed.store, &there).await;
    assert_eq!(outcomes(&report), [CopyOutcome::RemovedThere, CopyOutcome::Copied]);
    assert_eq!((report.verdict, report.removals), (Verdict::Complete, 0));
    let after = contents(&*there).await;
    assert!(before.keys().all(|key| after.contains_key(key)), "what is leaving here stays there");
    assert_eq!(readable(&there, &backed.identities()).await.len(), 2);
}
