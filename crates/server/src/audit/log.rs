//! The audit of a server: a bounded buffer, and one task that writes it.
//!
//! A read's entry is on the disk at most [`AuditOptions::delay`] (and a commit) after the call; a write's is before its answer, together with whatever
//! else waits. While the audit cannot be written no call is taken: see [`Audit::admit`].

pub(super) mod writer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use parados_parameter::Clock;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::batch::Pending;
use super::line::AuditRecord;
use super::table::AuditTable;
use super::{Audit, AuditEntry, AuditError};
use crate::metrics::Reading;
use writer::Writer;

/// How long a call waits while entries come faster than they are written.
pub const MAX_WAIT_FOR_ROOM: Duration = Duration::from_secs(5);

/// Entries that are worth waking the one who writes: it begins to chain them.
pub(super) const WAKE_ENTRIES: usize = 128;

/// How the audit is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// How long a read's entry may wait for others.
    pub delay: Duration,
    /// Most bytes of entries that wait. A call that comes when there are more waits too, and is refused after [`MAX_WAIT_FOR_ROOM`].
    pub buffer_bytes: usize,
    /// How long entries are kept; for ever where there is none.
    pub keep: Option<Duration>,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { delay: Duration::from_millis(100), buffer_bytes: 8 << 20, keep: None }
    }
}

/// What the audit has to tell of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditStatus {
    /// Entries that wait to be written.
    pub waiting_entries: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Entries that were written.
    pub written_entries: u64,
    /// Batches that were written.
    pub written_batches: u64,
    /// Attempts to write that failed.
    pub failures: u64,
    /// Refused calls that have no entry of their own, because the buffer was full.
    pub unrecorded_calls: u64,
    /// Whether the last attempt failed.
    pub is_failing: bool,
}

/// The audit of a server. Closing it writes what waits; what is dropped without that may lose entries of reads.
#[derive(Debug)]
pub struct AuditLog {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What those who record and the one who writes have in common.
#[derive(Debug)]
struct Shared {
    options: AuditOptions,
    buffer: Mutex<Buffer>,
    /// There is something new to see in the buffer.
    wake: Notify,
    progress: watch::Sender<Progress>,
    is_failing: AtomicBool,
    unrecorded: AtomicU64,
    unrecorded_total: AtomicU64,
    batches: AtomicU64,
}

#[derive(Debug, Default)]
struct Buffer {
    entries: Vec<Pending>,
    bytes: usize,
    /// Entries that ever came.
    came: u64,
    /// Somebody waits for everything up to this.
    wanted: u64,
    /// The one who writes knows that there is something, and waits for more.
    is_gathered: bool,
    is_closed: bool,
}

/// How far writing has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    written: u64,
    failures: u64,
}

impl AuditLog {
    /// Begins to write to `table`, whose chain may have other writers.
    pub(super) fn start(table: Arc<dyn AuditTable>, clock: Arc<dyn Clock>, options: AuditOptions) -> Self {
        let shared = Arc::new(Shared {
            options,
            buffer: Mutex::default(),
            wake: Notify::new(),
            progress: watch::Sender::default(),
            is_failing: AtomicBool::new(false),
            unrecorded: AtomicU64::new(0),
            unrecorded_total: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        });
        let writer = Writer::new(shared.clone(), table, clock.clone());
        Self { shared, clock, writer: Mutex::new(Some(tokio::spawn(writer.run()))) }
    }

