//! An object store whose nth call fails.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before the call arrives.
    Before,
    /// The call happens, and its answer is lost.
    After,
    /// The call happens, its answer is lost, and when it is repeated it is refused for what it has done.
    Repeated,
    /// It is not allowed.
    Denied,
    /// There is no room.
    DiskFull,
}

impl Fault {
    /// Those that can befall any call.
    pub(crate) const ALL: [Self; 4] = [Self::Before, Self::After, Self::Denied, Self::DiskFull];

    fn error(self, path: &str) -> Error {
        let io = |kind| Error::Generic { store: "faulty", source: Box::new(io::Error::from(kind)) };
        match self {
            Self::Before | Self::After => io(io::ErrorKind::ConnectionReset),
            Self::Repeated => Error::Precondition { path: path.into(), source: "412 PreconditionFailed".into() },
            Self::Denied => Error::PermissionDenied { path: path.into(), source: "403 AccessDenied".into() },
            Self::DiskFull => io(io::ErrorKind::StorageFull),
        }
    }
}

/// Counts the calls, and fails the nth (from 0).
#[derive(Debug)]
struct Plan {
    nth: usize,
    /// Every call from the nth on.
    all_after: bool,
    fault: Fault,
    calls: AtomicUsize,
}

impl Plan {
    fn hit(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (call == self.nth || (self.all_after && call > self.nth)).then_some(self.fault)
    }

    async fn around<T>(&self, path: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
        match self.hit() {
            None => call.await,
            Some(fault @ (Fault::After | Fault::Repeated)) => {
                let _ = call.await;
                Err(fault.error(path))
            }
            Some(fault) => Err(fault.error(path)),
        }
    }
}

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

impl FaultyStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, nth: usize, all_after: bool, fault: Fault) -> Self {
        Self { inner, plan: Arc::new(Plan { nth, all_after, fault, calls: AtomicUsize::new(0) }) }
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.plan.calls.load(Ordering::SeqCst)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.plan.around(location.as_ref(), self.inner.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.plan.around(location.as_ref(), self.inner.put_multipart_opts(location, opts)).await?;
        Ok(Box::new(FaultyUpload { inner, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.plan.around(location.as_ref(), self.inner.get_opts(location, options)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.plan.hit() {
            None => self.inner.delete_stream(locations),
            // It happens, and its answer is lost.
            Some(fault @ (Fault::After | Fault::Repeated)) => {
                let deleted = self.inner.delete_stream(locations);
                let lost = async move {
                    let _ = deleted.try_collect::<Vec<_>>().await;
                    Err(fault.error(""))
                };
                futures::stream::once(lost).boxed()
            }
            Some(fault) => futures::stream::once(async move { Err(fault.error("")) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.plan.hit() {
            None => self.inner.list(prefix),
            // A listing that breaks off in its middle.
            Some(Fault::After) => {
                let listed = self.inner.list(prefix).take(1);
                listed.chain(futures::stream::once(async { Err(Fault::After.error("")) })).boxed()
            }
            Some(fault) => futures::stream::once(async move { Err(fault.error("")) }).into_stream().boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plan.around("", self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.plan.around(to.as_ref(), self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.plan.around(to.as_ref(), self.inner.rename_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Plan>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (plan, part) = (Arc::clone(&self.plan), self.inner.put_part(data));
        Box::pin(async move { plan.around("part", part).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let plan = Arc::clone(&self.plan);
        plan.around("complete", self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        plan.around("abort", self.inner.abort()).await
    }
}
