//! The one writer of a process: it takes what is queued, does it in one transaction, and answers when that is on the disk.
//!
//! So writers at once share the cost of a sync. What refuses a work undoes nothing of the others: it is refused before it writes, or it
//! is done in a savepoint of its own. What goes wrong with the file or the keys is no refusal: the transaction is given up, and each of its works is done again
//! alone, so that it meets its own errors only.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use parados_parameter::{AccountRegion, ParameterName, StoreErrorKind};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use sqlx::{Acquire as _, Connection as _, Transaction};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::feed::Feed;
use super::keys::Keys;
use super::putting::{Asked, Put, put_together};
use crate::failure::Failure;
use crate::seal::Keyring;

/// Works that wait while others are done; beyond it, callers wait.
const WAITING: usize = 1024;
/// Works of one transaction: a sync is cheap when this many share it, and the first of them does not wait long.
const GROUP: usize = 128;

/// A write. It is done inside of a transaction, perhaps more than once, and has happened once.
#[async_trait]
pub(super) trait Work: Send + Sync + 'static {
    /// Whether it has written nothing when it is refused, so that it needs no savepoint.
    const REFUSES_BEFORE_IT_WRITES: bool = true;

    /// What its caller is answered.
    type Outcome: Send + 'static;

    /// Does it.
    async fn run(&self, writing: &mut Writing<'_>) -> Result<Self::Outcome, Failure>;
}

/// What a work is done with.
pub(super) struct Writing<'a> {
    /// In the transaction.
    pub(super) connection: &'a mut SqliteConnection,
    /// The master keys.
    pub(super) keys: &'a Keyring,
    /// The changes that it recorded.
    pub(super) recorded: &'a mut Recorded,
}

/// Changes that were recorded: the ids of the first and the last, and what they are of.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) ids: Option<(i64, i64)>,
    pub(super) names: Vec<(AccountRegion, ParameterName)>,
}

/// Where writes are handed in.
pub(super) struct Queue {
    sender: Mutex<Option<mpsc::Sender<Box<dyn Queued>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Begins to write over `pool`, which has one connection.
    pub(super) fn start(pool: SqlitePool, readers: SqlitePool, keys: Arc<Keys>, feed: Arc<Feed>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let task = tokio::spawn(Writer { pool, readers, keys, feed }.run(receiver));
        Self { sender: Mutex::new(Some(sender)), task: Mutex::new(Some(task)) }
    }

    /// Does `work`; answers when it is on the disk.
    pub(super) async fn submit<W: Work>(&self, work: W) -> Result<W::Outcome, Failure> {
        let closed = || Failure::Storage(StoreErrorKind::Storage, "the store is closed".into());
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Job { work, outcome: None, answer });
        sender.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Takes no more, and ends when what was handed in is done.
    pub(super) async fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // That it panicked its callers know already: none of them was answered.
            drop(task.await);
        }
    }
}

/// A work whose caller waits.
#[async_trait]
trait Queued: Send {
    /// Does it and keeps its outcome. A refusal is an outcome; an error is what breaks the transaction.
    async fn run(&mut self, writing: Writing<'_>) -> Result<Ran, Failure>;

    /// Whether it has to be done in a savepoint.
    fn needs_savepoint(&self) -> bool;

    /// Tells the caller the outcome.
    fn answer(self: Box<Self>);

    /// Tells the caller that it failed.
    fn fail(self: Box<Self>, failure: Failure);

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;

    /// Itself, where it is a put.
    fn as_put(&mut self) -> Option<&mut Job<Put>>;
}

/// How a work went.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    Done,
    Refused,
}

struct Job<W: Work> {
    work: W,
    outcome: Option<Result<W::Outcome, Failure>>,
    answer: oneshot::Sender<Result<W::Outcome, Failure>>,
}

#[async_trait]
impl<W: Work> Queued for Job<W> {
    async fn run(&mut self, mut writing: Writing<'_>) -> Result<Ran, Failure> {
        let outcome = self.work.run(&mut writing).await;
        let ran = match &outcome {
            Ok(_) => Ran::Done,
            Err(failure) if failure.is_refusal() => Ran::Refused,
            Err(failure) => return Err(failure.clone()),
        };
        self.outcome = Some(outcome);
        Ok(ran)
    }

