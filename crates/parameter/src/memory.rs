//! The reference model: a store in memory that does what AWS Parameter Store does, as far as its documentation tells.
//!
//! It owns the storage of the model and nothing else: which requests are refused, and what a put makes of what is there,
//! stands in [rules](crate::rules). It does not expire parameters, notify, encrypt, or check that keys exist.

mod listing;
mod state;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::error::Result;
use crate::{
    ByPathRequest, Clock, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome, Page,
    Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome, PutRequest, Tag,
    UnlabelOutcome, Version,
};
use state::State;

/// A [`ParameterStore`] in memory. Every call happens at one instant: no call sees half of another.
pub struct MemoryStore {
    options: MemoryStoreOptions,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// What a [`MemoryStore`] says of itself, and how much it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryStoreOptions {
    /// The account in ARNs.
    pub account: String,
    /// The Region in ARNs.
    pub region: String,
    /// The partition in ARNs.
    pub partition: String,
    /// Who puts, as `last_modified_user`.
    pub user: String,
    /// Whether describe says tags and labels. AWS does not.
    pub annotated: bool,
    /// Most parameters of the standard tier. No limit where there is none; AWS's default is 10,000.
    pub standard_limit: Option<usize>,
    /// Most parameters of the advanced tier. AWS's default is 100,000.
    pub advanced_limit: Option<usize>,
    /// Most parameters that a page of a listing looks at. With a limit, a filtered page may be short, or empty with a
    /// token, as AWS's are; without, a page is full unless it is the last.
    pub examined_per_page: Option<usize>,
}

impl Default for MemoryStoreOptions {
    fn default() -> Self {
        Self {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
            user: "arn:aws:iam::123456789012:user/parados".into(),
            annotated: false,
            standard_limit: None,
            advanced_limit: None,
            examined_per_page: None,
        }
    }
}

impl MemoryStore {
    /// An empty store with the default options, which dates its versions by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_options(clock, MemoryStoreOptions::default())
    }

    /// An empty store.
    pub fn with_options(clock: Arc<dyn Clock>, options: MemoryStoreOptions) -> Self {
        Self { options, clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method of the state panics between two of its changes, so what a poisoned lock guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, to the millisecond, as AWS keeps it.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl ParameterStore for MemoryStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        self.state().describe(&self.options, request)
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        self.state().get(reference)
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        self.state().get_many(names)
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        self.state().by_path(&self.options, request)
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        self.state().history(request)
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        self.state().tags(names)
    }

    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>> {
        Ok(self.state().all_tags())
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        self.state().list_tags(name)
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        let now = self.now();
        self.state().put(&self.options, now, request)
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        self.state().delete(name)
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        self.state().label(name, version, labels)
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        self.state().unlabel(name, version, labels)
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        self.state().tag(name, tags)
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        self.state().untag(name, keys)
    }
}

#[cfg(test)]
mod tests;
