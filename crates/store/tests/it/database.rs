//! The database of a server: places, changes, policies that act, watches, secrets.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::clock::ManualClock;
use parados_parameter::conformance::{self, Capabilities};
use parados_parameter::rules::TierLimits;
use parados_parameter::{
    AccountRegion, DescribeRequest, Label, ParameterReference, ParameterStore as _, ParameterType, Policy, PutRequest,
    SharedStore, StoreErrorKind, Tag, TierRequest, Version,
};
use parados_store::{
    Change, ChangeCursor, ChangeKind, ParameterDatabase as _, SqliteDatabase, SqliteDatabaseOptions, SweepReport,
};
use tempfile::TempDir;
use tokio::sync::broadcast::error::TryRecvError;

use crate::{name, new_directory, open, overwrite, request};

fn at(text: &str) -> AccountRegion {
    text.parse().unwrap()
}

const HERE: &str = "123456789012/eu-west-1";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn database(directory: &TempDir) -> SqliteDatabase {
    let clock = Arc::new(ManualClock::at(time("2030-01-01T00:00:00Z")));
    let options = SqliteDatabaseOptions { directory: directory.path().to_owned(), key_management: None, clock };
    SqliteDatabase::open(options).await.unwrap()
}

async fn all_changes(database: &SqliteDatabase) -> Vec<Change> {
    database.changes(&ChangeCursor::default(), 1000).await.unwrap().changes
}

#[tokio::test]
async fn each_place_keeps_the_contract() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let made = std::sync::atomic::AtomicUsize::new(0);
    let make = async || -> SharedStore {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        database.store(&at(&format!("{number:012}/eu-west-1")), "arn:aws:iam::123456789012:user/tester")
    };
    conformance::run(make, Capabilities::all()).await;
}

#[tokio::test]
async fn places_know_nothing_of_one_another() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let (one, two) = (database.store(&at(HERE), "one"), database.store(&at("123456789012/eu-west-2"), "two"));
    one.put(&request("/a", "in one")).await.unwrap();
    let newest = ParameterReference::newest(name("/a"));
    assert_eq!(two.get(&newest).await.unwrap_err().kind, StoreErrorKind::ParameterNotFound);
    assert_eq!(two.delete(&name("/a")).await.unwrap_err().kind, StoreErrorKind::ParameterNotFound);
    two.put(&request("/a", "in two")).await.unwrap();
    two.put(&request("/b", "in two")).await.unwrap();
    let read = one.get(&newest).await.unwrap();
    assert_eq!(read.value.reveal(), "in one");
    assert_eq!(read.arn.as_deref(), Some("arn:aws:ssm:eu-west-1:123456789012:parameter/a"));
    let listed = one.describe(&DescribeRequest::default()).await.unwrap().items;
    assert_eq!((listed.len(), listed[0].last_modified_user.as_deref()), (1, Some("one")));
    assert_eq!(database.places().await.unwrap(), [at(HERE), at("123456789012/eu-west-2")]);
    one.delete(&name("/a")).await.unwrap();
    assert_eq!(database.places().await.unwrap(), [at("123456789012/eu-west-2")], "one that holds nothing is none");
    database.close().await;
    assert_eq!(open(directory.path()).await.describe(&DescribeRequest::default()).await.unwrap().items, []);
}

#[tokio::test]
async fn every_write_is_recorded_and_what_did_not_happen_is_not() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = database.store(&at(HERE), "somebody");
    let secure = PutRequest { parameter_type: Some(ParameterType::SecureString), ..request("/a", "1") };
    store.put(&secure).await.unwrap();
    store.put(&request("/a", "again")).await.unwrap_err();
    store.put(&overwrite("/a", "2")).await.unwrap();
    store.label(&name("/a"), Some(Version::FIRST), &["old".into(), "1st".into()]).await.unwrap();
    store.label(&name("/a"), Some(Version::FIRST), &["old".into()]).await.unwrap();
    store.unlabel(&name("/a"), Version::FIRST, &[Label::observed("old"), Label::observed("none")]).await.unwrap();
    store.unlabel(&name("/a"), Version::FIRST, &[Label::observed("old")]).await.unwrap();
    store.tag(&name("/a"), &[Tag::parse("team=blue").unwrap()]).await.unwrap();
    store.untag(&name("/a"), &["team".into()]).await.unwrap();
    store.untag(&name("/a"), &["team".into()]).await.unwrap();
    store.delete(&name("a")).await.unwrap();
    store.delete(&name("/a")).await.unwrap_err();

    let changes = all_changes(&database).await;
    let seen: Vec<_> =
        changes.iter().map(|change| (change.kind, change.version.get(), change.labels.clone())).collect();
    let old = vec![Label::observed("old")];
    let expected = [
        (ChangeKind::Create, 1, vec![]),
        (ChangeKind::Update, 2, vec![]),
        (ChangeKind::LabelParameterVersion, 1, old.clone()),
        (ChangeKind::UnlabelParameterVersion, 1, old),
        (ChangeKind::AddTags, 2, vec![]),
        (ChangeKind::RemoveTags, 2, vec![]),
        (ChangeKind::Delete, 2, vec![]),
    ];
    assert_eq!(seen, expected);
    for change in &changes {
        assert_eq!(
            (&change.place, change.name.as_str()),
            (&at(HERE), "/a"),
            "the name as it was spelled at its creation"
        );
        assert_eq!((change.parameter_type, change.user.as_deref()), (ParameterType::SecureString, Some("somebody")));
        assert_eq!(change.at, time("2030-01-01T00:00:00Z"));
    }
    let third = database.changes(&changes[1].cursor, 1).await.unwrap();
    assert_eq!((third.changes.as_slice(), third.is_behind_a_gap), (&changes[2..3], false));
    assert_eq!(database.newest_change().await.unwrap(), changes[6].cursor);
}

