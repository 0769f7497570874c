//! The audit as a server has it: over a database, with a writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parados_parameter::AccountRegion;
use parados_parameter::clock::ManualClock;

use super::batch::{Batch, Head};
use super::log::WAKE_ENTRIES;
use super::table::{AuditTable, AuditTableError, Chain, Checkpoint, SqliteAuditTable};
use super::*;
use crate::state::ServerState;

/// A read that was done.
pub(crate) fn entry(name: &str) -> AuditEntry {
    AuditEntry {
        request_id: "3f0c".to_owned(),
        at: "2026-11-24T15:00:00.25Z".parse().unwrap(),
        took: Duration::from_micros(41),
        caller: Some(Caller {
            principal: "deploy".to_owned(),
            arn: "arn:aws:iam::123456789012:user/deploy".to_owned(),
            user_id: "AIDAEXAMPLE".to_owned(),
            access_key_id: "AKIAEXAMPLE".to_owned(),
            place: AccountRegion::new("123456789012", "eu-west-1").unwrap(),
            source: None,
        }),
        claimed_key: None,
        action: Some(Action::GetParameter),
        touched: vec![Touched { name: name.to_owned(), version: Some(3) }],
        flags: Vec::new(),
        source: Some("192.0.2.7:50123".parse().unwrap()),
        user_agent: Some("aws-cli/2".to_owned()),
        status: 200,
        error: None,
    }
}

/// A call by nobody.
pub(crate) fn refused() -> AuditEntry {
    AuditEntry {
        request_id: "3f0d".to_owned(),
        at: "2026-11-24T15:00:00Z".parse().unwrap(),
        took: Duration::from_micros(9),
        caller: None,
        claimed_key: None,
        action: None,
        touched: Vec::new(),
        flags: Vec::new(),
        source: None,
        user_agent: None,
        status: 400,
        error: Some("MissingAuthenticationTokenException".to_owned()),
    }
}

fn put(name: &str) -> AuditEntry {
    AuditEntry { action: Some(Action::PutParameter), ..entry(name) }
}

/// A database: in a folder of its own, or of a PostgreSQL.
enum Database {
    Sqlite(tempfile::TempDir),
    Postgres { _server: testkit::Postgres, url: String },
}

impl Database {
    fn new() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    fn postgres() -> Self {
        let server = testkit::Postgres::start();
        let url = server.new_database();
        Self::Postgres { _server: server, url }
    }

    /// As another process would open it.
    async fn state(&self) -> ServerState {
        match self {
            Self::Sqlite(folder) => ServerState::open(folder.path()).await.unwrap(),
            Self::Postgres { url, .. } => ServerState::connect(url).await.unwrap(),
        }
    }

    async fn chain(&self) -> AuditChain {
        AuditChain::open(&self.state().await).await.unwrap()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-11-24T15:00:00Z".parse().unwrap()))
}

/// A writer that waits longer than any test for reads' entries.
fn lazy() -> AuditOptions {
    AuditOptions { delay: Duration::from_secs(3600), ..AuditOptions::default() }
}

async fn export(chain: &AuditChain, after: u64) -> (String, AuditHead) {
    let mut lines = Vec::new();
    let mut write = |line: &[u8]| {
        lines.extend_from_slice(line);
        Ok(())
    };
    let report = chain.export(after, &mut write).await.unwrap();
    (String::from_utf8(lines).unwrap(), report.head)
}

#[tokio::test]
async fn a_write_s_entry_is_on_the_disk_before_its_answer_and_brings_the_reads_along() {
    let database = Database::new();
    let (chain, other) = (database.chain().await, database.chain().await);
    let log = chain.start(clock(), lazy());
    log.record(entry("/a")).await.unwrap();
    log.record(refused()).await.unwrap();
    assert_eq!(other.head().await.unwrap().sequence, 0);
    log.record(put("/b")).await.unwrap();
    assert_eq!(other.head().await.unwrap().sequence, 3);
    // A write that was refused changed nothing, so nobody waits for its entry; one that may have been done is waited for.
    let denied = AuditEntry { error: Some("AccessDeniedException".to_owned()), status: 400, ..put("/c") };
    log.record(denied).await.unwrap();
    assert_eq!(other.head().await.unwrap().sequence, 3);
    let unknown = AuditEntry { error: Some("InternalServerError".to_owned()), status: 500, ..put("/c") };
    log.record(unknown).await.unwrap();
    assert_eq!(other.head().await.unwrap().sequence, 5);
    let report = other.verify(None).await.unwrap();
    assert_eq!((report.finding, report.entries), (None, 5));
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_read_s_entry_is_written_when_its_time_is_over() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), AuditOptions { delay: Duration::from_millis(20), ..lazy() });
    log.record(entry("/a")).await.unwrap();
    assert_eq!(chain.head().await.unwrap().sequence, 0);
    // Nothing else wakes the writer: where the time did not, this would not end.
    while chain.head().await.unwrap().sequence == 0 {}
    log.close().await.unwrap();
}

