//! Why no plan could be made.

use parados_parameter::{ParameterName, StoreError};
use thiserror::Error;

use super::source::SourceError;
use crate::collect::CollectError;

/// A plan that could not be made. Nothing was written.
#[derive(Debug, Error)]
pub enum PlanError {
    /// What is to be restored could not be read.
    #[error("what is to be restored could not be read")]
    Source(#[from] SourceError),
    /// The store could not be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// Two parameters of the source would become one.
    #[error("{first} and {second} of the source would both become {name}")]
    SameName {
        /// What they would become.
        name: ParameterName,
        /// One of them.
        first: ParameterName,
        /// The other.
        second: ParameterName,
    },
}

impl From<CollectError> for PlanError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Store(error) => Self::Store(error),
            CollectError::Previous(_) => unreachable!("a plan reads no previous snapshot"),
        }
    }
}