#[tokio::test]
async fn what_was_deleted_lately_is_known() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let (store, now) = (database.store(&at(HERE), "somebody"), time("2030-01-01T00:00:00Z"));
    assert!(database.deleted_since(now).await.unwrap().is_empty());
    for text in ["/old", "/a", "/b"] {
        store.put(&overwrite(text, "v")).await.unwrap();
    }
    store.delete(&name("/old")).await.unwrap();
    crate::tamper(directory.path(), "UPDATE change SET at = at - 3600000").await;
    for text in ["/b", "/a"] {
        store.delete(&name(text)).await.unwrap();
    }
    let deleted = async |since| {
        let deleted = database.deleted_since(since).await.unwrap();
        deleted.iter().map(|change| change.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(deleted(now).await, ["/b", "/a"]);
    assert_eq!(deleted(time("2029-12-31T00:00:00Z")).await, ["/old", "/b", "/a"]);
    assert!(deleted(time("2030-01-01T00:00:01Z")).await.is_empty());
}

#[tokio::test]
async fn forgotten_changes_leave_a_gap_that_is_told() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = database.store(&at(HERE), "somebody");
    for value in ["1", "2", "3", "4"] {
        store.put(&overwrite("/a", value)).await.unwrap();
    }
    let changes = all_changes(&database).await;
    database.forget_changes(&changes[1].cursor).await.unwrap();
    let page = database.changes(&ChangeCursor::default(), 10).await.unwrap();
    assert_eq!((page.changes.as_slice(), page.is_behind_a_gap), (&changes[2..], true));
    assert!(database.changes(&changes[0].cursor, 10).await.unwrap().is_behind_a_gap);
    assert!(!database.changes(&changes[1].cursor, 10).await.unwrap().is_behind_a_gap);
    database.forget_changes(&changes[3].cursor).await.unwrap();
    assert!(database.changes(&changes[2].cursor, 10).await.unwrap().is_behind_a_gap);
    let end = database.changes(&changes[3].cursor, 10).await.unwrap();
    assert_eq!((end.changes.len(), end.is_behind_a_gap), (0, false));
    assert_eq!(database.newest_change().await.unwrap(), changes[3].cursor, "the order goes on where it was");
    store.put(&overwrite("/a", "5")).await.unwrap();
    assert!(all_changes(&database).await[0].cursor > changes[3].cursor);
}

fn with_policies(text: &str, policies: &str) -> PutRequest {
    PutRequest {
        tier: Some(TierRequest::Advanced),
        policies: Some(Policy::parse_list(policies).unwrap()),
        ..overwrite(text, "v")
    }
}