#[tokio::test]
async fn what_waits_is_written_at_the_end() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    for number in 0..10_000 {
        log.record(entry(&format!("/{number}"))).await.unwrap();
    }
    log.close().await.unwrap();
    let report = chain.verify(None).await.unwrap();
    assert_eq!((report.finding, report.entries), (None, 10_000));
    assert!(log.status().written_batches >= 3, "{:?}", log.status());
    assert_eq!(log.record(entry("/late")).await, Err(AuditError::Full));
}

async fn two_servers_write(database: &Database, options: AuditOptions) {
    let (first, second) = tokio::join!(database.chain(), database.chain());
    let logs = [first.start(clock(), options), second.start(clock(), options)];
    let all = logs.iter().map(async |log| {
        for number in 0..50 {
            log.record(entry(&format!("/r{number}"))).await.unwrap();
            log.record(put(&format!("/w{number}"))).await.unwrap();
        }
    });
    futures::future::join_all(all).await;
    for log in &logs {
        log.close().await.unwrap();
    }
}

#[tokio::test]
async fn two_servers_make_one_whole_chain() {
    for database in [Database::new(), Database::postgres()] {
        two_servers_write(&database, AuditOptions { delay: Duration::ZERO, ..lazy() }).await;
        let report = database.chain().await.verify(None).await.unwrap();
        assert_eq!((report.finding, report.entries), (None, 200));
    }
}

