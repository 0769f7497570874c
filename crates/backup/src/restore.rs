//! Restores: from a snapshot, or a document of the old pipeline, into a store.
//!
//! A restore is two acts. Planning compares what is wanted with what is there and makes a [`RestorePlan`], a value that leaves
//! no choice open and holds no parameter's value: it is printed, saved, hashed, approved. Applying takes that plan, looks at each
//! parameter again, and does the plan's steps and nothing else.

pub mod apply;
pub mod change;
mod decide;
mod desired;
mod estimate;
mod expiry;
mod extra;
pub mod journal;
mod live;
mod placement;
pub mod plan;
mod plan_error;
mod planning;
pub mod report;
pub mod request;
pub mod saved;
pub mod source;
mod steps;
pub mod transform;
pub mod undo;
mod usable_keys;
mod version_state;
mod warning;

pub use apply::{ApplyContext, RestoreError, UndoContext, apply, undo_environment};
pub use change::{Action, Change, FieldChange, LiveState, PutFields, Step, WantedState, Warning, WarningKind};
pub use journal::{Journal, JournalError};
pub use plan::{Estimate, PlanHash, PlanId, PlanSource, PlannedOptions, RestorePlan, StoreIdentity};
pub use plan_error::PlanError;
pub use planning::{PlanContext, plan};
pub use report::{Outcome, ParameterOutcome, RestoreReport, RestoreVerdict};
pub use request::{Conflict, KeyMap, NameMap, RestoreRequest};
pub use saved::SavedPlanError;
pub use source::{RestoreSource, SourceError};
pub use undo::Undo;
