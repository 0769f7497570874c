//! The record of changes, and who watches it.

use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::Tag;
use parados_store::{ChangeCursor, ChangeKind, ChangeWatch, ParameterDatabase as _};
use sqlx::{ConnectOptions as _, PgConnection};
use testkit::Postgres;

use super::{Home, place, try_open};
use crate::{name, overwrite, request};

/// A transaction of somebody else's that has an id and does not end.
async fn hanging(url: &str) -> PgConnection {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT pg_current_xact_id()").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn each_write_is_recorded_in_order_and_what_did_not_happen_is_not() {
    let home = Home::new();
    let database = home.open().await;
    let start = database.newest_change().await.unwrap();
    let store = database.store(&place(1), "arn:aws:iam::000000000001:user/ada");
    store.put(&request("/a", "1")).await.unwrap();
    store.put(&request("/a", "1")).await.unwrap_err();
    store.put(&overwrite("a", "2")).await.unwrap();
    store.label(&name("/a"), None, &["live".into(), "1st".into()]).await.unwrap();
    store.label(&name("/a"), None, &["live".into()]).await.unwrap();
    store.tag(&name("/a"), &[Tag::parse("team=blue").unwrap()]).await.unwrap();
    store.untag(&name("/a"), &["team".into(), "none".into()]).await.unwrap();
    store.untag(&name("/a"), &["team".into()]).await.unwrap();
    let live = ["live", "none"].map(parados_parameter::Label::observed);
    store.unlabel(&name("/a"), parados_parameter::Version::FIRST.next(), &live).await.unwrap();
    store.delete(&name("/a")).await.unwrap();
    let page = database.changes(&start, 100).await.unwrap();
    let told: Vec<_> = page
        .changes
        .iter()
        .map(|change| {
            let labels: Vec<_> = change.labels.iter().map(ToString::to_string).collect();
            assert_eq!((change.name.as_str(), &change.place), ("/a", &place(1)));
            assert_eq!(change.user.as_deref(), Some("arn:aws:iam::000000000001:user/ada"));
            (change.kind, change.version.get(), labels.join(","))
        })
        .collect();
    let expected = [
        (ChangeKind::Create, 1, ""),
        (ChangeKind::Update, 2, ""),
        (ChangeKind::LabelParameterVersion, 2, "live"),
        (ChangeKind::AddTags, 2, ""),
        (ChangeKind::RemoveTags, 2, ""),
        (ChangeKind::UnlabelParameterVersion, 2, "live"),
        (ChangeKind::Delete, 2, ""),
    ];
    assert_eq!(told, expected.map(|(kind, version, labels)| (kind, version, labels.to_owned())));
    assert!(!page.is_behind_a_gap);
    let rest = database.changes(&page.changes[4].cursor, 1).await.unwrap();
    assert_eq!(rest.changes, page.changes[5..6]);
}

#[tokio::test]
async fn a_change_is_settled_when_nothing_can_come_before_it() {
    let home = Home::new();
    let database = home.open().await;
    let start = database.newest_change().await.unwrap();
    let mut other = hanging(&home.url).await;
    database.store(&place(1), "tester").put(&request("/a", "1")).await.unwrap();
    assert!(database.changes(&start, 100).await.unwrap().changes.is_empty());
    assert_eq!(database.newest_change().await.unwrap(), start);
    database.forget_changes(&ChangeCursor::default()).await.unwrap();
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    let changes = database.changes(&start, 100).await.unwrap().changes;
    assert_eq!(changes.len(), 1);
    assert_eq!(database.newest_change().await.unwrap(), changes[0].cursor);
}

