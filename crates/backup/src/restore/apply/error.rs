//! Why a plan was not applied, or not to its end.

use parados_parameter::{ParameterName, StoreError, StoreErrorKind};
use thiserror::Error;

use crate::fingerprint::FingerprintKeyId;
use crate::restore::journal::JournalError;
use crate::restore::plan::StoreIdentity;
use crate::restore::source::SourceError;

/// A plan that was not applied, or not to its end.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// It says of a parameter that it must not be applied.
    #[error("the plan has conflicts, and so nothing of it is applied: {}", list(names))]
    Conflict {
        /// The parameters.
        names: Vec<ParameterName>,
    },
    /// It is for another store.
    #[error("the plan is for {}, and this is {}", store(planned), store(found))]
    OtherStore {
        /// The plan's.
        planned: Box<StoreIdentity>,
        /// This one.
        found: Box<StoreIdentity>,
    },
    /// It was made of another snapshot or file.
    #[error("the plan was made of another snapshot, or of a file that was changed since")]
    OtherSource,
    /// Its fingerprints are under another key.
    #[error("the plan's fingerprints are under key {planned}, and the key here is {found}")]
    OtherFingerprintKey {
        /// The plan's.
        planned: FingerprintKeyId,
        /// This one.
        found: FingerprintKeyId,
    },
    /// A newer Parados made it.
    #[error("the plan is of format {found}, and this Parados applies format {supported}")]
    OtherFormat {
        /// Its format.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// It is not a plan that Parados made.
    #[error("the plan is not as Parados makes them: {rule}")]
    Malformed {
        /// What is wrong, with the parameter's name.
        rule: String,
    },
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The snapshot of what is there failed, so nothing was changed.
    #[error("what is there could not be committed as a snapshot, so nothing was changed: {0}")]
    Undo(String),
    /// The source could not be read to its end.
    #[error("the values could not be read to their end")]
    Source(#[from] SourceError),
    /// Going on was of no use.
    #[error("stopped, because it would go on like this")]
    Stopped(#[source] StoreError),
}

impl RestoreError {
    /// What to do about it, one line each.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Conflict { .. } => "make a plan with --conflict overwrite, or with --conflict skip",
            Self::OtherStore { .. } => "name the store that the plan is for",
            Self::OtherSource | Self::OtherFormat { .. } | Self::Malformed { .. } => {
                "make a new plan: parados restore plan"
            }
            Self::OtherFingerprintKey { .. } => {
                "apply the plan with the signing key, or the identity, that it was made with"
            }
            Self::Journal(JournalError::InUse { .. }) => "wait for the other process to end",
            Self::Journal(JournalError::OtherPlan { .. }) => {
                "a plan is not to be edited: make a new one with parados restore plan"
            }
            Self::Journal(_) | Self::Undo(_) => return Vec::new(),
            Self::Source(_) => {
                "parados verify --read says what is wrong with the snapshot; what is done stays, and applying the plan again goes on"
            }
            Self::Stopped(error) if error.kind == StoreErrorKind::AccessDenied => {
                return vec![format!(
                    "the caller needs {} on the parameters of the plan; applying the plan again goes on",
                    error.operation.iam_action()
                )];
            }
            Self::Stopped(_) => "applying the plan again goes on where this run stopped",
        };
        vec![hint.to_owned()]
    }
}

/// A few names, and how many more.
fn list(names: &[ParameterName]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<_> = names.iter().take(SHOWN).map(ToString::to_string).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn store(identity: &StoreIdentity) -> String {
    match &identity.folder {
        Some(folder) => format!("the embedded store in {folder}"),
        None => format!("{}/{}", identity.account, identity.region),
    }
}
