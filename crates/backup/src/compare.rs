//! Comparing parameters: two states of them with one another, one of them over time, one value with all the others.
//!
//! Owns what is compared with what, and under which fingerprint key. Does not own what counts as a difference between two
//! parameters ([`field`](crate::field)).
//!
//! Snapshots are compared by their manifests alone where these have fingerprints under one key; nothing is opened then, and no
//! value is read. Otherwise one side, or both, are opened, and fingerprints are made of what they hold.

mod details;
mod diff;
mod entry;
mod join;
mod life;
mod mapped;
mod search;
mod side;

use thiserror::Error;

pub use self::diff::{CompareContext, Details, DiffReport, DiffRequest, diff};
pub use self::join::{Difference, DifferenceKind, FieldDifference, VersionState};
pub use self::life::{LifeEvent, LifeKind, LifeReport, LifeRequest, NameFilter, life};
pub use self::search::{Found, SearchReport, SearchRequest, search};
pub use self::side::{Live, Side};
use crate::collect::CollectError;
use crate::repository::RepositoryError;
use crate::restore::SourceError;

/// A comparison that could not be made.
#[derive(Debug, Error)]
pub enum CompareError {
    /// A manifest could not be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// A snapshot's document, or a file, could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store could not be read.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// A map of names makes one of two.
    #[error("two parameters become {0} by the map; compare with one that keeps them apart")]
    NamesMeet(parados_parameter::ParameterName),
    /// A thread ended by itself.
    #[error("the comparison was interrupted")]
    Interrupted,
}
