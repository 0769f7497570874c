//! The steps of one parameter, from where an earlier run came to.

use std::time::Duration;

use parados_parameter::{Operation, ParameterReference, PutRequest, Result, StoreError, StoreErrorKind, Version};
use tokio::time::sleep;

use super::look::{Expected, expected, in_words, is_as_expected, look_at};
use super::run::{End, Run, Turn};
use crate::restore::change::{Action, Change, Step};

/// How often a write is tried whose answer is lost and which did not happen.
const ATTEMPTS: u32 = 3;
/// How long a write whose answer was lost may take to show.
const SETTLE: Duration = Duration::from_secs(5);
/// How long AWS may take to check a value, and how often to look.
const AWAITED: Duration = Duration::from_secs(120);
const AWAIT_EVERY: Duration = Duration::from_secs(2);

/// What a lost answer turned out to have been.
enum Settled {
    Happened,
    DidNot,
    Other(String),
    Unknown(StoreError),
}

impl Run<'_> {
    /// Does what is left of a parameter's steps.
    pub(super) async fn take(&self, mut turn: Turn<'_>) -> End {
        let change = turn.change;
        if let Some(wrong) = self.wrong_value(&turn) {
            return End::Failed(wrong);
        }
        let from = match self.start(&turn).await {
            Ok(from) => from,
            Err(end) => return end,
        };
        let mut version = turn.state.and_then(|state| state.version);
        for step in from..change.steps.len() {
            if self.is_stopped() {
                return if step == 0 { End::NotBegun } else { End::Failed(at(change, step, "the run was stopped")) };
            }
            match self.step(&mut turn, step).await {
                Ok(made) => version = made.or(version),
                Err(end) => return end,
            }
        }
        End::Done(version)
    }

    /// What is wrong with the source's values: those that are put are those that were planned.
    fn wrong_value(&self, turn: &Turn<'_>) -> Option<String> {
        turn.change.steps.iter().find_map(|step| match step {
            Step::Put { source_version, fingerprint, .. } => match turn.job.value(*source_version) {
                None => Some(format!("the source has no version {source_version} of it, though the plan says so")),
                Some(value) if self.context.fingerprints.value(value) != *fingerprint => {
                    Some(format!("the source's value of version {source_version} is not the one that was planned"))
                }
                Some(_) => None,
            },
            _ => None,
        })
    }

    /// The first step that is left, from what is there and what an earlier run wrote down.
    async fn start(&self, turn: &Turn<'_>) -> Result<usize, End> {
        let change = turn.change;
        let state = turn.state.unwrap_or_default();
        let seen = match &turn.seen {
            None => return Ok(0),
            Some(Ok(seen)) => *seen,
            Some(Err(error)) => return Err(End::Failed(at(change, state.ended, error))),
        };
        let before = expected(change, state.ended);
        let after = expected(change, state.ended + 1);
        if state.begun && before != after && is_as_expected(seen, after) {
            let made = seen.map(|seen| seen.version);
            return match self.end(change, state.ended, made).await {
                true => Ok(state.ended + 1),
                false => Err(End::Failed(at(change, state.ended, "the journal cannot be written"))),
            };
        }
        match is_as_expected(seen, before) {
            true => Ok(state.ended),
            false if change.action == Action::Delete && seen.is_none() => {
                Err(End::Already("it was deleted since the plan was made".to_owned()))
            }
            false => Err(End::Changed(in_words(seen, before))),
        }
    }

    /// Does a step, with what is written down around it. The version that it made.
    async fn step(&self, turn: &mut Turn<'_>, step: usize) -> Result<Option<Version>, End> {
        let change = turn.change;
        let no_journal = || End::Failed(at(change, step, "the journal cannot be written"));
        if let Step::Wait { seconds } = &change.steps[step] {
            self.wait(turn, step, Duration::from_secs(u64::from(*seconds))).await;
        } else if !self.begin(change, step).await {
            return Err(no_journal());
        }
        let name = &change.name;
        let store = self.context.store.as_ref();
        let made = match &change.steps[step] {
            Step::Wait { .. } => None,
            Step::Put { .. } => Some(self.put(turn, step).await?),
            Step::Delete => {
                self.delete(change, step).await?;
                None
            }
            Step::Await { version } => {
                self.wait_for(change, step, *version).await?;
                None
            }
            Step::Label { version, labels } => {
                let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
                let operation = Operation::LabelParameterVersion;
                let outcome =
                    self.repeatable(change, step, operation, || store.label(name, Some(*version), &labels)).await?;
                if !outcome.invalid.is_empty() {
                    let reason = format!("{operation} {name}: the store does not take {}", outcome.invalid.join(", "));
                    return Err(End::Failed(at(change, step, reason)));
                }
                None
            }
            Step::Unlabel { version, labels } => {
                let operation = Operation::UnlabelParameterVersion;
                // A label that is not there any more is as wanted.
                self.repeatable(change, step, operation, || store.unlabel(name, *version, labels)).await?;
                None
            }
            Step::Tag { tags } => {
                self.repeatable(change, step, Operation::AddTagsToResource, || store.tag(name, tags)).await?;
                None
            }
            Step::Untag { keys } => {
                self.repeatable(change, step, Operation::RemoveTagsFromResource, || store.untag(name, keys)).await?;
                None
            }
        };
        match self.end(change, step, made).await {
            true => Ok(made),
            false => Err(no_journal()),
        }
    }

    /// Waits until a deleted name is free, counted from when it was deleted, and lets others write meanwhile.
    async fn wait(&self, turn: &mut Turn<'_>, step: usize, whole: Duration) {
        let earlier = turn.state.filter(|state| state.ended == step).and_then(|state| state.ended_at);
        let gone = earlier.map(|at| self.context.clock.now().duration_since(at));
        // A clock that was set back says nothing.
        let gone = gone.and_then(|gone| Duration::try_from(gone).ok()).unwrap_or_default();
        turn.writing = None;
        sleep(whole.saturating_sub(gone)).await;
        turn.writing = self.writing.clone().acquire_owned().await.ok();
    }

    async fn put(&self, turn: &Turn<'_>, step: usize) -> Result<Version, End> {
        let change = turn.change;
        let Step::Put { source_version, makes, put, .. } = &change.steps[step] else {
            unreachable!("it is called for a put")
        };
        let value = turn.job.value(*source_version).expect("it was there when the turn began").clone();
        let request = PutRequest {
            parameter_type: Some(put.parameter_type),
            key_id: put.key_id.clone(),
            overwrite: put.overwrite,
            description: put.description.clone(),
            allowed_pattern: put.allowed_pattern.clone(),
            tags: put.tags.clone(),
            tier: put.tier.map(Into::into),
            policies: put.policies.clone(),
            data_type: Some(put.data_type.clone()),
            ..PutRequest::new(change.name.clone(), value)
        };
        let mut lost = None;
        for _ in 0..ATTEMPTS {
            let outcome = self.context.store.put(&request).await;
            self.health.note(Operation::PutParameter, &outcome);
            let error = match outcome {
                Ok(outcome) if outcome.version == *makes => return Ok(*makes),
                Ok(outcome) => return Err(End::Changed(overtaken(outcome.version, *makes))),
                Err(error) => error,
            };
            let already_there = error.kind == StoreErrorKind::ParameterAlreadyExists && !put.overwrite;
            if already_there && lost.is_none() {
                return Err(End::Changed("somebody made it since the plan was made".to_owned()));
            }
            if !already_there && !leaves_open(error.kind) {
                return Err(End::Failed(at(change, step, explained(&error, put.key_id.as_ref()))));
            }
            match self.settle(change, step).await {
                Settled::Happened => return Ok(*makes),
                Settled::DidNot => lost = Some(error),
                Settled::Other(words) => return Err(End::Changed(words)),
                Settled::Unknown(unknown) => return Err(End::Failed(at(change, step, not_known(&error, &unknown)))),
            }
        }
        Err(End::Failed(lost.map_or_else(String::new, |error| at(change, step, error))))
    }

    async fn delete(&self, change: &Change, step: usize) -> Result<(), End> {
        let mut lost = None;
        for _ in 0..ATTEMPTS {
            let outcome = self.context.store.delete(&change.name).await;
            self.health.note(Operation::DeleteParameter, &outcome);
            let error = match outcome {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let is_gone = error.kind == StoreErrorKind::ParameterNotFound;
            match (is_gone, change.action) {
                (true, _) if lost.is_some() => return Ok(()),
                (true, Action::Delete) => {
                    return Err(End::Already("it was deleted since the plan was made".to_owned()));
                }
                (true, _) => return Err(End::Changed("it was deleted since the plan was made".to_owned())),
                (false, _) if !leaves_open(error.kind) => return Err(End::Failed(at(change, step, error))),
                (false, _) => {}
            }
            match self.settle(change, step).await {
                Settled::Happened => return Ok(()),
                Settled::DidNot => lost = Some(error),
                Settled::Other(words) => return Err(End::Changed(words)),
                Settled::Unknown(unknown) => return Err(End::Failed(at(change, step, not_known(&error, &unknown)))),
            }
        }
        Err(End::Failed(lost.map_or_else(String::new, |error| at(change, step, error))))
    }

    /// A write that does the same when it is done again.
    async fn repeatable<T>(
        &self,
        change: &Change,
        step: usize,
        operation: Operation,
        write: impl AsyncFn() -> Result<T>,
    ) -> Result<T, End> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let outcome = write().await;
            self.health.note(operation, &outcome);
            match outcome {
                Ok(done) => return Ok(done),
                Err(error) if leaves_open(error.kind) && attempts > 0 => sleep(SETTLE).await,
                Err(error) => return Err(End::Failed(at(change, step, error))),
            }
        }
    }

    /// Whether a put or a delete whose answer was lost happened. One that has not shown is looked for once more: a read may come before
    /// it.
    async fn settle(&self, change: &Change, step: usize) -> Settled {
        let (before, after) = (expected(change, step), expected(change, step + 1));
        match self.compare(change, before, after).await {
            Settled::DidNot => {
                sleep(SETTLE).await;
                self.compare(change, before, after).await
            }
            settled => settled,
        }
    }

    async fn compare(&self, change: &Change, before: Option<Expected>, after: Option<Expected>) -> Settled {
        match look_at(self.context, &self.health, &change.name).await {
            Ok(seen) if is_as_expected(seen, after) => Settled::Happened,
            Ok(seen) if is_as_expected(seen, before) => Settled::DidNot,
            Ok(seen) => Settled::Other(in_words(seen, before)),
            Err(error) => Settled::Unknown(error),
        }
    }

    /// Reads until a version is there.
    async fn wait_for(&self, change: &Change, step: usize, version: Version) -> Result<(), End> {
        let reference = ParameterReference::newest(change.name.clone());
        let mut left = AWAITED;
        loop {
            let outcome = self.context.store.get(&reference).await;
            self.health.note(Operation::GetParameter, &outcome);
            match outcome {
                Ok(parameter) if parameter.version >= version => return Ok(()),
                Err(error) if error.kind != StoreErrorKind::ParameterNotFound => {
                    return Err(End::Failed(at(change, step, error)));
                }
                _ if left.is_zero() => {
                    let reason = format!("AWS did not take the value: version {version} did not come to be");
                    return Err(End::Failed(at(change, step, reason)));
                }
                _ => {}
            }
            sleep(AWAIT_EVERY).await;
            left = left.saturating_sub(AWAIT_EVERY);
        }
    }
}

