//! The task that writes the audit.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parados_parameter::Clock;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::{AuditTable, Shared, WAKE_ENTRIES};
use crate::audit::AuditError;
use crate::audit::batch::{Batch, Chainer, Growing, Head, Pending, TURN_ENTRIES};
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
    /// Whether nobody else appended between the last two that this wrote.
    is_alone: bool,
    /// What was taken from the buffer and is not written yet.
    taken: Vec<Pending>,
    /// The bytes of it.
    taken_bytes: usize,
    /// Its batch, as far as it is made.
    growing: Option<Growing>,
}

/// What there is to do.
enum Work {
    /// Write what is taken.
    Write,
    /// Begin with the batch of what is taken: it is worth it.
    Grow,
    /// Wait for more; entries are there already.
    Gather,
    /// Nothing is there.
    Nothing,
    /// Nothing is there, and nothing will come.
    End,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, table: Arc<dyn AuditTable>, clock: Arc<dyn Clock>) -> Self {
        let (chainer, taken) = (Chainer::new(), Vec::new());
        Self { shared, table, clock, chainer, head: None, is_alone: true, taken, taken_bytes: 0, growing: None }
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
                Work::Write => {
                    deadline = None;
                    if self.write().await.is_err() {
                        return;
                    }
                    continue;
                }
                Work::Grow => {
                    deadline.get_or_insert_with(|| Instant::now() + self.shared.options.delay);
                    self.grow().await;
                    continue;
                }
                Work::Gather => {
                    deadline.get_or_insert_with(|| Instant::now() + self.shared.options.delay);
                }
                Work::Nothing => {}
                Work::End => return,
            }
            if retention <= Instant::now() {
                retention = Instant::now() + RETENTION_EVERY;
                self.remove_old().await;
                continue;
            }
            tokio::select! {
                () = self.shared.wake.notified() => self.let_come().await,
                () = sleep_until(deadline.unwrap_or(retention).min(retention)) => {}
            }
        }
    }

    /// Where somebody waits, lets entries come that are about to: one more costs a write nothing, and a write of its own a sync.
    async fn let_come(&self) {
        if self.shared.buffer().wanted > self.shared.progress.borrow().written {
            yield_now().await;
            yield_now().await;
        }
    }

    /// Looks into the buffer, and takes what there is to do something with.
    fn work(&mut self, is_due: bool) -> Work {
        let shared = self.shared.clone();
        let mut buffer = shared.buffer();
        let written = buffer.came - (buffer.entries.len() + self.taken.len()) as u64;
        let is_there = !buffer.entries.is_empty() || !self.taken.is_empty();
        let is_wanted = is_due || buffer.wanted > written || buffer.is_closed || shared.is_half_full(&buffer);
        let work = match is_there {
            false if buffer.is_closed => Work::End,
            false => Work::Nothing,
            true if is_wanted || !self.has_room(0) => Work::Write,
            true if buffer.entries.len() >= WAKE_ENTRIES && self.is_alone && self.head.is_some() => Work::Grow,
            true => Work::Gather,
        };
        if matches!(work, Work::Write | Work::Grow) {
            let mut count = 0;
            while let Some(entry) = buffer.entries.get(count)
                && self.has_room(count)
            {
                self.taken_bytes += entry.record.len();
                count += 1;
            }
            self.taken.extend(buffer.entries.drain(..count));
        }
        buffer.is_gathered = matches!(work, Work::Gather | Work::Grow);
        work
    }

    /// Whether a batch of what is taken, and of so many more, whose bytes are counted already, may have another entry.
    fn has_room(&self, more: usize) -> bool {
        self.taken.len() + more < MAX_BATCH_ENTRIES && self.taken_bytes < MAX_BATCH_BYTES
    }

    /// Makes the batch of what is taken, as far as it can be known: behind the head that this wrote last.
    async fn grow(&mut self) {
        let Some(head) = self.head else { return };
        self.growing.get_or_insert_with(|| Growing::new(head)).add(&self.taken).await;
    }

    /// Writes what is taken, however long that takes; gives up only where the server ends.
    async fn write(&mut self) -> Result<(), AuditError> {
        let (mut attempted, mut wait, mut attempts) = (None::<Head>, FIRST_RETRY, 0);
        if self.growing.is_some() || self.is_alone && self.taken.len() > TURN_ENTRIES {
            self.grow().await;
        }
        let (mut entries, known) = (std::mem::take(&mut self.taken), self.head);
        self.taken_bytes = 0;
        let mut prepared = self.growing.take().map(|growing| growing.finish(&entries));
        loop {
            let mut made = attempted;
            let is_alone = &mut self.is_alone;
            let mut chain = |head: Head| {
                *is_alone = known.is_none_or(|known| known == head);
                let batch = match prepared.take() {
                    Some((behind, batch)) if behind == head => batch,
                    _ => self.chainer.chain(head, &entries),
                };
                made = Some(batch.head());
                batch
            };
            match self.table.append(attempted, &mut chain).await {
                Ok(head) => {
                    self.head = Some(head);
                    self.written(&entries);
                    // Its room is used again.
                    entries.clear();
                    self.taken = entries;
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
