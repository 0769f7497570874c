//! What happens while a use case runs. The progress bar, the run log and whatever else shows it read this one stream.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::Missing;
use crate::target::Target;
use crate::verdict::Verdict;
use crate::verify::Finding;

/// Something that happened. Holds no value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A backup of a target began.
    Started {
        /// The target.
        target: Target,
        /// When.
        #[schemars(with = "String")]
        at: Timestamp,
        /// The snapshot whose unchanged values are taken over; absent where all are read.
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    },
    /// A page was listed.
    Listed {
        /// Parameters that match, so far.
        matched: u64,
        /// Whether the listing is at its end, so that `matched` is the total.
        done: bool,
    },
    /// Parameters were written into the snapshot.
    Read {
        /// Parameters so far.
        parameters: u64,
        /// Of these, taken over from the previous snapshot.
        reused: u64,
    },
    /// Calls were refused because the quota is used up; they are made again later.
    Throttled {
        /// Throttles so far.
        throttles: u64,
    },
    /// A parameter, or a part of one, could not be read.
    Missing(Missing),
    /// The snapshot is committed.
    Committed {
        /// The snapshot's id.
        snapshot: String,
        /// The data object's key.
        key: String,
        /// The data object's size in bytes.
        bytes: u64,
    },
    /// Snapshots are gone through, to copy them or to seal them again.
    SnapshotsFound {
        /// How many.
        snapshots: u64,
    },
    /// One of them was gone through, whatever came of it.
    SnapshotDone {
        /// The snapshot's id.
        snapshot: String,
        /// Bytes that were written for it.
        bytes: u64,
    },
    /// A check began.
    Checking {
        /// Objects that will be read.
        objects: u64,
    },
    /// An object was checked.
    Checked {
        /// Its key.
        key: String,
        /// Objects so far.
        objects: u64,
        /// Bytes so far.
        bytes: u64,
    },
    /// A check found damage.
    Found(Finding),
    /// A plan of a restore is being applied.
    Applying {
        /// The plan's id.
        plan: String,
        /// How many parameters it writes.
        parameters: u64,
        /// The snapshot of what was there before.
        #[serde(skip_serializing_if = "Option::is_none")]
        undo_snapshot: Option<String>,
    },
    /// A parameter of the plan was finished.
    Applied {
        /// How many so far.
        parameters: u64,
        /// Of these, those that are not as the plan wants them.
        wrong: u64,
    },
    /// The backup of a target ended.
    Finished {
        /// The target.
        target: Target,
        /// How.
        verdict: Verdict,
    },
}

/// Reads the events of a use case. Called from the task that runs it: must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn event(&self, _: &Event) {}
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}