/// Each prepares its batch behind its own last one, and finds another's there.
#[tokio::test]
async fn servers_that_write_much_in_turn_make_one_whole_chain() {
    for database in [Database::new(), Database::postgres()] {
        let (first, second) = tokio::join!(database.chain(), database.chain());
        let logs = [first.start(clock(), lazy()), second.start(clock(), lazy())];
        for _ in 0..3 {
            for log in &logs {
                for number in 0..WAKE_ENTRIES {
                    log.record(entry(&format!("/r{number}"))).await.unwrap();
                }
                log.record(put("/w")).await.unwrap();
            }
        }
        let report = database.chain().await.verify(None).await.unwrap();
        assert_eq!((report.finding, report.entries), (None, 6 * (WAKE_ENTRIES as u64 + 1)));
        for log in &logs {
            log.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_changed_in_postgresql_is_noticed_too() {
    let database = Database::postgres();
    two_servers_write(&database, lazy()).await;
    let chain = database.chain().await;
    let (_, pinned) = export(&chain, 0).await;
    let ServerState::Postgres(pool) = database.state().await else { panic!("it is one of PostgreSQL") };
    let sql = "DELETE FROM server_audit_batch WHERE first = (SELECT MAX(first) FROM server_audit_batch)";
    sqlx::query(sql).execute(&pool).await.unwrap();
    let finding = chain.verify(None).await.unwrap().finding.unwrap();
    assert_eq!(finding.damage, AuditDamage::Truncated, "{finding}");
    // Whoever takes the head back too is noticed by who has exported it.
    let sql = "UPDATE server_audit_head SET (sequence, digest) =
               (SELECT last, head FROM server_audit_batch ORDER BY last DESC LIMIT 1)";
    sqlx::query(sql).execute(&pool).await.unwrap();
    assert_eq!(chain.verify(None).await.unwrap().finding, None);
    assert_eq!(chain.verify(Some(pinned)).await.unwrap().finding.unwrap().damage, AuditDamage::Truncated);
}

#[tokio::test]
async fn an_export_goes_on_where_one_ended() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    for name in ["/a", "/b", "/c"] {
        log.record(entry(name)).await.unwrap();
    }
    log.event("server-start").await.unwrap();
    let (first, pinned) = export(&chain, 0).await;
    log.record(put("/d")).await.unwrap();
    let (rest, head) = export(&chain, pinned.sequence).await;
    let (whole, _) = export(&chain, 0).await;
    assert_eq!(format!("{first}{rest}"), whole);
    assert_eq!(audit_head_of(whole.lines().last().unwrap().as_bytes()), Some(head.clone()));
    assert_eq!(audit_head_of(first.lines().last().unwrap().as_bytes()), Some(pinned.clone()));
    assert_eq!((whole.lines().count(), head.sequence), (5, 5));
    let report = chain.verify(Some(pinned)).await.unwrap();
    assert_eq!((report.finding, report.compared), (None, Some(true)));
}

#[tokio::test]
async fn the_newest_entries_that_a_query_means_are_given() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    for number in 0..20 {
        log.record(entry(&format!("/shop/{number}"))).await.unwrap();
        log.record(put("/other")).await.unwrap();
    }
    let query = AuditQuery { path: Some("/shop".to_owned()), ..AuditQuery::newest(3) };
    let found = chain.query(&query).await.unwrap();
    let names: Vec<_> = found.iter().map(|line| line.record.touched[0].name.as_ref()).collect();
    assert_eq!(names, ["/shop/17", "/shop/18", "/shop/19"]);
    assert_eq!(found[2].sequence, 39);
    log.close().await.unwrap();
}

#[tokio::test]
async fn old_entries_are_removed_behind_a_checkpoint_and_the_rest_verifies() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    let from = |hour: i64, name: &str| AuditEntry { at: Timestamp::from_second(hour * 3600).unwrap(), ..put(name) };
    for hour in 0..6 {
        log.record(from(hour, "/a")).await.unwrap();
    }
    let (old, _) = export(&chain, 0).await;
    let until = Timestamp::from_second(3 * 3600).unwrap();
    let removed = chain.remove_before(until, Timestamp::from_second(6 * 3600).unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(&removed), audit_head_of(old.lines().nth(2).unwrap().as_bytes()).as_ref());
    assert_eq!(chain.remove_before(until, until).await.unwrap(), None, "there is nothing more to remove");
    log.record(from(7, "/b")).await.unwrap();
    let report = chain.verify(Some(removed)).await.unwrap();
    assert_eq!((report.finding, report.first, report.entries, report.compared), (None, 4, 5, Some(true)));
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_server_removes_what_is_older_than_it_keeps() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    let old = AuditEntry { at: "2026-11-23T14:00:00Z".parse().unwrap(), ..put("/a") };
    log.record(old).await.unwrap();
    log.record(put("/b")).await.unwrap();
    log.close().await.unwrap();
    let keep = Some(Duration::from_secs(86_400));
    let log = chain.start(clock(), AuditOptions { keep, ..lazy() });
    // It looks when it starts, and then every hour.
    while chain.head().await.unwrap().sequence == 2 {}
    let report = chain.verify(None).await.unwrap();
    assert_eq!((report.finding, report.first, report.entries), (None, 2, 2));
    log.close().await.unwrap();
}

