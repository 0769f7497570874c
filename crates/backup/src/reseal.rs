//! Seals snapshots again, to other recipients: when a key is added, removed or replaced.
//!
//! Owns which snapshots are sealed anew, for whom, and the order of things: new object, read back, fingerprint key, amendment. The manifest
//! stays as it is, and so does the object that is replaced: whoever could open it still can, until it is removed with the snapshot. So what
//! is interrupted leaves every snapshot as readable as it was, and the next run ends it.
//!
//! Sealing again keeps nobody out who had the key and the bytes before: a value that a lost key could open is to be changed at its source.

mod apply;
mod check;
mod plan;

use std::sync::Arc;

use parados_parameter::{Clock, KeyManagement};

pub use self::apply::{ResealOutcome, ResealReport, Resealed, apply};
pub use self::check::{KeyCheck, check};
pub use self::plan::{PlannedReseal, RefusedReseal, ResealPlan, plan};
use crate::repository::Repository;
use crate::seal::{Identities, Recipient};
use crate::signature::SigningKey;

/// What sealing again works with.
pub struct ResealContext {
    /// The repository.
    pub repository: Arc<Repository>,
    /// What opens the snapshots.
    pub identities: Identities,
    /// Where KMS keys among the recipients are.
    pub key_management: Option<Arc<dyn KeyManagement>>,
    /// What signs amendments.
    pub signing_key: SigningKey,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What amendments name as their writer.
    pub tool: String,
}

impl std::fmt::Debug for ResealContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResealContext").field("repository", &self.repository).finish_non_exhaustive()
    }
}

/// How the recipients of snapshots change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientChange {
    /// These can open them too. A snapshot that is not sealed stays as it is.
    Add(Vec<Recipient>),
    /// These no longer can. A snapshot that nobody else could open is refused.
    Remove(Vec<Recipient>),
    /// Where the one can, the other can in its place.
    Replace {
        /// The one.
        old: Recipient,
        /// The other.
        new: Recipient,
    },
    /// These can, and nobody else; also those that are not sealed are sealed.
    Become(Vec<Recipient>),
}

impl RecipientChange {
    /// The recipients after the change of a document that is sealed to `recipients`.
    pub fn applied_to(&self, recipients: &[Recipient]) -> Vec<Recipient> {
        let mut changed = recipients.to_vec();
        match self {
            Self::Add(_) if recipients.is_empty() => {}
            Self::Add(more) => changed.extend(more.iter().cloned()),
            Self::Remove(less) => changed.retain(|one| !less.contains(one)),
            Self::Replace { old, new } => {
                changed.iter_mut().filter(|one| *one == old).for_each(|one| *one = new.clone());
            }
            Self::Become(all) => changed.clone_from(all),
        }
        let mut unique = Vec::with_capacity(changed.len());
        for one in changed {
            if !unique.contains(&one) {
                unique.push(one);
            }
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipients(numbers: &[u8]) -> Vec<Recipient> {
        let arn = |number: &u8| format!("arn:aws:kms:eu-west-1:123456789012:key/{number}");
        numbers.iter().map(|number| Recipient::parse(&arn(number)).unwrap()).collect()
    }

    #[test]
    fn each_change_gives_the_recipients_that_it_says() {
        let one = |number: u8| recipients(&[number]).remove(0);
        let changes = [
            (RecipientChange::Add(recipients(&[3, 1])), [1, 2].as_slice(), [1, 2, 3].as_slice()),
            (RecipientChange::Add(recipients(&[3])), &[], &[]),
            (RecipientChange::Remove(recipients(&[2, 4])), &[1, 2], &[1]),
            (RecipientChange::Remove(recipients(&[1])), &[1], &[]),
            (RecipientChange::Replace { old: one(1), new: one(3) }, &[1, 2], &[3, 2]),
            (RecipientChange::Replace { old: one(1), new: one(2) }, &[1, 2], &[2]),
            (RecipientChange::Replace { old: one(4), new: one(3) }, &[1, 2], &[1, 2]),
            (RecipientChange::Become(recipients(&[4, 4])), &[], &[4]),
        ];
        for (change, before, after) in changes {
            assert_eq!(change.applied_to(&recipients(before)), recipients(after), "{change:?}");
        }
    }
}
