//! A store that others use too: before each call somebody else may do something.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use parados_parameter::{
    ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome, Operation, Page,
    Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome, PutRequest, Result,
    SharedStore, Tag, UnlabelOutcome, Version,
};

/// What others do before a call of this operation on these names.
pub(crate) type Others = Arc<dyn Fn(Operation, Vec<ParameterName>) -> BoxFuture<'static, ()> + Send + Sync>;

/// The store.
pub(crate) struct Shared {
    inner: SharedStore,
    others: Others,
}

impl Shared {
    pub(crate) fn new(inner: SharedStore, others: Others) -> Self {
        Self { inner, others }
    }

    /// Somebody puts `request` just before each put.
    pub(crate) fn put_before_puts(inner: SharedStore, request: PutRequest) -> Self {
        let theirs = inner.clone();
        Self::new(
            inner,
            Arc::new(move |operation, _| {
                let (theirs, request) = (theirs.clone(), request.clone());
                Box::pin(async move {
                    if operation == Operation::PutParameter {
                        theirs.put(&request).await.unwrap();
                    }
                })
            }),
        )
    }

    async fn before(&self, operation: Operation, names: &[ParameterName]) -> &SharedStore {
        (self.others)(operation, names.to_vec()).await;
        &self.inner
    }

    async fn one(&self, operation: Operation, name: &ParameterName) -> &SharedStore {
        self.before(operation, std::slice::from_ref(name)).await
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

#[async_trait]
impl ParameterStore for Shared {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        self.before(Operation::DescribeParameters, &[]).await.describe(request).await
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        self.one(Operation::GetParameter, &reference.name).await.get(reference).await
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        self.before(Operation::GetParameters, names).await.get_many(names).await
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        self.before(Operation::GetParametersByPath, &[]).await.by_path(request).await
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        self.one(Operation::GetParameterHistory, &request.name).await.history(request).await
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        self.before(Operation::GetResources, names).await.tags(names).await
    }

    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>> {
        self.before(Operation::GetResources, &[]).await.all_tags().await
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        self.one(Operation::ListTagsForResource, name).await.list_tags(name).await
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        self.one(Operation::PutParameter, &request.name).await.put(request).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        self.one(Operation::DeleteParameter, name).await.delete(name).await
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        self.one(Operation::LabelParameterVersion, name).await.label(name, version, labels).await
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        self.one(Operation::UnlabelParameterVersion, name).await.unlabel(name, version, labels).await
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        self.one(Operation::AddTagsToResource, name).await.tag(name, tags).await
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        self.one(Operation::RemoveTagsFromResource, name).await.untag(name, keys).await
    }
}
