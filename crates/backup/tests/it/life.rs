//! The life of parameters across snapshots, and where a value is used.

use std::sync::Arc;
use std::time::Duration;

use parados_backup::backup::BackupRequest;
use parados_backup::compare::{
    CompareContext, LifeEvent, LifeKind, LifeReport, LifeRequest, SearchRequest, Side, life, search,
};
use parados_backup::event::NoObserver;
use parados_backup::field::Field;
use parados_backup::manifest::Purpose;
use parados_backup::repository::{Repository, SnapshotEntry, SnapshotFilter};
use parados_backup::signature::SigningKey;
use parados_parameter::{Clock as _, ParameterName, ParameterStore as _, ParameterType, Selector, Tag};

use crate::compare::{Kept, identity, nothing};
use crate::shop::{name, request, signing_key};

/// A parameter that is put three times, tagged, deleted and put once more; seven snapshots see it.
async fn eventful(with_history: bool) -> (Kept, LifeRequest) {
    let kept = Kept::new().await;
    let a = name("/shop/dev/a");
    let back_up = async |number| {
        kept.shop.clock.advance(Duration::from_secs(60));
        let request = BackupRequest { with_history, ..request("dev", number) };
        kept.back_up_with(kept.shop.store.clone(), None, request).await
    };
    back_up(1).await;
    kept.shop.put_value("/shop/dev/a", ParameterType::SecureString, "second").await;
    kept.shop.put_value("/shop/dev/a", ParameterType::String, "third").await;
    back_up(2).await;
    kept.shop.store.tag(&a, &[Tag::parse("team=core").unwrap()]).await.unwrap();
    back_up(3).await;
    kept.shop.store.delete(&a).await.unwrap();
    back_up(4).await;
    kept.shop.put_value("/shop/dev/a", ParameterType::SecureString, "new").await;
    back_up(5).await;
    // Deleted and put again between two snapshots, so that none lacks it.
    kept.shop.store.delete(&a).await.unwrap();
    kept.shop.put_value("/shop/dev/a", ParameterType::SecureString, "newer").await;
    let Side::Snapshot { repository, .. } = back_up(6).await else { unreachable!() };
    let request = of(&kept, repository, move |one| *one == a).await;
    (kept, request)
}

async fn of(
    kept: &Kept,
    repository: Arc<Repository>,
    names: impl Fn(&ParameterName) -> bool + Send + Sync + 'static,
) -> LifeRequest {
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    LifeRequest { repository, snapshots, live: None, now: kept.shop.clock.now(), names: Arc::new(names), open: true }
}

fn opening() -> CompareContext {
    CompareContext { identities: identity(), signing_key: Some(signing_key()), ..nothing() }
}

async fn told(context: &CompareContext, request: &LifeRequest) -> LifeReport {
    life(context, request, &NoObserver).await.unwrap()
}

type Said = (LifeKind, i64, Option<Vec<Field>>, Option<u8>, u64);

/// What happened, with the number of the snapshot that first shows it.
fn said(report: &LifeReport) -> Vec<Said> {
    let number = |event: &LifeEvent| event.snapshot.map(|id| u8::from_str_radix(&id.to_string()[..2], 16).unwrap());
    let event = |event: &LifeEvent| {
        (event.kind, event.version.get(), event.fields.clone(), number(event), event.unknown_before)
    };
    report.events.iter().map(event).collect()
}

#[tokio::test]
async fn the_life_of_a_parameter_is_told_by_manifests_alone() {
    let (_kept, request) = eventful(false).await;
    let report = told(&nothing(), &LifeRequest { open: false, ..request }).await;
    let expected: Vec<Said> = vec![
        (LifeKind::Created, 1, None, Some(1), 0),
        (LifeKind::Changed, 3, Some(vec![Field::Type, Field::Value, Field::KeyId]), Some(2), 1),
        (LifeKind::Annotated, 3, Some(vec![Field::Tags]), Some(3), 0),
        (LifeKind::Deleted, 3, None, Some(4), 0),
        (LifeKind::Recreated, 1, None, Some(5), 0),
        (LifeKind::Deleted, 1, None, Some(6), 0),
        (LifeKind::Recreated, 1, None, Some(6), 0),
    ];
    assert_eq!(said(&report), expected);
    assert!(report.events.is_sorted_by_key(|event| event.at));
    assert!(report.events.iter().all(|event| event.by.is_none()), "nothing was opened");
    let deleted = &report.events[3];
    let seen = &request_times(&report);
    assert!(deleted.not_before.unwrap() < deleted.at && seen.contains(&deleted.at), "between two snapshots");
    assert_eq!((report.snapshots, report.notes.len()), (6, 0));
}