const POLICIES: &str = r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-03-01T00:00:00.000Z"}},
    {"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}},
    {"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]"#;

#[tokio::test]
async fn policies_act_once_when_their_moment_has_come() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = database.store(&at(HERE), "somebody");
    store.put(&with_policies("/a", POLICIES)).await.unwrap();
    store.put(&request("/b", "stays")).await.unwrap();
    let put = database.newest_change().await.unwrap();
    let sweep = async |text| database.sweep(time(text)).await.unwrap();
    let nothing = SweepReport::default();
    assert_eq!(sweep("2030-01-20T23:59:59Z").await, nothing);
    assert_eq!(sweep("2030-01-21T00:00:00Z").await, SweepReport { notified: 1, ..nothing });
    assert_eq!(sweep("2030-01-22T00:00:00Z").await, nothing, "it is announced once");
    assert_eq!(sweep("2030-02-14T00:00:00Z").await, SweepReport { notified: 1, ..nothing });
    assert_eq!(sweep("2030-02-28T23:59:59Z").await, nothing);
    assert_eq!(sweep("2030-03-01T00:00:00Z").await, SweepReport { expired: 1, ..nothing });
    assert_eq!(sweep("2031-01-01T00:00:00Z").await, nothing);

    let changes = database.changes(&put, 10).await.unwrap().changes;
    let seen: Vec<_> =
        changes.iter().map(|change| (change.kind, change.name.as_str(), change.user.as_deref())).collect();
    let expected = [ChangeKind::NoChangeNotification, ChangeKind::ExpirationNotification, ChangeKind::Expiration];
    assert_eq!(seen, expected.map(|kind| (kind, "/a", None)));
    let gone = store.get(&ParameterReference::newest(name("/a"))).await.unwrap_err();
    assert_eq!(gone.kind, StoreErrorKind::ParameterNotFound);
    store.get(&ParameterReference::newest(name("/b"))).await.unwrap();
}

#[tokio::test]
async fn a_further_version_announces_no_expiration_again_but_counts_its_own_days() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = database.store(&at(HERE), "somebody");
    store.put(&with_policies("/a", POLICIES)).await.unwrap();
    let all = time("2030-02-20T00:00:00Z");
    assert_eq!(database.sweep(all).await.unwrap().notified, 2);
    store.put(&overwrite("/a", "w")).await.unwrap();
    assert_eq!(database.sweep(all).await.unwrap().notified, 1, "only that it was not changed");
    store.put(&with_policies("/a", "[]")).await.unwrap();
    let never = time("2040-01-01T00:00:00Z");
    assert_eq!(database.sweep(never).await.unwrap(), SweepReport::default(), "policies that were taken off do not act");
    store.put(&with_policies("/a", POLICIES)).await.unwrap();
    store.delete(&name("/a")).await.unwrap();
    assert_eq!(database.sweep(never).await.unwrap(), SweepReport::default());
}

#[tokio::test]
async fn a_policy_that_has_acted_is_finished() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = database.store(&at(HERE), "somebody");
    let statuses = async || {
        let described = store.describe(&DescribeRequest::default()).await.unwrap().items;
        let statuses = described[0].policies.iter().map(|policy| policy.policy_status.clone().unwrap());
        statuses.collect::<Vec<_>>()
    };
    store.put(&with_policies("/a", POLICIES)).await.unwrap();
    assert_eq!(statuses().await, ["Pending", "Pending", "Pending"]);
    database.sweep(time("2030-01-21T00:00:00Z")).await.unwrap();
    assert_eq!(statuses().await, ["Pending", "Pending", "Finished"]);
    database.sweep(time("2030-02-20T00:00:00Z")).await.unwrap();
    assert_eq!(statuses().await, ["Pending", "Finished", "Finished"]);
    // The days without a change begin anew with a further version, whether it says the same policies again or none.
    for put in [overwrite("/a", "w"), with_policies("/a", POLICIES)] {
        store.put(&put).await.unwrap();
        assert_eq!(statuses().await, ["Pending", "Finished", "Pending"]);
    }
    let others = POLICIES.replace("15", "14");
    store.put(&with_policies("/a", &others)).await.unwrap();
    assert_eq!(statuses().await, ["Pending", "Pending", "Pending"]);
}

#[tokio::test]
async fn many_expire_in_one_sweep() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let store = open(directory.path()).await;
    let requests: Vec<_> = (0..1203).map(|number| with_policies(&format!("/many/{number}"), POLICIES)).collect();
    store.put_all(&requests).await.unwrap();
    let report = database.sweep(time("2030-03-02T00:00:00Z")).await.unwrap();
    assert_eq!(report, SweepReport { expired: 1203, notified: 2406 });
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items, []);
}

#[tokio::test]
async fn a_watch_is_told_of_own_writes_before_they_return_and_of_others_when_it_looks() {
    let directory = new_directory().await;
    let (own, other) = (database(&directory).await, database(&directory).await);
    let place = at(HERE);
    own.store(&place, "own").put(&request("/before", "v")).await.unwrap();
    let mut watch = own.watch(Duration::from_millis(1));
    own.store(&place, "own").put(&request("/own", "v")).await.unwrap();
    assert_eq!(watch.changed.try_recv().unwrap(), Some((place.clone(), name("/own"))));

    other.store(&place, "other").put(&request("/other", "v")).await.unwrap();
    let committed = own.elapsed();
    assert_eq!(watch.changed.recv().await.unwrap(), Some((place.clone(), name("/other"))));
    while watch.seen_until() <= committed {
        tokio::task::yield_now().await;
    }
    own.store(&place, "own").put(&request("/own/more", "v")).await.unwrap();
    assert_eq!(watch.changed.try_recv().unwrap(), Some((place.clone(), name("/own/more"))), "nothing is told again");
    let quiet = own.elapsed();
    while watch.seen_until() <= quiet {
        tokio::task::yield_now().await;
    }
    assert_eq!(watch.changed.try_recv().unwrap_err(), TryRecvError::Empty);
}

