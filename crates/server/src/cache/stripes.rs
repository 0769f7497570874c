//! Generations of names, so that a read that began before a change is not kept after it.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names share a generation with one in this many others; that costs now and then a read that is not kept.
const STRIPES: usize = 256;

/// The generation of each name.
#[derive(Debug)]
pub(super) struct Stripes {
    generations: Vec<Mutex<u64>>,
    hasher: RandomState,
}

/// The generation of a name when a read of it began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    stripe: usize,
    generation: u64,
    pub(super) began: i64,
}

impl Default for Stripes {
    fn default() -> Self {
        Self { generations: (0..STRIPES).map(|_| Mutex::new(0)).collect(), hasher: RandomState::new() }
    }
}

impl Stripes {
    /// A read of `key` begins, at the time `began`.
    pub(super) fn begin(&self, key: &impl Hash, began: i64) -> Ticket {
        let stripe = self.stripe(key);
        Ticket { stripe, generation: *self.lock(stripe), began }
    }

    /// Does `keep`, unless the name was changed since the ticket was given; no change happens meanwhile.
    pub(super) fn if_unchanged(&self, ticket: &Ticket, keep: impl FnOnce()) {
        let generation = self.lock(ticket.stripe);
        if *generation == ticket.generation {
            keep();
        }
    }

    /// Does `forget`: what was begun before is not kept.
    pub(super) fn change(&self, key: &impl Hash, forget: impl FnOnce()) {
        let mut generation = self.lock(self.stripe(key));
        *generation += 1;
        forget();
    }

    /// Does `forget` for all names.
    pub(super) fn change_all(&self, forget: impl FnOnce()) {
        let mut all: Vec<_> = (0..STRIPES).map(|stripe| self.lock(stripe)).collect();
        for generation in &mut all {
            **generation += 1;
        }
        forget();
    }

    fn stripe(&self, key: &impl Hash) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "any of its bits do")]
        let hash = self.hasher.hash_one(key) as usize;
        hash % STRIPES
    }

    fn lock(&self, stripe: usize) -> MutexGuard<'_, u64> {
        // A generation is whole whatever panicked beside it.
        self.generations[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