    /// Records something that the server does by itself, such as `server-start`, and writes it.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn event(&self, event: &str) -> Result<(), AuditError> {
        let now = self.clock.now();
        let record = AuditRecord::of_event(now, event).to_json();
        self.shared.push(Pending { at: now.as_millisecond(), record }, true)?.written(&self.shared).await
    }

    /// Writes what waits, and ends. Where that cannot be written within a few attempts it is lost, which the error says.
    ///
    /// # Errors
    /// Entries are lost.
    pub async fn close(&self) -> Result<(), AuditError> {
        self.shared.buffer().is_closed = true;
        self.shared.wake.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.await.map_err(|_| AuditError::Unwritable)?;
        }
        match self.status().waiting_entries {
            0 => Ok(()),
            _ => Err(AuditError::Unwritable),
        }
    }

    /// What is measured of it.
    pub fn readings(self: &Arc<Self>) -> Vec<Reading> {
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        let reading = |name, help, is_counter, of: fn(AuditStatus) -> u64| {
            let log = self.clone();
            Reading { name, help, is_counter, read: Box::new(move || of(log.status()) as f64) }
        };
        vec![
            reading("parados_audit_waiting_entries", "Entries that wait to be written", false, |is| is.waiting_entries),
            reading("parados_audit_waiting_bytes", "Bytes of entries that wait to be written", false, |is| {
                is.waiting_bytes
            }),
            reading("parados_audit_written_entries", "Entries that were written", true, |is| is.written_entries),
            reading("parados_audit_written_batches", "Batches of entries that were written", true, |is| {
                is.written_batches
            }),
            reading("parados_audit_failures", "Attempts to write entries that failed", true, |is| is.failures),
            reading("parados_audit_unrecorded_calls", "Refused calls without an entry", true, |is| is.unrecorded_calls),
            reading("parados_audit_failing", "Whether entries cannot be written now", false, |is| is.is_failing.into()),
        ]
    }

    /// What it has to tell of itself.
    pub fn status(&self) -> AuditStatus {
        let shared = &self.shared;
        let progress = *shared.progress.borrow();
        let (came, bytes) = {
            let buffer = shared.buffer();
            (buffer.came, buffer.bytes)
        };
        AuditStatus {
            waiting_entries: came.saturating_sub(progress.written),
            waiting_bytes: bytes as u64,
            written_entries: progress.written,
            written_batches: shared.batches.load(Ordering::Relaxed),
            failures: progress.failures,
            unrecorded_calls: shared.unrecorded_total.load(Ordering::Relaxed),
            is_failing: shared.is_failing.load(Ordering::Relaxed),
        }
    }
}

#[async_trait]
impl Audit for AuditLog {
    fn admit(&self) -> Result<(), AuditError> {
        if self.shared.is_failing.load(Ordering::Relaxed) {
            return Err(AuditError::Unwritable);
        }
        match self.shared.buffer().bytes > self.shared.options.buffer_bytes {
            true => Err(AuditError::Full),
            false => Ok(()),
        }
    }

    async fn wait_for_room(&self) -> Result<(), AuditError> {
        let mut progress = self.shared.progress.subscribe();
        let has_room = progress.wait_for(|_| self.admit() != Err(AuditError::Full));
        // That it waited for too long, or that nobody writes any more, is what it says now.
        let _ = timeout(MAX_WAIT_FOR_ROOM, has_room).await;
        self.admit()
    }

    async fn record(&self, entry: AuditEntry) -> Result<(), AuditError> {
        let record = AuditRecord::of_call(&entry).to_json();
        let is_awaited = entry.changed_something();
        let ticket = self.shared.push(Pending { at: entry.at.as_millisecond(), record }, is_awaited)?;
        match is_awaited {
            true => ticket.written(&self.shared).await,
            false => Ok(()),
        }
    }
}

/// An entry that waits.
struct Ticket {
    number: u64,
    /// Failures before it came.
    failures: u64,
}

impl Ticket {
    /// Returns when it is on the disk, or an attempt to write failed.
    async fn written(self, shared: &Shared) -> Result<(), AuditError> {
        let mut progress = shared.progress.subscribe();
        let seen = progress.wait_for(|now| now.written >= self.number || now.failures > self.failures).await;
        match seen {
            Ok(now) if now.written >= self.number => Ok(()),
            _ => Err(AuditError::Unwritable),
        }
    }
}

impl Shared {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        // What is in it is whole between two calls, whoever panicked.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether entries are not to wait for others any longer.
    fn is_half_full(&self, buffer: &Buffer) -> bool {
        buffer.bytes > self.options.buffer_bytes / 2
    }

    /// Takes an entry. Twice as much as calls are admitted with has room, so that what was admitted, and refusals, still have an entry; beyond that they
    /// are counted.
    fn push(&self, entry: Pending, is_awaited: bool) -> Result<Ticket, AuditError> {
        let failures = self.progress.borrow().failures;
        let mut buffer = self.buffer();
        if buffer.is_closed || buffer.bytes > self.options.buffer_bytes.saturating_mul(2) {
            drop(buffer);
            self.unrecorded.fetch_add(1, Ordering::Relaxed);
            self.unrecorded_total.fetch_add(1, Ordering::Relaxed);
            return Err(AuditError::Full);
        }
        buffer.bytes += entry.record.len();
        let is_news = buffer.entries.is_empty() && !buffer.is_gathered;
        buffer.entries.push(entry);
        let wakes = is_news || is_awaited || self.is_half_full(&buffer) || buffer.entries.len() == WAKE_ENTRIES;
        buffer.came += 1;
        let number = buffer.came;
        if is_awaited {
            buffer.wanted = number;
        }
        drop(buffer);
        if wakes {
            self.wake.notify_one();
        }
        Ok(Ticket { number, failures })
    }
}
