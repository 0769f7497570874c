//! What was signed once is done once.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use thiserror::Error;

use super::{Claim, Form, MAX_SKEW_SECONDS};

/// What is kept of a signature. Its bytes are those of an HMAC, so half of them are as unlikely to meet by chance.
type Mark = [u8; 16];

/// A signed request that is not taken a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Replayed {
    /// It was taken before.
    #[error("this signed request was received before")]
    Before,
    /// So many are remembered that no more can be until some of them expire.
    #[error("too many signed requests are remembered")]
    Full,
}

/// The signatures of writes that were taken and have not expired, of this process alone.
///
/// Memory is bounded: when it is full, writes are refused rather than old signatures forgotten, since a promise that ends under load is
/// none.
#[derive(Debug)]
pub struct ReplayWindow {
    capacity: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_end: BTreeMap<i64, HashSet<Mark>>,
    count: usize,
}

impl ReplayWindow {
    /// Remembers at most `capacity` signatures, of some 30 bytes each.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, taken: Mutex::default() }
    }

    /// Takes a verified request, once.
    ///
    /// # Errors
    /// [`Replayed::Before`] when it was taken before; [`Replayed::Full`] when that could not be remembered.
    pub fn take(&self, claim: &Claim<'_>, now: Timestamp) -> Result<(), Replayed> {
        let now = now.as_second();
        let good_for = match claim.form() {
            Form::Header => MAX_SKEW_SECONDS,
            Form::Presigned { expires_seconds } => expires_seconds,
        };
        let end = claim.at().as_second() + good_for;
        let mut mark = Mark::default();
        mark.copy_from_slice(&claim.signature()[..16]);

        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = taken.by_end.first_entry().filter(|first| *first.key() < now) {
            let gone = first.remove().len();
            taken.count -= gone;
        }
        if taken.by_end.get(&end).is_some_and(|marks| marks.contains(&mark)) {
            return Err(Replayed::Before);
        }
        if taken.count >= self.capacity {
            return Err(Replayed::Full);
        }
        taken.by_end.entry(end).or_default().insert(mark);
        taken.count += 1;
        Ok(())
    }
}
