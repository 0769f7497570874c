//! Writes a journal: lines of many writers, made durable together.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::{Entry, FILE, JournalError, JournalState};
use crate::restore::plan::{PlanHash, PlanId};

/// How long another may take to let go of a journal, and how often to try.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_EVERY: Duration = Duration::from_millis(20);

/// A journal that is written.
#[derive(Debug)]
pub(in crate::restore) struct OpenJournal {
    state: JournalState,
    /// Whether it was there before.
    pub(in crate::restore) is_resumed: bool,
    file: Option<JournalFile>,
}

#[derive(Debug)]
struct JournalFile {
    path: PathBuf,
    /// Held by the one that makes lines durable; the others wait, and find theirs among them.
    turn: tokio::sync::Mutex<()>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    file: Mutex<File>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// How many lines came.
    came: u64,
    /// How many of them are durable.
    durable: u64,
    /// The first failure. After it nothing is durable any more.
    failure: Option<io::ErrorKind>,
}

impl OpenJournal {
    pub(super) fn in_memory(plan: PlanId, hash: PlanHash) -> Self {
        Self { state: JournalState::new(plan, hash), is_resumed: false, file: None }
    }

    pub(super) async fn in_file(folder: PathBuf, hash: PlanHash, first: Entry) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let stopped = JournalError::File { path: path.clone(), source: io::ErrorKind::Interrupted.into() };
        spawn_blocking(move || open(&folder, path, hash, &first)).await.unwrap_or(Err(stopped))
    }

    /// What it said when it was opened.
    pub(in crate::restore) fn state(&self) -> &JournalState {
        &self.state
    }

    /// Appends an entry. It is on the disk when this returns.
    pub(in crate::restore) async fn record(&self, entry: &Entry) -> Result<(), JournalError> {
        match &self.file {
            None => Ok(()),
            Some(file) => file.record(entry).await,
        }
    }
}

impl JournalFile {
    async fn record(&self, entry: &Entry) -> Result<(), JournalError> {
        let mine = {
            let mut waiting = self.shared.waiting();
            write_line(&mut waiting.lines, entry);
            waiting.came += 1;
            waiting.came
        };
        let _turn = self.turn.lock().await;
        if self.shared.waiting().durable < mine {
            let shared = self.shared.clone();
            // Goes on when whoever waits here is gone: a line that was handed over is written.
            spawn_blocking(move || shared.flush()).await.map_err(|_| self.error(io::ErrorKind::Interrupted))?;
        }
        match self.shared.waiting().failure {
            None => Ok(()),
            Some(kind) => Err(self.error(kind)),
        }
    }

    fn error(&self, kind: io::ErrorKind) -> JournalError {
        JournalError::File { path: self.path.clone(), source: kind.into() }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything durable that came so far. Blocks.
    fn flush(&self) {
        let (lines, came) = {
            let mut waiting = self.waiting();
            (std::mem::take(&mut waiting.lines), waiting.came)
        };
        let written = {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&lines).and_then(|()| file.sync_data())
        };
        let mut waiting = self.waiting();
        match written {
            Ok(()) => waiting.durable = came,
            Err(error) => waiting.failure = waiting.failure.or(Some(error.kind())),
        }
    }
}

fn write_line(lines: &mut Vec<u8>, entry: &Entry) {
    serde_json::to_writer(&mut *lines, entry).expect("an entry is texts and numbers");
    lines.push(b'\n');
}

/// Opens a journal, or begins it, and keeps other processes out.
fn open(folder: &Path, path: PathBuf, hash: PlanHash, first: &Entry) -> Result<OpenJournal, JournalError> {
    let unusable = |source| JournalError::File { path: path.clone(), source };
    fs::create_dir_all(folder).map_err(unusable)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(unusable)?;
    // A run that was dropped lets go of it when its last line is written.
    let mut patience = LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if patience.is_zero() => return Err(JournalError::InUse { path }),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_EVERY),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        patience = patience.saturating_sub(LOCK_EVERY);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(unusable)?;
    let (state, is_resumed) = match JournalState::read(&path, &bytes)? {
        Some((state, _)) if state.hash != hash => {
            return Err(JournalError::OtherPlan { path, found: state.hash, expected: hash });
        }
        Some((state, counted)) => {
            // A line that was cut off would spoil the one that is appended to it.
            file.set_len(counted as u64).map_err(unusable)?;
            (state, true)
        }
        None => {
            let mut line = Vec::new();
            write_line(&mut line, first);
            file.set_len(0).and_then(|()| file.write_all(&line)).map_err(unusable)?;
            let mut state = None;
            if let Entry::Plan { plan, .. } = first {
                state = Some(JournalState::new(plan.clone(), hash));
            }
            (state.expect("the first entry is the plan's"), false)
        }
    };
    file.sync_all().and_then(|()| File::open(folder)?.sync_all()).map_err(unusable)?;
    let shared = Arc::new(Shared { waiting: Mutex::default(), file: Mutex::new(file) });
    let file = JournalFile { path, turn: tokio::sync::Mutex::new(()), shared };
    Ok(OpenJournal { state, is_resumed, file: Some(file) })
}
