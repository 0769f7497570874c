//! The journal of a plan that is applied: what was begun, and what is done, so that a run that ended anywhere is gone on with and
//! nothing is done twice.
//!
//! A file of JSON lines, only ever appended to. A line that says that a step is begun is on the disk before the step is; a line that
//! says that it is done comes after. So of each parameter at most one step is begun and not known to be done, and whoever goes on
//! looks in the store which it is. The journal holds names and numbers, and no value.

mod file;
mod state;

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parados_parameter::{ParameterName, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(super) use self::file::OpenJournal;
pub use self::state::{JournalState, NameState};
use super::plan::{PlanHash, PlanId};

/// The name of the journal in its folder.
const FILE: &str = "journal.ndjson";
/// The format that this Parados writes, and the newest that it reads.
const FORMAT_VERSION: u32 = 1;

/// Where the journal of a plan is.
#[derive(Clone, Debug)]
pub struct Journal(Option<PathBuf>);

/// A journal that cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("the journal {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process applies the plan.
    #[error("another process is applying this plan: it holds the journal {}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is of another plan.
    #[error("the journal {} is of another plan: {found}, and this one is {expected}", path.display())]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// The plan's hash in it.
        found: PlanHash,
        /// The plan's hash.
        expected: PlanHash,
    },
    /// A line of it is damaged.
    #[error("line {line} of the journal {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: usize,
    },
    /// A newer Parados wrote it.
    #[error("the journal {} is of format {found}, and this Parados reads up to format {FORMAT_VERSION}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub(super) enum Entry {
    /// The first line.
    Plan { format_version: u32, plan: PlanId, hash: PlanHash, at: Timestamp },
    /// What was there before is committed as a snapshot.
    Undo { snapshot: String, at: Timestamp },
    /// A step of a parameter, numbered from 0, is about to be done.
    Begin { name: ParameterName, step: usize, at: Timestamp },
    /// It is done; a put made this version.
    End { name: ParameterName, step: usize, version: Option<Version>, at: Timestamp },
}

impl Journal {
    /// In `folder`, which is made when the journal is.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self(Some(folder.into()))
    }

    /// Nowhere: what ended early begins anew, and then stops at what it finds changed. For a store that is thrown away.
    pub fn in_memory() -> Self {
        Self(None)
    }

    /// What a journal in `folder` says, without going on with it; nothing where there is none. Blocks.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read(folder: &Path) -> Result<Option<JournalState>, JournalError> {
        let path = folder.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(JournalState::read(&path, &bytes)?.map(|(state, _)| state)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JournalError::File { path, source }),
        }
    }

    /// Opens it to go on with `plan`, or begins it.
    pub(super) async fn open(
        &self,
        plan: &PlanId,
        hash: PlanHash,
        now: Timestamp,
    ) -> Result<OpenJournal, JournalError> {
        let first = Entry::Plan { format_version: FORMAT_VERSION, plan: plan.clone(), hash, at: now };
        match &self.0 {
            None => Ok(OpenJournal::in_memory(plan.clone(), hash)),
            Some(folder) => OpenJournal::in_file(folder.clone(), hash, first).await,
        }
    }
}

#[cfg(test)]
mod tests;
