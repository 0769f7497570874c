//! The rules of Parameter Store, as pure functions from a request and what is stored to what shall be stored.
//!
//! A store that keeps parameters itself ([memory](crate::memory), SQLite, …) calls these and adds nothing but storage, so
//! that all of them accept and refuse the same requests with the same kinds of error. Nothing here does I/O, knows the
//! time, or holds a store's state. A store that asks AWS needs none of this: AWS has the rules.

mod annotation;
mod filter;
mod page;
mod put;

pub use annotation::{LabelPlan, list_tags_of, merge_tags, plan_labels, plan_unlabels, remove_tags};
pub use filter::{LabelFilter, matches};
pub use page::{check_by_path, check_describe, check_get_many, check_history, check_tags, decode_token, encode_token};
pub use put::{Occupancy, PutPlan, Retention, TierLimits, may_take_a_place, plan_put, retention};

use crate::{Operation, ParameterName, StoreError, StoreErrorKind};

/// ParameterNotFound for `operation` on `name`.
pub fn not_found(operation: Operation, name: &ParameterName) -> StoreError {
    StoreError::new(operation, name, StoreErrorKind::ParameterNotFound, "no parameter has this name")
}

/// InvalidResourceId for `operation` on `name`: how the operations on tags say that it does not exist.
pub fn no_such_resource(operation: Operation, name: &ParameterName) -> StoreError {
    StoreError::new(operation, name, StoreErrorKind::InvalidResourceId, "no parameter has this name")
}

/// ParameterVersionNotFound for `operation` on `name` at `version`, a number or a label.
pub fn version_not_found(operation: Operation, name: &ParameterName, version: impl std::fmt::Display) -> StoreError {
    let message = format!("it has no version {version}, or none that is still kept");
    StoreError::new(operation, name, StoreErrorKind::ParameterVersionNotFound, message)
}
