//! Removes the snapshots that no rule keeps, in two phases: what is not kept is marked, and what has been marked for the grace time
//! is removed by a later run. So nothing goes that was not named one grace time before, and a policy that was written wrongly can be
//! taken back until then.
//!
//! Owns the plan and its execution. What is kept is decided by [`retention`](crate::retention), and one removal is
//! [`repository`](crate::repository)'s. A target whose chain is not right is refused, and all are when the clock is not.

mod leftover;
mod plan;
mod report;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

pub use self::leftover::{LeftoverPlan, PlannedLeftover};
pub use self::plan::plan;
pub use self::report::{Action, Outcome, PlannedSnapshot, PruneReport, TargetPlan};
pub use self::sweep::apply;
use crate::manifest::SnapshotId;
use crate::pin::PinError;
use crate::repository::{Removal, RepositoryError, SnapshotFilter};
use crate::retention::{Period, RetentionPolicy};
use crate::signature::SigningKey;
use crate::verify::{VerifyContext, VerifyError};

/// How far the clock may be off: behind what was written before, or away from the clock of the repository's place.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(15);

/// What pruning works with.
#[derive(Debug)]
pub struct PruneContext {
    /// The repository, whose signatures count in it, what this machine has seen of it, and the clock.
    pub verify: VerifyContext,
    /// Signs marks and removals.
    pub signing_key: SigningKey,
    /// What writes them: `parados 0.1.0`.
    pub tool: String,
}

/// What is kept of some targets, and how long what is not kept stays marked.
#[derive(Clone, Debug)]
pub struct PruneRule {
    /// The targets.
    pub filter: SnapshotFilter,
    /// What is kept of each.
    pub policy: RetentionPolicy,
    /// The grace time.
    pub grace: Period,
}

/// What is to be pruned.
#[derive(Clone, Debug, Default)]
pub struct PruneRequest {
    /// Which targets are looked at.
    pub filter: SnapshotFilter,
    /// Of the rules that let a target through the first counts. A target without one is left alone.
    pub rules: Vec<PruneRule>,
    /// Whether documents' objects that nothing names are looked for, whatever target they were of.
    pub leftovers: bool,
}

/// Why nothing was pruned at all.
#[derive(Debug, Error)]
pub enum PruneError {
    /// The repository could not be listed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// It could not be checked.
    #[error("the chains could not be checked")]
    Verify(#[from] VerifyError),
    /// What this machine has seen could not be read.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The clock is behind what was written before.
    #[error("this machine's clock says {now}, and {what} is of {then}, which is later")]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// What is later.
        what: String,
        /// When it was written.
        then: Timestamp,
    },
    /// The clock is not that of the place where the repository is.
    #[error("this machine's clock says {now}, and in the repository's place it is {place}")]
    ClockOff {
        /// What the clock says.
        now: Timestamp,
        /// What the place says.
        place: Timestamp,
    },
    /// A rule keeps nothing.
    #[error("a policy without a rule keeps nothing but the last good snapshot")]
    EmptyPolicy,
}

impl PruneError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Repository(error) | Self::Verify(VerifyError::Repository(error)) => error.hints(),
            Self::ClockBehind { .. } | Self::ClockOff { .. } => {
                vec!["set the clock (`timedatectl`): by a wrong one, grace times end too early".to_owned()]
            }
            Self::EmptyPolicy => vec!["say what to keep, such as --keep-last 7 --keep-monthly 12".to_owned()],
            Self::Verify(VerifyError::Pin(_)) | Self::Pin(_) => Vec::new(),
        }
    }
}

/// What to do, with no choice left open.
#[derive(Debug)]
pub struct PrunePlan {
    /// What is said of it, and what becomes of it.
    pub report: PruneReport,
    /// Which snapshots name a data object.
    named: BTreeMap<String, BTreeSet<SnapshotId>>,
}

impl PrunePlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        !self.report.changes()
    }

    /// The objects of a removal that other snapshots name too.
    fn spared(&self, removal: &Removal) -> BTreeSet<String> {
        let by_another = |key: &&String| {
            self.named.get(*key).is_some_and(|by| by.iter().any(|snapshot| *snapshot != removal.snapshot))
        };
        removal.objects.iter().filter(by_another).cloned().collect()
    }
}
