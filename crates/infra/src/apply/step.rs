//! Does one change.

use std::collections::BTreeMap;

use parados_parameter::Version;
use thiserror::Error;
use tokio::sync::Mutex;

use super::ApplyContext;
use crate::cloud::{CallError, Cloud};
use crate::inventory::{InventoryError, Lease, LeaseError, Record, RecordState, Records};
use crate::kind::{Created, KindName, Outputs};
use crate::plan::{Change, InfraAction, whose};
use crate::stack::{Observed, StackError};

/// Why a change was not done.
#[derive(Debug, Error)]
pub(super) enum StepError {
    /// A call.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The declaration, with what is known by now.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// What was to be made is there, and not the stack's.
    #[error("{} {id}: it was not there when the plan was made, and now is and {}", .kind.as_str(), whose(.owner.as_deref()))]
    Taken {
        kind: KindName,
        /// What the cloud calls it.
        id: String,
        /// Whose it says that it is.
        owner: Option<String>,
    },
    /// The inventory.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The lease is over.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl StepError {
    pub(super) fn hints(&self) -> Vec<String> {
        match self {
            Self::Call(error) => error.hints(),
            Self::Taken { .. } => vec!["look at what it is; --adopt takes it over".to_owned()],
            Self::Lease(_) => vec!["run it again; what is done stays done".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// One change, and what it is done with.
pub(super) struct Step<'a> {
    pub(super) context: &'a ApplyContext<'a>,
    pub(super) lease: &'a Mutex<Lease>,
    pub(super) change: &'a Change,
    pub(super) records: &'a Records,
    /// What is known of what was done before.
    pub(super) outputs: BTreeMap<String, Outputs>,
}

impl Step<'_> {
    /// Does it. Returns what the resource tells others now; nothing where it is gone.
    pub(super) async fn run(self) -> Result<Option<Outputs>, StepError> {
        match self.change.action {
            InfraAction::Delete => self.delete().await.map(|()| None),
            _ => self.make().await.map(Some),
        }
    }

    async fn delete(&self) -> Result<(), StepError> {
        let cloud = self.context.stack.cloud(self.change.target.as_deref())?;
        self.keep_lease().await?;
        if let Some(id) = &self.change.id {
            self.change.kind.delete(cloud, id).await?;
        }
        Ok(self.context.stack.inventory.forget(&self.change.key).await?)
    }

    async fn make(&self) -> Result<Outputs, StepError> {
        let stack = self.context.stack;
        let cloud = stack.cloud(self.change.target.as_deref())?;
        let declared = stack.declared(&self.change.resource);
        // Once more, because now it is known what was not when the plan was made.
        let one = stack.resolve(declared, &self.outputs, self.records)?;
        self.keep_lease().await?;
        let mut record = self.records.made.get(&one.key).map(|(record, version)| (record.clone(), *version));
        let id = match (self.change.action, &self.change.id) {
            (InfraAction::Create, _) | (_, None) => {
                record = Some(self.write(&one, record, None, RecordState::Making).await?);
                let id = match one.spec.create(cloud, &one.at).await? {
                    Created::New(id) => id,
                    Created::There { id, may_be_ours } => self.claim(cloud, &one, id, may_be_ours).await?,
                };
                self.set(cloud, &one, &id, |field| !one.spec.created_with().contains(&field)).await?;
                id
            }
            (_, Some(id)) => {
                let differs = |field: &str| self.change.differences.iter().any(|one| one.field() == field);
                self.set(cloud, &one, id, differs).await?;
                id.clone()
            }
        };
        self.write(&one, record, Some(&id), RecordState::Made).await?;
        if let Some(earlier) = &self.change.supersedes {
            stack.inventory.forget(earlier).await?;
        }
        let outputs = one.spec.outputs(&one.at, None);
        match outputs.values().all(Option::is_some) {
            true => Ok(outputs),
            false => Ok(one.spec.outputs(&one.at, one.spec.read(cloud, &one.at, Some(&id)).await?.as_ref())),
        }
    }

    /// What was there when it was to be made, if it is the stack's: the answer to a first try can be lost. Another's is left as it
    /// is, and nothing is recorded of it, so that the next plan refuses it too.
    async fn claim(&self, cloud: &Cloud, one: &Observed, id: String, may_be_ours: bool) -> Result<String, StepError> {
        let owner = one.spec.read(cloud, &one.at, Some(&id)).await?.and_then(|live| live.owner);
        let is_ours = match &owner {
            Some(owner) => *owner == one.at.owner,
            None => may_be_ours && !one.spec.is_owned_from_the_start(),
        };
        if is_ours {
            return Ok(id);
        }
        self.context.stack.inventory.forget(&one.key).await?;
        Err(StepError::Taken { kind: one.spec.kind(), id, owner })
    }

    /// Sets the fields that are wanted, in their order.
    async fn set(
        &self,
        cloud: &Cloud,
        one: &Observed,
        id: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), StepError> {
        let is_new = self.change.action == InfraAction::Create;
        for (field, value) in one.spec.fields(&one.at) {
            let is_nothing = crate::difference::is_nothing(&value);
            if wanted(field) && !(is_new && is_nothing) {
                self.keep_lease().await?;
                one.spec.set(cloud, &one.at, id, field).await?;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        one: &Observed,
        before: Option<(Record, Version)>,
        id: Option<&str>,
        state: RecordState,
    ) -> Result<(Record, Version), StepError> {
        let id = id.map(str::to_owned).or_else(|| before.as_ref().and_then(|(record, _)| record.id.clone()));
        let record = Record {
            resource: one.resource.clone(),
            kind: one.spec.kind(),
            id: id.or_else(|| one.id.clone()),
            target: one.target.clone(),
            account: one.at.account.clone(),
            region: one.at.region.clone(),
            state,
            depends_on: one.depends_on.clone(),
            lease: self.lease.lock().await.number(),
        };
        let is_same = |there: &Record| Record { lease: record.lease, ..there.clone() } == record;
        match before {
            Some((there, version)) if is_same(&there) => Ok((there, version)),
            before => {
                let version = before.map(|(_, version)| version);
                let version = self.context.stack.inventory.write(&one.key, &record, version).await?;
                Ok((record, version))
            }
        }
    }

    async fn keep_lease(&self) -> Result<(), LeaseError> {
        self.lease.lock().await.keep(&*self.context.clock).await
    }
}