fn request_times(report: &LifeReport) -> Vec<jiff::Timestamp> {
    report.events.iter().map(|event| event.at).collect()
}

#[tokio::test]
async fn documents_say_by_whom_and_what_stood_between_two_snapshots() {
    let (_kept, request) = eventful(true).await;
    let report = told(&opening(), &request).await;
    let versions: Vec<_> =
        said(&report).into_iter().map(|(kind, version, fields, ..)| (kind, version, fields)).collect();
    let expected = vec![
        (LifeKind::Created, 1, None),
        (LifeKind::Changed, 2, Some(vec![Field::Value])),
        (LifeKind::Changed, 3, Some(vec![Field::Type, Field::Value, Field::KeyId])),
        (LifeKind::Annotated, 3, Some(vec![Field::Tags])),
        (LifeKind::Deleted, 3, None),
        (LifeKind::Recreated, 1, None),
        (LifeKind::Deleted, 1, None),
        (LifeKind::Recreated, 1, None),
    ];
    assert_eq!(versions, expected);
    assert!(report.events.iter().all(|event| event.unknown_before == 0));
    for event in &report.events {
        let put = matches!(event.kind, LifeKind::Created | LifeKind::Changed | LifeKind::Recreated);
        assert_eq!(event.by.is_some(), put, "{event:?}");
    }
    assert!(!format!("{report:?}").contains("second"), "no value is told");
}

#[tokio::test]
async fn without_histories_each_snapshot_that_first_shows_a_version_says_who_put_it() {
    let (_kept, request) = eventful(false).await;
    let report = told(&opening(), &request).await;
    let by: Vec<_> = report.events.iter().filter(|event| event.by.is_some()).map(|event| event.version.get()).collect();
    assert_eq!(by, [1, 3, 1, 1]);
}

#[tokio::test]
async fn what_cannot_be_opened_costs_the_authors_and_is_noted() {
    let (_kept, request) = eventful(true).await;
    let report = told(&nothing(), &request).await;
    assert_eq!(report.events.len(), 7, "as manifests have it");
    assert!(report.notes.iter().all(|note| note.contains("could not be opened")) && !report.notes.is_empty());
}

#[tokio::test]
async fn the_store_as_it_is_now_is_the_last_to_be_asked() {
    let kept = Kept::new().await;
    let Side::Snapshot { repository, .. } = kept.back_up(1).await else { unreachable!() };
    kept.shop.put_value("/shop/dev/b", ParameterType::SecureString, "second").await;
    kept.shop.put_value("/shop/dev/b", ParameterType::SecureString, "third").await;
    kept.shop.store.delete(&name("/shop/dev/c")).await.unwrap();
    let request = of(&kept, repository, |one| one.is_under("/shop/dev", true)).await;
    let request = LifeRequest { live: Some(kept.live_store()), ..request };
    let report = told(&opening(), &request).await;
    let of_b: Vec<_> = report.events.iter().filter(|event| event.name.as_str() == "/shop/dev/b").collect();
    let versions: Vec<_> = of_b.iter().map(|event| (event.kind, event.version.get(), event.by.is_some())).collect();
    let expected = [(LifeKind::Created, 1, true), (LifeKind::Changed, 2, true), (LifeKind::Changed, 3, true)];
    assert_eq!(versions, expected);
    let last = report.events.last().unwrap();
    assert_eq!((last.kind, last.name.as_str(), last.snapshot), (LifeKind::Deleted, "/shop/dev/c", None));
}

