//! The task that writes the audit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parados_parameter::Clock;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::{AuditTable, Pending, Shared};
use crate::audit::AuditError;
use crate::audit::batch::{Batch, Chainer, Head, TURN_ENTRIES};
use crate::audit::line::AuditRecord;

/// Most entries, …
const MAX_BATCH_ENTRIES: usize = 4096;
/// … and about the most bytes of a batch.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// The wait after a first failure, which doubles …
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// … up to this.
const LAST_RETRY: Duration = Duration::from_secs(1);
/// How often what is waited for at the end is tried.
const LAST_ATTEMPTS: u32 = 5;
/// How often old entries are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(3600);

/// Writes what comes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    table: Arc<dyn AuditTable>,
    clock: Arc<dyn Clock>,
    chainer: Chainer,
    /// Where the chain ended when this wrote last; others may have appended to it.
    head: Option<Head>,
}

/// What there is to do.
enum Work {
    /// Write these.
    Write(Vec<Pending>),
    /// Wait for more; entries are there already.
    Gather,
    /// Nothing is there.
    Nothing,
    /// Nothing is there, and nothing will come.
    End,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, table: Arc<dyn AuditTable>, clock: Arc<dyn Clock>) -> Self {
        Self { shared, table, clock, chainer: Chainer::new(), head: None }
    }

    /// Writes until it is closed.
    pub(super) async fn run(mut self) {
        self.write_all().await;
        self.table.close().await;
    }

    async fn write_all(&mut self) {
        let mut deadline = None;
        let mut retention = Instant::now();
        loop {
            let is_due = deadline.is_some_and(|deadline| deadline <= Instant::now());
            match self.work(is_due) {
                Work::Write(entries) => {
                    deadline = None;
                    if self.write(&entries).await.is_err() {
                        return;
                    }
                    continue;
                }
                Work::End => return,
                Work::Gather if deadline.is_none() => deadline = Some(Instant::now() + self.shared.options.delay),
                Work::Gather | Work::Nothing => {}
            }
            if retention <= Instant::now() {
                retention = Instant::now() + RETENTION_EVERY;
                self.remove_old().await;
                continue;
            }
            tokio::select! {
                () = self.shared.wake.notified() => let_come().await,
                () = sleep_until(deadline.unwrap_or(retention).min(retention)) => {}
            }
        }
    }

    /// Looks into the buffer; where it is due, or waited for, takes what makes a batch.
    fn work(&self, is_due: bool) -> Work {
        let mut buffer = self.shared.buffer();
        let taken = buffer.came - buffer.entries.len() as u64;
        match (buffer.entries.is_empty(), is_due || buffer.wanted > taken || buffer.is_closed) {
            (true, _) if buffer.is_closed => Work::End,
            (true, _) => Work::Nothing,
            (false, false) if !self.shared.is_half_full(&buffer) => Work::Gather,
            (false, _) => {
                let mut bytes = 0;
                let fits = buffer.entries.iter().take(MAX_BATCH_ENTRIES).take_while(|entry| {
                    let has_room = bytes < MAX_BATCH_BYTES;
                    bytes += entry.record.len();
                    has_room
                });
                let count = fits.count();
                let rest = buffer.entries.split_off(count);
                Work::Write(std::mem::replace(&mut buffer.entries, rest))
            }
        }
    }

    /// Writes a batch, however long that takes; gives up only where the server ends.
    async fn write(&mut self, entries: &[Pending]) -> Result<(), AuditError> {
        let (mut attempted, mut wait, mut attempts) = (None::<Head>, FIRST_RETRY, 0);
        let mut prepared = match self.head {
            Some(head) if entries.len() > TURN_ENTRIES => {
                Some((head, self.chainer.chain_in_turns(head, entries).await))
            }
            _ => None,
        };
        loop {
            let mut made = attempted;
            let mut chain = |head: Head| {
                let batch = match prepared.take() {
                    Some((behind, batch)) if behind == head => batch,
                    _ => self.chainer.chain(head, entries),
                };
                made = Some(batch.head());
                batch
            };
            match self.table.append(attempted, &mut chain).await {
                Ok(head) => {
                    self.head = Some(head);
                    self.written(entries);
                    return Ok(());
                }
                Err(error) => {
                    if !self.shared.is_failing.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "the audit cannot be written; calls are refused until it can");
                    }
                    attempted = made;
                    attempts += 1;
                    self.shared.progress.send_modify(|progress| progress.failures += 1);
                    if self.shared.buffer().is_closed && attempts >= LAST_ATTEMPTS {
                        return Err(AuditError::Unwritable);
                    }
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(LAST_RETRY);
        }
    }

    /// Tells those who wait, and lets calls in again.
    fn written(&self, entries: &[Pending]) {
        let shared = &self.shared;
        shared.buffer().bytes -= entries.iter().map(|entry| entry.record.len()).sum::<usize>();
        shared.batches.fetch_add(1, Ordering::Relaxed);
        if shared.is_failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("the audit is written again");
        }
        shared.progress.send_modify(|progress| progress.written += entries.len() as u64);
        let unrecorded = shared.unrecorded.swap(0, Ordering::Relaxed);
        if unrecorded > 0 {
            let now = self.clock.now();
            let record = AuditRecord { count: Some(unrecorded), ..AuditRecord::of_event(now, "calls-unrecorded") };
            // Where there is no room again, those that follow count it anew.
            let _ = shared.push(Pending { at: now.as_millisecond(), record: record.to_json() }, false);
        }
    }

    /// Removes what is older than what is kept.
    async fn remove_old(&mut self) {
        let Some(keep) = self.shared.options.keep else { return };
        let now = self.clock.now();
        let Some(until) = SignedDuration::try_from(keep).ok().and_then(|keep| now.checked_sub(keep).ok()) else {
            return;
        };
        match remove_before(self.table.as_ref(), &mut self.chainer, until, now).await {
            Ok(Some(head)) => tracing::info!(sequence = head.sequence, "old entries of the audit are removed"),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "old entries of the audit are not removed; it is tried again in an hour")
            }
        }
    }
}

/// Lets entries come that are about to: one more costs a write nothing, and a write of its own a sync.
async fn let_come() {
    for _ in 0..2 {
        yield_now().await;
    }
}

/// Removes the beginning of the chain, as far as all of it is from before `until`, behind a checkpoint.
pub(in crate::audit) async fn remove_before(
    table: &dyn AuditTable,
    chainer: &mut Chainer,
    until: Timestamp,
    now: Timestamp,
) -> super::super::table::Result<Option<Head>> {
    let mut checkpoint = |removed: Head, end: Head| -> Batch {
        let record = AuditRecord::of_checkpoint(now, removed.into()).to_json();
        chainer.chain(end, &[Pending { at: now.as_millisecond(), record }])
    };
    table.remove_before(until.as_millisecond(), &mut checkpoint).await
}
