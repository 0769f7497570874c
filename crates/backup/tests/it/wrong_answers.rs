//! A repository that gives the wrong bytes when it is read, without saying so: cut off, or with a bit flipped.
//!
//! Whatever the backup reads so, what it commits is right, and what was committed stays.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use parados_backup::backup::backup;
use parados_backup::document::Digest;
use parados_backup::event::NoObserver;
use parados_backup::manifest::Previous;
use parados_backup::report::BackupReport;
use parados_backup::repository::{Completion, Objects, Repository, SnapshotFilter};
use parados_backup::verdict::Verdict;
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{Clock as _, ParameterType};
use rstest::rstest;

use crate::interrupted::{Effect, Interrupted, Plan};
use crate::shop::{REPOSITORY, Shop, contents, open, request};

/// A backup into `objects`, which may answer wrongly; none where they cannot be opened.
async fn back_up(
    shop: &Shop,
    objects: Arc<dyn ObjectStore>,
    clean: &Arc<dyn ObjectStore>,
    number: u8,
) -> Option<BackupReport> {
    shop.clock.advance(Duration::from_secs(60));
    let clean = Objects::new(clean.clone(), "memory://", Completion::Checked);
    let mut context = shop.context(shop.store.clone(), clean, &[], None).await;
    let objects = Objects::new(objects, "memory://", Completion::Checked);
    let repository = Repository::open_or_begin(objects, REPOSITORY, shop.clock.now()).await.ok()?;
    context.repository = Arc::new(repository);
    Some(backup(&context, &request("dev", number), &NoObserver).await)
}

#[rstest]
#[tokio::test]
async fn a_wrong_answer_spoils_no_snapshot(#[values(Effect::Cut, Effect::Flip)] effect: Effect) {
    let mut committed = 0;
    for nth in 0.. {
        let shop = Shop::new(MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() });
        for i in 0..10 {
            let value = format!("value {i}");
            shop.put_value(&format!("/shop/dev/p{i}"), ParameterType::SecureString, &value).await;
        }
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        assert_eq!(back_up(&shop, store.clone(), &store, 1).await.unwrap().verdict, Verdict::Complete);
        let before = contents(&*store).await;
        shop.put_value("/shop/dev/p3", ParameterType::SecureString, "changed").await;

        let plan = Plan::new(nth, effect, "");
        let report = back_up(&shop, Arc::new(Interrupted::new(store.clone(), plan.clone())), &store, 2).await;
        let place = format!("{effect:?} of call {nth}: {report:?}");
        let after = contents(&*store).await;
        for (key, bytes) in before.iter().filter(|(key, _)| *key != "latest.txt") {
            assert_eq!(after.get(key), Some(bytes), "{key} is as it was: {place}");
        }
        let objects = Objects::new(store, "memory://", Completion::Checked);
        let context = shop.context(shop.store.clone(), objects, &[], None).await;
        let snapshots = context.repository.snapshots(&SnapshotFilter::default()).await.unwrap();
        assert!(snapshots.damaged.is_empty(), "{place}");
        let is_committed = report.as_ref().is_some_and(|report| report.verdict == Verdict::Complete);
        assert_eq!(snapshots.entries.len(), 1 + usize::from(is_committed), "{place}");
        if let Some(second) = snapshots.entries.get(1) {
            let first = &snapshots.entries[0];
            let previous = Previous { id: Some(first.summary.id), digest: Digest::of(&after[&first.manifest_key]) };
            assert_eq!(second.summary.previous, Some(previous), "the chain is whole: {place}");
            let (records, _) = open(&after[&second.summary.document.key], false, &context.identities).unwrap();
            let mut values: Vec<_> = records.iter().map(|record| record.value.reveal()).collect();
            values.sort_unstable();
            assert_eq!((values.len(), values[0], values[1]), (10, "changed", "value 0"), "{place}");
            committed += 1;
        }
        if plan.calls().len() <= nth {
            break;
        }
    }
    assert!(committed > 3, "{committed}");
}
