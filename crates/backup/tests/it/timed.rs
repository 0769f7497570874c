//! An object store whose clock is a test's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use parados_parameter::Clock as _;
use parados_parameter::clock::ManualClock;

/// The store. What was written through it was then, and anything else that is asked for just now.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) clock: Arc<ManualClock>,
    /// How far its clock is ahead of the test's.
    pub(crate) ahead: SignedDuration,
    /// When what was written through this was.
    pub(crate) written: Mutex<BTreeMap<Path, Timestamp>>,
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timed {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Timed {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let put = self.inner.put_opts(location, payload, opts).await?;
        self.written.lock().unwrap().insert(location.clone(), self.clock.now() + self.ahead);
        Ok(put)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut read = self.inner.get_opts(location, options).await?;
        let written = self.written.lock().unwrap().get(location).copied();
        read.meta.last_modified = system_time(written.unwrap_or(self.clock.now() + self.ahead)).into();
        Ok(read)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let written = self.written.lock().unwrap().clone();
        let timed = move |mut meta: ObjectMeta| {
            if let Some(at) = written.get(&meta.location) {
                meta.last_modified = system_time(*at).into();
            }
            meta
        };
        self.inner.list(prefix).map_ok(timed).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap()
}