    fn needs_savepoint(&self) -> bool {
        !W::REFUSES_BEFORE_IT_WRITES
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // A caller that went away does not want it.
            drop(self.answer.send(outcome));
        }
    }

    fn fail(self: Box<Self>, failure: Failure) {
        drop(self.answer.send(Err(failure)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn as_put(&mut self) -> Option<&mut Job<Put>> {
        (self as &mut dyn Any).downcast_mut()
    }
}

type Jobs = Vec<Box<dyn Queued>>;
type Waiting = mpsc::Receiver<Box<dyn Queued>>;

/// Why a group was given up.
enum Broken {
    /// Each of its works may do alone.
    Apart,
    /// None of them.
    All(Failure),
}

/// The one connection that writes, while nothing broke on it.
type Connection = Option<PoolConnection<Sqlite>>;

struct Writer {
    pool: SqlitePool,
    readers: SqlitePool,
    keys: Arc<Keys>,
    feed: Arc<Feed>,
}

impl Writer {
    async fn run(self, mut waiting: Waiting) {
        let mut connection = None;
        while let Some(first) = waiting.recv().await {
            let mut jobs = vec![first];
            let done = self.together(&mut connection, &mut jobs, &mut waiting).await;
            if done.is_err() {
                connection = None;
            }
            match done {
                Ok(()) => jobs.into_iter().for_each(|job| job.answer()),
                Err(Broken::All(failure)) => {
                    while let Ok(job) = waiting.try_recv() {
                        jobs.push(job);
                    }
                    jobs.into_iter().for_each(|job| job.fail(failure.clone()));
                }
                Err(Broken::Apart) => {
                    for job in jobs {
                        self.alone(job).await;
                    }
                }
            }
        }
        drop(connection);
        self.pool.close().await;
    }

    /// Does `jobs`, and those that come meanwhile, in one transaction.
    async fn together(
        &self,
        connection: &mut Connection,
        jobs: &mut Jobs,
        waiting: &mut Waiting,
    ) -> Result<(), Broken> {
        let mut transaction = self.begin(connection).await.map_err(|error| Broken::All(error.into()))?;
        let keys = self.keys.ring();
        let mut recorded = Recorded::default();
        let mut done = 0;
        while done < GROUP && take(jobs, done, waiting).await {
            let ran = do_all(&mut jobs[done..], &mut transaction, &keys, &mut recorded).await;
            ran.map_err(|failure| match &failure {
                Failure::Storage(..) if jobs.len() == 1 => Broken::All(failure),
                _ => Broken::Apart,
            })?;
            done = jobs.len();
        }
        transaction.commit().await.map_err(|error| match is_full(&error) {
            // Nothing of it is there, and less of it may find room.
            true if jobs.len() > 1 => Broken::Apart,
            _ => Broken::All(error.into()),
        })?;
        self.feed.announce(recorded);
        Ok(())
    }

    /// Does one work in a transaction of its own.
    async fn alone(&self, mut job: Box<dyn Queued>) {
        let done = match self.attempt(&mut *job).await {
            Err(Failure::UnknownMasterKey) => match self.keys.refresh(&self.readers).await {
                Ok(_) => self.attempt(&mut *job).await,
                Err(failure) => Err(failure),
            },
            done => done,
        };
        match done {
            Ok(()) => job.answer(),
            Err(failure) => job.fail(failure),
        }
    }

    async fn attempt(&self, job: &mut dyn Queued) -> Result<(), Failure> {
        let mut connection = None;
        let mut transaction = self.begin(&mut connection).await?;
        let keys = self.keys.ring();
        let mut recorded = Recorded::default();
        let ran = job.run(Writing { connection: &mut transaction, keys: &keys, recorded: &mut recorded }).await?;
        if ran == Ran::Done {
            transaction.commit().await?;
            self.feed.announce(recorded);
        }
        Ok(())
    }

    async fn begin<'c>(&self, connection: &'c mut Connection) -> Result<Transaction<'c, Sqlite>, sqlx::Error> {
        let connection = match connection {
            Some(connection) => connection,
            none => none.insert(self.pool.acquire().await?),
        };
        connection.begin_with("BEGIN IMMEDIATE").await
    }
}

/// Takes works that wait to those at hand, of which `done` are done. Where that leaves nothing to do, it takes what comes before this thread has nothing else to
/// do. Gives whether there is something to do.
async fn take(jobs: &mut Jobs, done: usize, waiting: &mut Waiting) -> bool {
    for _ in 0..3 {
        while jobs.len() < GROUP
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        if jobs.len() > done {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Does works in their order, and puts that follow one another together. An abandoned one is left out.
async fn do_all(
    jobs: &mut [Box<dyn Queued>],
    transaction: &mut Transaction<'_, Sqlite>,
    keys: &Keyring,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    let mut rest = jobs;
    while !rest.is_empty() {
        let puts = rest.iter_mut().map_while(|job| job.as_put()).count();
        let (these, others) = rest.split_at_mut(puts.max(1));
        let mut wanted = these.iter_mut().filter(|job| !job.is_abandoned());
        if puts > 0 {
            let mut puts: Vec<_> = wanted.filter_map(|job| job.as_put()).collect();
            let asked: Vec<Asked<'_>> = puts.iter().map(|job| job.work.asked()).collect();
            let mut writing = Writing { connection: transaction, keys, recorded };
            let outcomes = put_together(&mut writing, &asked).await?;
            puts.iter_mut().zip(outcomes).for_each(|(job, outcome)| job.outcome = Some(outcome));
        } else if let Some(job) = wanted.next() {
            do_one(&mut **job, transaction, keys, recorded).await?;
        }
        rest = others;
    }
    Ok(())
}

async fn do_one(
    job: &mut dyn Queued,
    transaction: &mut Transaction<'_, Sqlite>,
    keys: &Keyring,
    recorded: &mut Recorded,
) -> Result<(), Failure> {
    let mut own = Recorded::default();
    if !job.needs_savepoint() {
        let ran = job.run(Writing { connection: transaction, keys, recorded: &mut own }).await?;
        debug_assert!(ran == Ran::Done || own.names.is_empty(), "it recorded a change and was refused then");
        recorded.append(own);
        return Ok(());
    }
    let mut savepoint = transaction.begin().await?;
    match job.run(Writing { connection: &mut savepoint, keys, recorded: &mut own }).await? {
        Ran::Done => {
            savepoint.commit().await?;
            recorded.append(own);
        }
        Ran::Refused => savepoint.rollback().await?,
    }
    Ok(())
}

/// SQLITE_FULL.
fn is_full(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("13")
}

impl Recorded {
    /// Notes a change.
    pub(super) fn push(&mut self, id: i64, at: &AccountRegion, name: &ParameterName) {
        let first = self.ids.map_or(id, |(first, _)| first);
        self.ids = Some((first, id));
        self.names.push((at.clone(), name.clone()));
    }

    fn append(&mut self, later: Self) {
        self.ids = match (self.ids, later.ids) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (earlier, later) => earlier.or(later),
        };
        self.names.extend(later.names);
    }
}