/// Whether an error says nothing of whether the call happened.
fn leaves_open(kind: StoreErrorKind) -> bool {
    matches!(kind, StoreErrorKind::Timeout | StoreErrorKind::Connection | StoreErrorKind::InvalidResponse)
}

/// Why a step failed, and how far the parameter came.
fn at(change: &Change, step: usize, reason: impl std::fmt::Display) -> String {
    let is_gone = step > 0 && change.live.is_some() && expected(change, step).is_none();
    let steps = change.steps.len();
    match (step, is_gone) {
        (_, true) => format!(
            "it was deleted and is not made again yet: {reason}; apply the plan again, or undo it, to have it back"
        ),
        (0, _) => reason.to_string(),
        _ => format!("after {step} of {steps} steps: {reason}"),
    }
}

fn not_known(error: &StoreError, unknown: &StoreError) -> String {
    format!("{error}; and whether it happened could not be looked up ({unknown}): apply the plan again to find out")
}

fn explained(error: &StoreError, key: Option<&parados_parameter::KeyId>) -> String {
    match (error.kind, key) {
        (StoreErrorKind::InvalidKeyId | StoreErrorKind::AccessDenied, Some(key)) => format!("{error} (key {key})"),
        _ => error.to_string(),
    }
}

/// Somebody wrote between the look and the put.
fn overtaken(made: Version, planned: Version) -> String {
    match made > planned {
        true => format!(
            "somebody changed it in the moment before it was put: what was put is version {made} and not {planned}, and theirs is before it"
        ),
        false => format!(
            "somebody deleted it in the moment before it was put: what was put is version {made} and not {planned}"
        ),
    }
}