#[tokio::test]
async fn a_watch_that_missed_changes_is_told_to_forget_everything() {
    let directory = new_directory().await;
    let (own, other) = (database(&directory).await, database(&directory).await);
    let store = other.store(&at(HERE), "other");
    store.put(&request("/a", "v")).await.unwrap();
    store.put(&request("/b", "v")).await.unwrap();
    other.forget_changes(&all_changes(&other).await[0].cursor).await.unwrap();
    let mut watch = own.watch(Duration::from_millis(1));
    assert_eq!(watch.changed.recv().await.unwrap(), None);
}

#[tokio::test]
async fn a_secret_of_the_server_opens_with_its_words_in_its_database() {
    let (directory, elsewhere) = (new_directory().await, new_directory().await);
    let (database, other) = (database(&directory).await, database(&elsewhere).await);
    let sealed = database.seal_secret("access key AKIA1", b"hunter2").await.unwrap();
    assert_eq!(**database.open_secret("access key AKIA1", &sealed).await.unwrap(), *b"hunter2");
    let error = database.open_secret("access key AKIA2", &sealed).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    other.open_secret("access key AKIA1", &sealed).await.unwrap_err();
    database.ping().await.unwrap();
    database.close().await;
    database.ping().await.unwrap_err();
}

/// What a tier that is full does, in a store whose limits are two standard parameters and one advanced one.
pub(crate) async fn assert_tiers_are_limited(store: &SharedStore) {
    let refused = async |request: &PutRequest| store.put(request).await.unwrap_err().kind;
    let advanced = |text: &str| PutRequest { tier: Some(TierRequest::Advanced), ..overwrite(text, "v") };
    for text in ["/1", "/2"] {
        store.put(&request(text, "v")).await.unwrap();
    }
    assert_eq!(refused(&request("/3", "v")).await, StoreErrorKind::ParameterLimitExceeded);
    store.put(&overwrite("/1", "w")).await.unwrap();
    let intelligent = PutRequest { tier: Some(TierRequest::IntelligentTiering), ..request("/3", "v") };
    assert_eq!(store.put(&intelligent).await.unwrap().tier, parados_parameter::Tier::Advanced);
    assert_eq!(refused(&advanced("/4")).await, StoreErrorKind::ParameterLimitExceeded);
    assert_eq!(refused(&advanced("/1")).await, StoreErrorKind::ParameterLimitExceeded);
    store.put(&overwrite("/3", "w")).await.unwrap();
    store.delete(&name("/3")).await.unwrap();
    store.put(&advanced("/1")).await.unwrap();
    store.put(&request("/5", "v")).await.unwrap();
    assert_eq!(refused(&request("/6", "v")).await, StoreErrorKind::ParameterLimitExceeded);
}

pub(crate) const FEW: TierLimits = TierLimits { standard: 2, advanced: 1 };

#[tokio::test]
async fn a_tier_takes_as_many_as_it_is_limited_to_in_each_place() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    let before = database.store(&at("123456789012/eu-west-2"), "somebody");
    for text in ["/1", "/2", "/3"] {
        before.put(&request(text, "v")).await.unwrap();
    }
    database.limit_tiers(FEW);
    assert_tiers_are_limited(&database.store(&at(HERE), "somebody")).await;
    before.put(&overwrite("/3", "w")).await.unwrap();
}

#[tokio::test]
async fn puts_at_once_keep_to_the_limit_of_a_tier() {
    let directory = new_directory().await;
    let database = database(&directory).await;
    database.limit_tiers(FEW);
    let store = database.store(&at(HERE), "somebody");
    let puts = ["/1", "/2", "/3", "/4"].map(|text| request(text, "v"));
    let outcomes = futures::future::join_all(puts.iter().map(|put| store.put(put))).await;
    let refused: Vec<_> = outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.kind).err()).collect();
    let limit = Some(StoreErrorKind::ParameterLimitExceeded);
    assert_eq!(refused, [None, None, limit, limit]);
}
