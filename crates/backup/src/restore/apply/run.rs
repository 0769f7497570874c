//! One run over a plan: who is next, how many at once, and when to stop.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures::stream::FuturesUnordered;
use futures::{StreamExt, future, stream};
use parados_parameter::{Result, Version};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::feed::{Job, Wanted, feed};
use super::health::Health;
use super::look::{Looks, Seen, look, silent};
use super::{ApplyContext, RestoreError};
use crate::event::{Event, Observer};
use crate::restore::change::{Action, Change};
use crate::restore::journal::{Entry, NameState, OpenJournal};
use crate::restore::plan::RestorePlan;
use crate::restore::report::{Outcome, RestoreReport};

/// Parameters that are looked at together: as many as one call reads.
const LOOKED_AT_TOGETHER: usize = parados_parameter::MAX_GET_NAMES;
/// Parameters that wait for their deleted name at most.
const WAITING: usize = 1000;

/// One run over a plan.
pub(super) struct Run<'a> {
    pub(super) context: &'a ApplyContext,
    plan: &'a RestorePlan,
    journal: &'a OpenJournal,
    observer: &'a dyn Observer,
    begun: Instant,
    pub(super) health: Health,
    /// What keeps the journal from being written: nothing may be done without it.
    journal_error: OnceLock<RestoreError>,
    /// Of those that write at present.
    pub(super) writing: Arc<Semaphore>,
    /// Of those that are in hand, waiting ones too.
    in_hand: Arc<Semaphore>,
}

/// A parameter whose turn it is.
pub(super) struct Turn<'a> {
    pub(super) change: &'a Change,
    pub(super) job: Job,
    /// How far an earlier run came; none where it did not come to it.
    pub(super) state: Option<NameState>,
    /// What is there; none where nobody need look.
    pub(super) seen: Option<Result<Option<Seen>>>,
    /// Given back while it waits.
    pub(super) writing: Option<OwnedSemaphorePermit>,
    _in_hand: OwnedSemaphorePermit,
}

/// What became of a parameter.
#[derive(Debug)]
pub(super) enum End {
    Done(Option<Version>),
    Already(String),
    Changed(String),
    Failed(String),
    NotBegun,
}