#[tokio::test]
async fn what_was_not_selected_is_not_deleted_and_undo_snapshots_do_not_count() {
    let kept = Kept::new().await;
    kept.back_up(1).await;
    let mut narrow = request("dev", 2);
    narrow.selector = Selector { name_contains: vec!["/b".into()], ..Selector::default() };
    narrow.selector_text = "name contains /b".into();
    kept.back_up_with(kept.shop.store.clone(), None, narrow).await;
    let mut undo = request("dev", 3);
    (undo.purpose, undo.target.environment) = (Some(Purpose::Undo), "dev.undo".into());
    let Side::Snapshot { repository, .. } = kept.back_up_with(kept.shop.store.clone(), None, undo).await else {
        unreachable!()
    };
    let report = told(&nothing(), &LifeRequest { open: false, ..of(&kept, repository, |_| true).await }).await;
    assert_eq!(report.snapshots, 2);
    assert!(report.events.iter().all(|event| event.kind == LifeKind::Created), "{:?}", report.events);
}

async fn snapshots(repository: &Repository) -> Vec<SnapshotEntry> {
    repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries
}

#[tokio::test]
async fn names_are_found_in_the_newest_snapshot_of_each_target_or_in_all() {
    let kept = Kept::new().await;
    kept.back_up(1).await;
    kept.shop.store.delete(&name("/shop/dev/a")).await.unwrap();
    let mut elsewhere = request("dev", 2);
    elsewhere.target.region = "eu-north-1".into();
    kept.back_up_with(kept.shop.store.clone(), None, elsewhere).await;
    let Side::Snapshot { repository, .. } = kept.back_up(3).await else { unreachable!() };
    let request = SearchRequest {
        snapshots: snapshots(&repository).await,
        repository,
        all: false,
        names: Arc::new(|one| one.as_str() < "/shop/dev/c"),
        same_value_as: None,
    };
    let found = async |request: &SearchRequest| {
        let report = search(request).await.unwrap();
        let found = report.found.into_iter();
        found.map(|one| (one.name.to_string(), one.target.region, one.is_current, one.snapshots)).collect::<Vec<_>>()
    };
    let newest = found(&request).await;
    let b = |region: &str, snapshots| ("/shop/dev/b".to_owned(), region.to_owned(), true, snapshots);
    assert_eq!(newest, [b("eu-north-1", 1), b("eu-west-1", 1)]);
    let all = found(&SearchRequest { all: true, ..request }).await;
    let gone = ("/shop/dev/a".to_owned(), "eu-west-1".to_owned(), false, 1);
    assert_eq!(all, [gone, b("eu-north-1", 1), b("eu-west-1", 2)]);
}

#[tokio::test]
async fn where_else_a_value_is_used_is_told_by_its_fingerprint_and_nothing_is_opened() {
    let kept = Kept::new().await;
    for text in ["/shop/dev/one", "/shop/dev/two"] {
        kept.shop.put_value(text, ParameterType::SecureString, "one and the same").await;
    }
    kept.back_up(1).await;
    let mut other_key = request("dev", 2);
    other_key.target.region = "eu-north-1".into();
    let key = Some(SigningKey::from_seed(&[8; 32], "another"));
    let Side::Snapshot { repository, .. } = kept.back_up_with(kept.shop.store.clone(), key, other_key).await else {
        unreachable!()
    };
    let snapshots = snapshots(&repository).await;
    let mut request = SearchRequest {
        repository,
        snapshots,
        all: false,
        names: Arc::new(|_| true),
        same_value_as: Some(name("/shop/dev/one")),
    };
    let names = |report: &parados_backup::compare::SearchReport| {
        report.found.iter().map(|one| format!("{} {}", one.name, one.target.region)).collect::<Vec<_>>()
    };
    let report = search(&request).await.unwrap();
    let expected = ["one eu-north-1", "one eu-west-1", "two eu-north-1", "two eu-west-1"];
    assert_eq!(names(&report), expected.map(|one| format!("/shop/dev/{one}")), "each target under its own key");

    request.same_value_as = Some(name("/shop/dev/nothing"));
    let report = search(&request).await.unwrap();
    assert!(report.found.is_empty() && report.notes[0].contains("in none of the newest snapshots"), "{report:?}");
}
