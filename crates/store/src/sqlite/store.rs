//! The store of one account and Region.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::rules::TierLimits;
use parados_parameter::{
    AccountRegion, ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome,
    Operation, Page, Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome,
    PutRequest, Result, Tag, UnlabelOutcome, Version,
};

use super::annotating::{AddTags, RemoveLabels, RemoveTags, SetLabels};
use super::engine::{Engine, with_keys};
use super::putting::{Delete, Put, PutAll};
use super::reading::Reading;
use super::{listing, reading};

/// Where and when something is written, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Author {
    pub(super) at: AccountRegion,
    pub(super) user: Arc<str>,
    pub(super) now: Timestamp,
    pub(super) tier_limits: Option<TierLimits>,
}

/// The store of one account and Region, as one user has it.
#[derive(Clone, Debug)]
pub(super) struct SqliteStore {
    pub(super) engine: Arc<Engine>,
    pub(super) at: AccountRegion,
    pub(super) user: Arc<str>,
}

impl SqliteStore {
    pub(super) async fn put_all(&self, requests: &[PutRequest]) -> Result<Vec<PutOutcome>> {
        let work = PutAll { author: self.author(), requests: requests.to_vec() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::PutParameter, ""))
    }

    fn author(&self) -> Author {
        let (at, user, now) = (self.at.clone(), self.user.clone(), self.engine.now());
        Author { at, user, now, tier_limits: self.engine.tier_limits() }
    }
}

/// Does a read of `$store`.
macro_rules! read {
    ($store:expr, $read:path, $request:expr) => {
        with_keys!($store.engine, |keys| $read(
            &Reading { readers: $store.engine.readers(), keys: &keys, at: &$store.at },
            $request
        ))
    };
}

#[async_trait]
impl ParameterStore for SqliteStore {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        let page = read!(self, listing::describe, request);
        page.map_err(|failure| failure.of(Operation::DescribeParameters, ""))
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        let got = read!(self, reading::get, reference);
        got.map_err(|failure| failure.of(Operation::GetParameter, reference))
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        let got = read!(self, reading::get_many, names);
        got.map_err(|failure| failure.of(Operation::GetParameters, ""))
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        let page = read!(self, listing::by_path, request);
        page.map_err(|failure| failure.of(Operation::GetParametersByPath, &request.path))
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        let page = read!(self, reading::history, request);
        page.map_err(|failure| failure.of(Operation::GetParameterHistory, &request.name))
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        let tags = read!(self, reading::tags, names);
        tags.map_err(|failure| failure.of(Operation::GetResources, ""))
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        let tags = read!(self, reading::list_tags, name);
        tags.map_err(|failure| failure.of(Operation::ListTagsForResource, name))
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        let work = Put { author: self.author(), request: request.clone() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::PutParameter, &request.name))
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        let work = Delete { author: self.author(), name: name.clone() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::DeleteParameter, name))
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        let work = SetLabels { author: self.author(), name: name.clone(), version, labels: labels.to_vec() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::LabelParameterVersion, name))
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        let work = RemoveLabels { author: self.author(), name: name.clone(), version, labels: labels.to_vec() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::UnlabelParameterVersion, name))
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        let work = AddTags { author: self.author(), name: name.clone(), tags: tags.to_vec() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::AddTagsToResource, name))
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        let work = RemoveTags { author: self.author(), name: name.clone(), keys: keys.to_vec() };
        self.engine.write(work).await.map_err(|failure| failure.of(Operation::RemoveTagsFromResource, name))
    }
}