/// Where jobs come from: those that need no value, those that the source gives, and last the deletes.
struct Queue {
    ready: VecDeque<usize>,
    fed: UnboundedReceiver<Job>,
    deletes: VecDeque<usize>,
    looked_at: VecDeque<(Job, Option<Result<Option<Seen>>>)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        context: &'a ApplyContext,
        plan: &'a RestorePlan,
        journal: &'a OpenJournal,
        observer: &'a dyn Observer,
        begun: Instant,
    ) -> Self {
        let at_once = context.names_in_flight.max(1);
        Self {
            context,
            plan,
            journal,
            observer,
            begun,
            health: Health::default(),
            journal_error: OnceLock::new(),
            writing: Arc::new(Semaphore::new(at_once)),
            in_hand: Arc::new(Semaphore::new(at_once + WAITING)),
        }
    }

    /// Applies what is left of the plan, and writes down what became of each parameter.
    pub(super) async fn run(self, report: &mut RestoreReport) -> Result<(), RestoreError> {
        let (mut wanted, mut ready, mut deletes) = (Wanted::default(), VecDeque::new(), VecDeque::new());
        let mut from_source = HashSet::new();
        for (index, change) in self.plan.changes.iter().enumerate().filter(|(_, change)| change.action.writes()) {
            match self.earlier(change) {
                Some(state) if state.ended >= change.steps.len() => {
                    let outcome = &mut report.outcomes[index];
                    (outcome.outcome, outcome.version, outcome.reason) = (Outcome::Done, state.version, None);
                }
                _ if wanted.add(index, change) => drop(from_source.insert(index)),
                _ if change.action == Action::Delete => deletes.push_back(index),
                _ => ready.push_back(index),
            }
        }
        let (jobs, fed) = mpsc::unbounded_channel();
        let feeding = feed(&self.context.source, &self.context.identities, wanted, jobs);
        let queue = Queue { ready, fed, deletes, looked_at: VecDeque::new() };
        let (fed, ()) = future::join(feeding, self.work(queue, report)).await;
        if let Some(error) = self.journal_error.into_inner() {
            return Err(error);
        }
        if let Some(error) = self.health.fatal() {
            return Err(RestoreError::Stopped(error.clone()));
        }
        fed?;
        for index in from_source {
            let outcome = &mut report.outcomes[index];
            if outcome.outcome == Outcome::NotBegun {
                outcome.outcome = Outcome::Failed;
                outcome.reason = Some("the source does not have it, though the plan says so".to_owned());
            }
        }
        Ok(())
    }

    /// How far an earlier run came with it.
    fn earlier(&self, change: &Change) -> Option<NameState> {
        self.journal.state().names.get(&change.name).copied()
    }

    /// Takes one after the other, a few at once, up to the end of the queue or until going on is of no use.
    async fn work(&self, queue: Queue, report: &mut RestoreReport) {
        let mut turns =
            pin!(stream::unfold(queue, async |mut queue| Some((self.next(&mut queue).await?, queue))).fuse());
        let mut running = FuturesUnordered::new();
        let (mut finished, mut wrong) = (0, 0);
        loop {
            let (index, end) = tokio::select! {
                biased;
                Some(ended) = running.next() => ended,
                Some(turn) = turns.next() => {
                    running.push(async { (turn.job.index, self.take(turn).await) });
                    continue;
                }
                else => return,
            };
            let outcome = &mut report.outcomes[index];
            (outcome.outcome, outcome.version, outcome.reason) = match end {
                End::Done(version) => (Outcome::Done, version, None),
                End::Already(reason) => (Outcome::AlreadyAsWanted, None, Some(reason)),
                End::Changed(reason) => (Outcome::Changed, None, Some(reason)),
                End::Failed(reason) => (Outcome::Failed, None, Some(reason)),
                End::NotBegun => (Outcome::NotBegun, None, None),
            };
            finished += 1;
            wrong += u64::from(!outcome.outcome.is_right());
            if outcome.outcome == Outcome::Done {
                let seconds = self.begun.elapsed().as_secs_f64();
                report.first_seconds.get_or_insert(seconds);
                report.last_seconds = Some(seconds);
            }
            self.observer.event(&Event::Applied { parameters: finished, wrong });
        }
    }

    /// Whether nothing further is begun.
    pub(super) fn is_stopped(&self) -> bool {
        self.health.fatal().is_some() || self.journal_error.get().is_some()
    }

    /// The next whose turn it is, when there is room for it. What is there is read just before, for a few at a time.
    async fn next(&self, queue: &mut Queue) -> Option<Turn<'a>> {
        let in_hand = self.in_hand.clone().acquire_owned().await.ok()?;
        let writing = self.writing.clone().acquire_owned().await.ok()?;
        if queue.looked_at.is_empty() && !self.is_stopped() {
            self.look_ahead(queue).await;
        }
        if self.is_stopped() {
            return None;
        }
        let (job, seen) = queue.looked_at.pop_front()?;
        let change = &self.plan.changes[job.index];
        let state = self.earlier(change);
        Some(Turn { change, job, state, seen, writing: Some(writing), _in_hand: in_hand })
    }

    async fn look_ahead(&self, queue: &mut Queue) {
        let mut jobs: Vec<Job> = Vec::new();
        while jobs.len() < LOOKED_AT_TOGETHER {
            let fed = match queue.ready.pop_front() {
                Some(index) => Ok(Job::without_values(index)),
                None if jobs.is_empty() => queue.fed.recv().await.ok_or(TryRecvError::Disconnected),
                None => queue.fed.try_recv(),
            };
            let job = match fed {
                Ok(job) => Some(job),
                // Those that come later have their turn later.
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => queue.deletes.pop_front().map(Job::without_values),
            };
            match job {
                Some(job) => jobs.push(job),
                None => break,
            }
        }
        let changes = jobs.iter().map(|job| &self.plan.changes[job.index]);
        // A create need not look: its put does not overwrite.
        let to_look_at = changes.filter(|change| change.live.is_some() || self.earlier(change).is_some());
        let names: Vec<_> = to_look_at.map(|change| change.name.clone()).collect();
        let mut looks = match names.is_empty() {
            true => Looks::new(),
            false => look(self.context, &self.health, &names).await,
        };
        queue.looked_at.extend(jobs.into_iter().map(|job| {
            let name = &self.plan.changes[job.index].name;
            let is_looked_at = names.contains(name);
            let seen = is_looked_at.then(|| looks.remove(name).unwrap_or_else(|| Err(silent(name))));
            (job, seen)
        }));
    }

    /// Writes down that a step is begun. Nothing is to be done where this says no.
    pub(super) async fn begin(&self, change: &Change, step: usize) -> bool {
        self.record(Entry::Begin { name: change.name.clone(), step, at: self.context.clock.now() }).await
    }

    /// Writes down that a step is done.
    pub(super) async fn end(&self, change: &Change, step: usize, version: Option<Version>) -> bool {
        self.record(Entry::End { name: change.name.clone(), step, version, at: self.context.clock.now() }).await
    }

    async fn record(&self, entry: Entry) -> bool {
        match self.journal.record(&entry).await {
            Ok(()) => true,
            Err(error) => {
                self.journal_error.set(error.into()).ok();
                false
            }
        }
    }
}
