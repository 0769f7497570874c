//! What a journal says.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use parados_parameter::{ParameterName, Version};

use super::{Entry, FORMAT_VERSION, JournalError};
use crate::restore::plan::{PlanHash, PlanId};

/// What a journal says of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalState {
    /// The plan.
    pub plan: PlanId,
    /// Its hash.
    pub hash: PlanHash,
    /// The id of the snapshot of what was there before, where one was taken.
    pub undo_snapshot: Option<String>,
    /// What was begun.
    pub names: HashMap<ParameterName, NameState>,
}

/// How far a parameter came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameState {
    /// How many of its steps are done; they are done in their order.
    pub ended: usize,
    /// Whether the one after these was begun, so that only the store knows whether it is done.
    pub begun: bool,
    /// When the last one was done.
    pub ended_at: Option<Timestamp>,
    /// The version that the last put made.
    pub version: Option<Version>,
}

impl JournalState {
    pub(super) fn new(plan: PlanId, hash: PlanHash) -> Self {
        Self { plan, hash, undo_snapshot: None, names: HashMap::new() }
    }

    /// What the bytes of a journal say, and how many of them count: a last line that was cut off says nothing, because what it would
    /// have said was never acted upon. None where not even the first line is whole.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Option<(Self, usize)>, JournalError> {
        let damaged = |line: usize| JournalError::Damaged { path: path.to_owned(), line };
        let mut state: Option<Self> = None;
        let mut counted = 0;
        for (line, number) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let is_last = counted + line.len() == bytes.len();
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
                return if is_last { Ok(state.map(|state| (state, counted))) } else { Err(damaged(number)) };
            };
            if is_last && !line.ends_with(b"\n") {
                break;
            }
            counted += line.len();
            match (&mut state, entry) {
                (None, Entry::Plan { format_version, .. }) if format_version > FORMAT_VERSION => {
                    return Err(JournalError::NewerFormat { path: path.to_owned(), found: format_version });
                }
                (None, Entry::Plan { plan, hash, .. }) => state = Some(Self::new(plan, hash)),
                (Some(state), entry) => state.take(&entry).then_some(()).ok_or_else(|| damaged(number))?,
                (None, _) => return Err(damaged(number)),
            }
        }
        Ok(state.map(|state| (state, counted)))
    }

    /// Takes an entry down; whether it may follow those before it.
    pub(super) fn take(&mut self, entry: &Entry) -> bool {
        match entry {
            Entry::Plan { .. } => false,
            Entry::Undo { snapshot, .. } => {
                self.undo_snapshot = Some(snapshot.clone());
                true
            }
            Entry::Begin { name, step, .. } => {
                let state = self.names.entry(name.clone()).or_default();
                state.begun = true;
                state.ended == *step
            }
            Entry::End { name, step, version, at } => {
                let state = self.names.entry(name.clone()).or_default();
                let follows = state.ended == *step;
                *state = NameState {
                    ended: step + 1,
                    begun: false,
                    ended_at: Some(*at),
                    version: version.or(state.version),
                };
                follows
            }
        }
    }
}