/// A table that fails as often as it is told, before or after it did its work.
#[derive(Debug)]
struct Failing {
    table: SqliteAuditTable,
    before: AtomicU32,
    after: AtomicU32,
    /// Who holds it holds up every batch.
    gate: tokio::sync::Mutex<()>,
}

impl Failing {
    fn fails(count: &AtomicU32) -> super::table::Result<()> {
        let one_less = |count: u32| count.checked_sub(1);
        match count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Err(AuditTableError::of("failing")(sqlx::Error::WorkerCrashed)),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl AuditTable for Failing {
    async fn append(&self, attempted: Option<Head>, chain: Chain<'_>) -> super::table::Result<Head> {
        drop(self.gate.lock().await);
        Self::fails(&self.before)?;
        let head = self.table.append(attempted, chain).await?;
        Self::fails(&self.after)?;
        Ok(head)
    }

    async fn head(&self) -> super::table::Result<Head> {
        self.table.head().await
    }

    async fn batches(&self, after: u64, limit: u32) -> super::table::Result<Vec<Batch>> {
        self.table.batches(after, limit).await
    }

    async fn batches_between(
        &self,
        after: u64,
        since: i64,
        until: i64,
        limit: u32,
    ) -> super::table::Result<Vec<Batch>> {
        self.table.batches_between(after, since, until, limit).await
    }

    async fn remove_before(&self, until: i64, checkpoint: Checkpoint<'_>) -> super::table::Result<Option<Head>> {
        self.table.remove_before(until, checkpoint).await
    }

    async fn close(&self) {
        self.table.close().await;
    }
}

async fn failing(database: &Database, before: u32, after: u32) -> (Arc<Failing>, AuditChain) {
    let state = database.state().await;
    AuditChain::open(&state).await.unwrap();
    let ServerState::Sqlite(pool) = state else { panic!("it is one of SQLite") };
    let table = SqliteAuditTable::new(pool);
    let table = Arc::new(Failing { table, before: before.into(), after: after.into(), gate: Default::default() });
    (table.clone(), AuditChain::over(table))
}

#[tokio::test]
async fn while_the_audit_cannot_be_written_calls_are_refused_and_none_is_lost() {
    let database = Database::new();
    let (table, chain) = failing(&database, u32::MAX, 0).await;
    let log = chain.start(clock(), AuditOptions { buffer_bytes: 2_000, ..lazy() });
    log.admit().unwrap();
    assert_eq!(log.record(put("/a")).await, Err(AuditError::Unwritable));
    assert_eq!(log.admit(), Err(AuditError::Unwritable));
    // What is refused is recorded while there is room, and then counted.
    let mut recorded = 0;
    while log.record(refused()).await.is_ok() {
        recorded += 1;
        assert!(recorded < 1_000, "the buffer has no end");
    }
    assert!(recorded > 5, "{recorded}");
    assert_eq!(log.status().unrecorded_calls, 1);
    table.before.store(0, Ordering::SeqCst);
    while log.admit().is_err() {
        tokio::task::yield_now().await;
    }
    log.event("server-stop").await.unwrap();
    log.close().await.unwrap();
    let (lines, head) = export(&chain, 0).await;
    assert_eq!(head.sequence, recorded + 3, "{lines}");
    assert!(lines.contains(r#""event":"calls-unrecorded","count":1"#), "{lines}");
    assert_eq!(chain.verify(None).await.unwrap().finding, None);
}

#[tokio::test]
async fn calls_that_come_faster_than_they_are_written_wait_for_room() {
    let database = Database::new();
    let (table, chain) = failing(&database, 0, 0).await;
    let log = chain.start(clock(), AuditOptions { buffer_bytes: 2_000, ..lazy() });
    let held = table.gate.lock().await;
    while log.admit().is_ok() {
        log.record(entry("/a")).await.unwrap();
    }
    assert_eq!(log.admit(), Err(AuditError::Full));
    let mut waiting = Box::pin(log.wait_for_room());
    assert!(futures::poll!(&mut waiting).is_pending());
    drop(held);
    assert_eq!(waiting.await, Ok(()));
    // Where it cannot be written at all, waiting is of no use.
    table.before.store(u32::MAX, Ordering::SeqCst);
    assert_eq!(log.record(put("/b")).await, Err(AuditError::Unwritable));
    assert_eq!(log.wait_for_room().await, Err(AuditError::Unwritable));
    table.before.store(0, Ordering::SeqCst);
    while log.admit().is_err() {
        tokio::task::yield_now().await;
    }
    log.close().await.unwrap();
    assert_eq!((chain.verify(None).await.unwrap().finding, log.status().unrecorded_calls), (None, 0));
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_is_not_written_twice() {
    let database = Database::new();
    let (_, chain) = failing(&database, 0, 1).await;
    let log = chain.start(clock(), lazy());
    assert_eq!(log.record(put("/a")).await, Err(AuditError::Unwritable), "nobody knows yet");
    log.record(put("/b")).await.unwrap();
    let report = chain.verify(None).await.unwrap();
    assert_eq!((report.finding, report.entries), (None, 2));
    log.close().await.unwrap();
}

#[tokio::test]
async fn what_was_prepared_behind_another_head_is_made_anew() {
    let database = Database::new();
    let (_, chain) = failing(&database, 0, 1).await;
    let (log, other) = (chain.start(clock(), lazy()), database.chain().await.start(clock(), lazy()));
    assert_eq!(log.record(put("/a")).await, Err(AuditError::Unwritable), "nobody knows yet");
    while log.admit().is_err() {
        tokio::task::yield_now().await;
    }
    // Now the table has to ask the database where the chain ends, and that is no longer where this server left it.
    other.record(put("/b")).await.unwrap();
    for number in 0..WAKE_ENTRIES {
        log.record(entry(&format!("/r{number}"))).await.unwrap();
    }
    log.record(put("/c")).await.unwrap();
    let report = chain.verify(None).await.unwrap();
    assert_eq!((report.finding, report.entries), (None, WAKE_ENTRIES as u64 + 3));
    log.close().await.unwrap();
    other.close().await.unwrap();
}

/// Reads, of which the writer makes a batch while they come.
async fn many_reads(log: &AuditLog) {
    for number in 0..3 * WAKE_ENTRIES + 5 {
        log.record(entry(&format!("/r{number}"))).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn entries_that_are_chained_as_they_come_are_one_batch() {
    let database = Database::new();
    let chain = database.chain().await;
    let log = chain.start(clock(), lazy());
    log.record(put("/a")).await.unwrap();
    many_reads(&log).await;
    assert_eq!((log.status().written_batches, log.status().waiting_entries), (1, 3 * WAKE_ENTRIES as u64 + 5));
    log.record(put("/b")).await.unwrap();
    assert_eq!((log.status().written_batches, log.status().waiting_entries), (2, 0));
    let report = chain.verify(None).await.unwrap();
    assert_eq!((report.finding, report.entries), (None, 3 * WAKE_ENTRIES as u64 + 7));
    log.close().await.unwrap();
}

#[tokio::test]
async fn what_grew_behind_another_head_is_made_anew() {
    for database in [Database::new(), Database::postgres()] {
        let (first, second) = tokio::join!(database.chain(), database.chain());
        let (log, other) = (first.start(clock(), lazy()), second.start(clock(), lazy()));
        for _ in 0..2 {
            log.record(put("/a")).await.unwrap();
            many_reads(&log).await;
            other.record(put("/b")).await.unwrap();
            log.record(put("/c")).await.unwrap();
        }
        let report = first.verify(None).await.unwrap();
        assert_eq!((report.finding, report.entries), (None, 2 * (3 * WAKE_ENTRIES as u64 + 8)));
        log.close().await.unwrap();
        other.close().await.unwrap();
    }
}
