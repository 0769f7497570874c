//! What a stack has made, and who is at work on it: parameters beside the stack, under `/parados/infra/PROJECT.ENVIRONMENT/`.
//!
//! It is no state that a stack depends on: what is there is always asked of the cloud, and whose it is of its tag. The inventory
//! knows what nobody else does: what left the declaration, and what was being made when a run was interrupted.

mod lease;
mod record;

use std::collections::BTreeMap;

pub use lease::{Holder, Lease, LeaseError, LeaseRecord};
pub use record::{Record, RecordState};

use parados_parameter::{
    ByPathRequest, ParameterName, ParameterReference, PutRequest, Secret, SharedStore, StoreError, StoreErrorKind,
    Version,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::kind::KindName;
use crate::stack::Observed;

/// Why the inventory cannot be read or written.
#[derive(Clone, Debug, Error)]
pub enum InventoryError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that is none.
    #[error("the record {name} cannot be read: {message}")]
    Malformed {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// Somebody wrote in between, in spite of the lease.
    #[error("the record {name} was written by somebody else while this run held lease {lease}")]
    Overtaken {
        /// The parameter.
        name: String,
        /// The number of this run's lease.
        lease: u64,
    },
}

/// The place of a stack's records.
#[derive(Clone, Debug)]
pub struct Inventory {
    store: SharedStore,
    path: String,
}

/// What the records said.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// What was made, by the record's own name.
    pub made: BTreeMap<String, (Record, Version)>,
    /// The newest lease, where there ever was one.
    pub lease: Option<LeaseRecord>,
}

impl Records {
    /// The record of a resource.
    pub fn of(&self, key: &str) -> Option<&Record> {
        self.made.get(key).map(|(record, _)| record)
    }

    /// The record that a resource has under a name by which the declaration called it before.
    pub fn earlier(&self, one: &Observed) -> Option<(&str, &Record)> {
        let id = one.id.as_ref()?;
        let is_it = |record: &Record| {
            record.id.as_ref() == Some(id)
                && record.kind == one.spec.kind()
                && (&record.account, &record.region) == (&one.at.account, &one.at.region)
        };
        let mut records = self.made.iter().map(|(key, (record, _))| (key.as_str(), record));
        records.find(|(key, record)| *key != one.key && is_it(record))
    }
}

impl Inventory {
    /// That of a project's environment. There is no `/ENVIRONMENT/` in its path, so that a backup of the environment does not select it.
    pub fn new(store: SharedStore, project: &str, environment: &str) -> Self {
        Self { store, path: format!("/parados/infra/{project}.{environment}") }
    }

    /// Where it is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`InventoryError`] when the store fails, or when a record is none.
    pub async fn read(&self) -> Result<Records, InventoryError> {
        let mut records = Records::default();
        let mut request = ByPathRequest::recursive(&self.path);
        loop {
            let page = self.store.by_path(&request).await?;
            for parameter in page.items {
                let name = parameter.name.absolute();
                let Some(place) = name.strip_prefix(&self.path).and_then(|rest| rest.strip_prefix('/')) else {
                    continue;
                };
                let value = parameter.value.reveal();
                let malformed = |error: serde_json::Error| InventoryError::Malformed {
                    name: name.clone(),
                    message: error.to_string(),
                };
                if let Some(key) = place.strip_prefix("inventory/") {
                    let record: Record = serde_json::from_str(value).map_err(malformed)?;
                    records.made.insert(key.to_owned(), (record, parameter.version));
                } else if let Some(number) = place.strip_prefix("lease/").and_then(|text| text.parse().ok()) {
                    let lease = LeaseRecord { number, ..serde_json::from_str(value).map_err(malformed)? };
                    if records.lease.as_ref().is_none_or(|other| other.number < number) {
                        records.lease = Some(lease);
                    }
                }
            }
            match page.next_token {
                None => return Ok(records),
                token => request.next_token = token,
            }
        }
    }

    /// Writes a record that was `before` (none: that was not there), under a lease.
    ///
    /// # Errors
    /// [`InventoryError::Overtaken`] when it is not as it was.
    pub async fn write(&self, key: &str, record: &Record, before: Option<Version>) -> Result<Version, InventoryError> {
        let name = self.name(&format!("inventory/{key}"))?;
        let value = serde_json::to_string(record).expect("texts and numbers are JSON");
        let put =
            PutRequest { overwrite: before.is_some(), ..PutRequest::new(name.clone(), Secret::new(value.clone())) };
        match self.store.put(&put).await {
            Ok(outcome) if before.is_none_or(|before| before.next() == outcome.version) => return Ok(outcome.version),
            Err(error) if error.kind != StoreErrorKind::ParameterAlreadyExists => return Err(error.into()),
            _ => {}
        }
        // A put whose answer was lost is tried again by the store's decorators, and meets itself.
        let there = self.store.get(&ParameterReference::newest(name.clone())).await?;
        match there.value.reveal() == value {
            true => Ok(there.version),
            false => Err(InventoryError::Overtaken { name: name.absolute(), lease: record.lease }),
        }
    }

    /// Forgets what was deleted.
    ///
    /// # Errors
    /// [`InventoryError`] when the store fails.
    pub async fn forget(&self, key: &str) -> Result<(), InventoryError> {
        self.delete(&self.name(&format!("inventory/{key}"))?).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<(), InventoryError> {
        match self.store.delete(name).await {
            Err(error) if error.kind != StoreErrorKind::ParameterNotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn name(&self, place: &str) -> Result<ParameterName, InventoryError> {
        let text = format!("{}/{place}", self.path);
        ParameterName::parse(&text)
            .map_err(|error| InventoryError::Malformed { name: text.clone(), message: error.to_string() })
    }
}

/// What the record of a resource is called: another name, account or Region is another resource.
pub fn record_key(resource: &str, kind: KindName, id: Option<&str>, account: &str, region: &str) -> String {
    let text = [kind.as_str(), id.unwrap_or_default(), account, region].join("\n");
    format!("{resource}.{}", hex::encode(&Sha256::digest(text.as_bytes())[..5]))
}