#[tokio::test]
async fn what_was_deleted_lately_is_known_before_it_is_settled() {
    let home = Home::new();
    let database = home.open().await;
    let store = database.store(&place(1), "tester");
    let hour_ago = Timestamp::now() - jiff::SignedDuration::from_hours(1);
    for text in ["/old", "/a", "/b"] {
        store.put(&request(text, "v")).await.unwrap();
    }
    store.delete(&name("/old")).await.unwrap();
    home.postgres.psql("test_0", "UPDATE change SET at = at - 7200000");
    let _other = hanging(&home.url).await;
    for text in ["/b", "/a"] {
        store.delete(&name(text)).await.unwrap();
    }
    let deleted = async |since| {
        let deleted = database.deleted_since(since).await.unwrap();
        deleted.iter().map(|change| change.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(deleted(hour_ago).await, ["/b", "/a"]);
    assert_eq!(deleted(Timestamp::UNIX_EPOCH).await, ["/old", "/b", "/a"]);
    assert!(deleted(Timestamp::now() + jiff::SignedDuration::from_hours(1)).await.is_empty());
}

#[tokio::test]
async fn who_comes_behind_a_gap_is_told() {
    let home = Home::new();
    let database = home.open().await;
    let store = database.store(&place(1), "tester");
    for _ in 0..3 {
        store.put(&overwrite("/a", "v")).await.unwrap();
    }
    let all = database.changes(&ChangeCursor::default(), 100).await.unwrap();
    assert!(!all.is_behind_a_gap);
    let [first, second, third] = all.changes.as_slice() else { panic!("{all:?}") };
    database.forget_changes(&second.cursor).await.unwrap();
    let page = database.changes(&first.cursor, 100).await.unwrap();
    assert!(page.is_behind_a_gap && page.changes == [third.clone()], "{page:?}");
    assert!(!database.changes(&second.cursor, 100).await.unwrap().is_behind_a_gap, "who forgot it knew it");
    database.forget_changes(&third.cursor).await.unwrap();
    let page = database.changes(&first.cursor, 100).await.unwrap();
    assert!(page.is_behind_a_gap && page.changes.is_empty(), "{page:?}");
    assert_eq!(database.newest_change().await.unwrap(), third.cursor);
}

#[tokio::test]
async fn changes_that_came_with_a_dump_are_settled_and_old_cursors_are_behind_a_gap() {
    let home = Home::new();
    let database = home.open().await;
    // This cluster is far ahead of the one that the dump goes to.
    home.postgres
        .psql("test_0", "DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
    database.store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    let old = database.newest_change().await.unwrap();
    let file = home.folder.path().join("dump.sql");
    home.postgres.dump("test_0", &file);
    let other = Postgres::start();
    let url = other.new_database();
    other.load("test_0", &file);

    let database = try_open(&url, &home.key(), false).await.unwrap();
    let page = database.changes(&old, 100).await.unwrap();
    assert!(page.is_behind_a_gap && page.changes.len() == 1, "{page:?}");
    database.store(&place(1), "tester").put(&overwrite("/a", "w")).await.unwrap();
    let behind = database.changes(&page.changes[0].cursor, 100).await.unwrap();
    assert_eq!((behind.changes.len(), behind.changes[0].kind), (1, ChangeKind::Update));
}

/// The next that the watch is told, after everything that it was told at its beginning.
async fn told(watch: &mut ChangeWatch) -> String {
    let changed = tokio::time::timeout(Duration::from_secs(30), watch.changed.recv()).await;
    changed.expect("it is told").unwrap().map_or_else(|| "anything".into(), |(at, name)| format!("{at} {name}"))
}

async fn settled_watch(database: &parados_store::PostgresDatabase, every: Duration) -> ChangeWatch {
    let mut watch = database.watch(every);
    assert_eq!(told(&mut watch).await, "anything", "what was before it is not known");
    watch
}

#[tokio::test]
async fn a_write_is_told_before_it_returns_and_another_server_s_soon() {
    let home = Home::new();
    let (one, other) = (home.open().await, home.open().await);
    let long = Duration::from_secs(3600);
    let (mut watch, mut far) = (settled_watch(&one, long).await, settled_watch(&other, long).await);
    one.store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    let expected = Ok(Some((place(1), name("/a"))));
    assert_eq!(watch.changed.try_recv(), expected, "it was told already");
    assert_eq!(told(&mut far).await, format!("{} /a", place(1)), "by a notification, since nobody looks for an hour");
}

#[tokio::test]
async fn what_was_seen_until_a_moment_was_told_also_without_notifications() {
    let home = Home::new();
    let (one, other) = (home.open().await, home.open().await);
    // A transaction that hangs keeps changes from being settled, and from nobody who watches.
    let hangs = hanging(&home.url).await;
    let mut watch = settled_watch(&one, Duration::from_millis(10)).await;
    // Nobody listens any more, and each look has to find it.
    home.postgres.psql("test_0", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    for n in 0..20 {
        let text = format!("/a/{n}");
        other.store(&place(1), "tester").put(&request(&text, "v")).await.unwrap();
        let committed = one.elapsed();
        while watch.seen_until() <= committed {
            one.ping().await.unwrap();
        }
        let mut seen = Vec::new();
        while let Ok(changed) = watch.changed.try_recv() {
            seen.push(changed.map_or_else(|| "anything".into(), |(at, name)| format!("{at} {name}")));
        }
        assert!(seen.contains(&format!("{} {text}", place(1))), "{text}: {seen:?}");
    }
    drop(hangs);
}

#[tokio::test]
async fn a_watch_of_a_database_that_is_down_does_not_claim_to_have_seen() {
    let home = Home::new();
    let database = home.open().await;
    let mut watch = settled_watch(&database, Duration::from_millis(1)).await;
    home.postgres.kill();
    let killed = database.elapsed();
    assert!(database.ping().await.is_err());
    assert!(watch.seen_until() <= killed);
    home.postgres.restart();
    home.open().await.store(&place(1), "tester").put(&request("/a", "v")).await.unwrap();
    while told(&mut watch).await != format!("{} /a", place(1)) {}
}
