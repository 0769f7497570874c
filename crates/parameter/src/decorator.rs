//! Decorators: stores that go around a store and keep its contract, each changing one thing about how it is called.
//!
//! | decorator | what it does |
//! |---|---|
//! | [`quota::Quota`] | throttles as AWS does: a token bucket for each group of operations |
//! | [`adaptive::Adaptive`] | waits, so that a share of the quota is used; backs off on a throttle, and recovers |
//! | [`retry::Retry`] | calls again what may pass, after a random wait that grows |
//! | [`metered::Metered`] | counts |
//! | [`read_only::ReadOnly`] | refuses writes |
//! | [`faulty::Faulty`] | fails where a test wants it to |
//!
//! In use they stand in this order, outermost first: `Retry(Adaptive(Metered(store)))`, so that a retried call waits for its
//! share again, and what is counted is what went out.
//!
//! Each decorator says what goes around a call; that every method of the contract goes through it is written here, once.

pub mod adaptive;
mod call;
pub mod faulty;
pub mod metered;
pub mod quota;
pub mod read_only;
pub mod retry;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::error::Result;
use crate::{
    ByPathRequest, DescribeRequest, GetManyOutcome, HistoryEntry, HistoryRequest, Label, LabelOutcome, Operation, Page,
    Parameter, ParameterMetadata, ParameterName, ParameterReference, ParameterStore, PutOutcome, PutRequest,
    SharedStore, Tag, UnlabelOutcome, Version,
};
use call::{Answer, Call, Subject};

/// What a decorator does around each call of the store that it decorates.
trait Intercept: Debug + Send + Sync + 'static {
    /// The decorated store.
    fn inner(&self) -> &SharedStore;

    /// Makes the call by `go`, as often and whenever it likes. Each use of `go` is one call of the decorated store.
    fn around<'a, T: Answer>(
        &'a self,
        call: Call<'a>,
        go: impl Fn() -> BoxFuture<'a, Result<T>> + Send + Sync + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a;
}

#[async_trait]
impl<I: Intercept> ParameterStore for I {
    async fn describe(&self, request: &DescribeRequest) -> Result<Page<ParameterMetadata>> {
        let call = Call::new(Operation::DescribeParameters, Subject::None);
        self.around(call, || self.inner().describe(request)).await
    }

    async fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        let call = Call::new(Operation::GetParameter, Subject::Name(&reference.name));
        self.around(call, || self.inner().get(reference)).await
    }

    async fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        let call = Call::new(Operation::GetParameters, Subject::Names(names));
        self.around(call, || self.inner().get_many(names)).await
    }

    async fn by_path(&self, request: &ByPathRequest) -> Result<Page<Parameter>> {
        let call = Call::new(Operation::GetParametersByPath, Subject::Path(&request.path));
        self.around(call, || self.inner().by_path(request)).await
    }

    async fn history(&self, request: &HistoryRequest) -> Result<Page<HistoryEntry>> {
        let call = Call::new(Operation::GetParameterHistory, Subject::Name(&request.name));
        self.around(call, || self.inner().history(request)).await
    }

    async fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        let call = Call::new(Operation::GetResources, Subject::Names(names));
        self.around(call, || self.inner().tags(names)).await
    }

    async fn all_tags(&self) -> Result<Option<BTreeMap<ParameterName, Vec<Tag>>>> {
        let call = Call::new(Operation::GetResources, Subject::None);
        self.around(call, || self.inner().all_tags()).await
    }

    async fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        let call = Call::new(Operation::ListTagsForResource, Subject::Name(name));
        self.around(call, || self.inner().list_tags(name)).await
    }

    async fn put(&self, request: &PutRequest) -> Result<PutOutcome> {
        let call = Call::new(Operation::PutParameter, Subject::Name(&request.name));
        self.around(call, || self.inner().put(request)).await
    }

    async fn delete(&self, name: &ParameterName) -> Result<()> {
        let call = Call::new(Operation::DeleteParameter, Subject::Name(name));
        self.around(call, || self.inner().delete(name)).await
    }

    async fn label(&self, name: &ParameterName, version: Option<Version>, labels: &[String]) -> Result<LabelOutcome> {
        let call = Call::new(Operation::LabelParameterVersion, Subject::Name(name));
        self.around(call, || self.inner().label(name, version, labels)).await
    }

    async fn unlabel(&self, name: &ParameterName, version: Version, labels: &[Label]) -> Result<UnlabelOutcome> {
        let call = Call::new(Operation::UnlabelParameterVersion, Subject::Name(name));
        self.around(call, || self.inner().unlabel(name, version, labels)).await
    }

    async fn tag(&self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        let call = Call::new(Operation::AddTagsToResource, Subject::Name(name));
        self.around(call, || self.inner().tag(name, tags)).await
    }

    async fn untag(&self, name: &ParameterName, keys: &[String]) -> Result<()> {
        let call = Call::new(Operation::RemoveTagsFromResource, Subject::Name(name));
        self.around(call, || self.inner().untag(name, keys)).await
    }
}

#[cfg(test)]
mod tests;
