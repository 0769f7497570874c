//! Who may apply. A lease is a parameter with the next number, made only where there is none of it: of two that try, one makes it.
//!
//! The number is the fencing number: it only grows, stands in every record that is written under it, and a run that finds its lease
//! over stops before its next step.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parados_parameter::{Clock, ParameterReference, PutRequest, Secret, StoreErrorKind};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Inventory, InventoryError};

/// How long a lease holds where it is not renewed.
const TERM: Duration = Duration::from_secs(900);
/// How much longer others wait: clocks differ.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub process: u32,
}

/// A lease as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Its number.
    #[serde(skip)]
    pub number: u64,
    /// Who holds it.
    pub holder: Holder,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether it was given back.
    #[serde(default)]
    pub released: bool,
}

/// Why there is no lease.
#[derive(Clone, Debug, Error)]
pub enum LeaseError {
    /// Somebody else is at work.
    #[error(
        "{}@{} (process {}) holds the lease of this stack, number {}, since {}",
        .0.holder.user, .0.holder.host, .0.holder.process, .0.number, .0.since
    )]
    Held(Box<LeaseRecord>),
    /// This run's own is over, and another may have begun.
    #[error("lease {number} ended at {until}, before this run did")]
    Over {
        /// Its number.
        number: u64,
        /// When it ended.
        until: Timestamp,
    },
    /// The inventory.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

/// A lease that this run holds.
#[derive(Debug)]
pub struct Lease {
    inventory: Inventory,
    record: LeaseRecord,
}

impl Lease {
    /// Takes the lease after `newest`, which was read before. `is_gone` says of a holder that it cannot be at work any more.
    ///
    /// # Errors
    /// [`LeaseError::Held`] when somebody holds one.
    pub async fn acquire(
        inventory: &Inventory,
        newest: Option<&LeaseRecord>,
        holder: Holder,
        is_gone: impl Fn(&Holder) -> bool,
        clock: &dyn Clock,
    ) -> Result<Self, LeaseError> {
        let now = clock.now();
        if let Some(held) = newest
            && !held.released
            && now < held.until + MARGIN
            && !is_gone(&held.holder)
        {
            return Err(LeaseError::Held(Box::new(held.clone())));
        }
        let number = newest.map_or(1, |newest| newest.number + 1);
        let record = LeaseRecord { number, holder, since: now, until: now + TERM, released: false };
        let lease = Self { inventory: inventory.clone(), record };
        match lease.put(false).await {
            Ok(()) => {}
            Err(InventoryError::Store(error)) if error.kind == StoreErrorKind::ParameterAlreadyExists => {
                let there = lease.stored().await?;
                // A put whose answer was lost is tried again by the store's decorators, and meets itself.
                if there != lease.record {
                    return Err(LeaseError::Held(Box::new(there)));
                }
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(newest) = newest {
            inventory.delete(&inventory.name(&place(newest.number))?).await?;
        }
        Ok(lease)
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// Makes it last longer, where it is half over.
    ///
    /// # Errors
    /// [`LeaseError::Over`] when it is over already.
    pub async fn keep(&mut self, clock: &dyn Clock) -> Result<(), LeaseError> {
        let now = clock.now();
        if now >= self.record.until {
            return Err(LeaseError::Over { number: self.record.number, until: self.record.until });
        }
        if self.record.until.duration_since(now) < SignedDuration::try_from(TERM / 2).unwrap_or(MARGIN) {
            self.record.until = now + TERM;
            self.put(true).await?;
        }
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// [`LeaseError`] when the store fails; then it ends by itself.
    pub async fn release(mut self) -> Result<(), LeaseError> {
        self.record.released = true;
        Ok(self.put(true).await?)
    }

    async fn put(&self, overwrite: bool) -> Result<(), InventoryError> {
        let name = self.inventory.name(&place(self.record.number))?;
        let value = serde_json::to_string(&self.record).expect("texts and numbers are JSON");
        let put = PutRequest { overwrite, ..PutRequest::new(name, Secret::new(value)) };
        self.inventory.store.put(&put).await?;
        Ok(())
    }

    /// The lease of this number, whoever made it.
    async fn stored(&self) -> Result<LeaseRecord, InventoryError> {
        let number = self.record.number;
        let name = self.inventory.name(&place(number))?;
        let parameter = self.inventory.store.get(&ParameterReference::newest(name.clone())).await?;
        let record: LeaseRecord = serde_json::from_str(parameter.value.reveal())
            .map_err(|error| InventoryError::Malformed { name: name.absolute(), message: error.to_string() })?;
        Ok(LeaseRecord { number, ..record })
    }
}

fn place(number: u64) -> String {
    format!("lease/{number:010}")
}
