//! An object store in which something happens at a chosen call: the process is killed before it, in its middle or after it,
//! or the call fails, or it answers wrongly.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The process is killed before the call.
    KillBefore,
    /// The process is killed when the call has done a part of its work: see [`has_middle`].
    KillMiddle,
    /// The process is killed after the call.
    KillAfter,
    /// The connection breaks before the call arrives.
    FailBefore,
    /// The call happens, and its answer is lost.
    FailAfter,
    /// It is not allowed.
    Denied,
    /// What is read ends in its middle, and nothing says so.
    Cut,
    /// A bit of what is read is wrong.
    Flip,
}

impl FromStr for Effect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kills = [Self::KillBefore, Self::KillMiddle, Self::KillAfter];
        kills.into_iter().find(|effect| format!("{effect:?}") == text).ok_or_else(|| text.to_owned())
    }
}

/// Whether a folder's call of this name does its work in more than one step.
pub(crate) fn has_middle(call: &str) -> bool {
    matches!(call, "put" | "part" | "rename")
}

/// Counts the calls, and knows what happens at which.
#[derive(Debug)]
pub(crate) struct Plan {
    /// From 0; none happens where there are fewer calls.
    nth: usize,
    effect: Effect,
    /// Whether nothing answers any more after it.
    dead: bool,
    /// Where the store's objects are, for the middle of a call.
    folder: PathBuf,
    /// Each with what it was about.
    calls: Mutex<Vec<(&'static str, String)>>,
}

impl Plan {
    pub(crate) fn new(nth: usize, effect: Effect, folder: impl Into<PathBuf>) -> Arc<Self> {
        Arc::new(Self { nth, effect, dead: false, folder: folder.into(), calls: Mutex::default() })
    }

    /// After the nth call no other arrives, as when the process ends there.
    pub(crate) fn dead_after(nth: usize, effect: Effect) -> Arc<Self> {
        Arc::new(Self { nth, effect, dead: true, folder: PathBuf::new(), calls: Mutex::default() })
    }

    /// The calls so far, by name.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.made().into_iter().map(|(call, _)| call).collect()
    }

    /// The calls so far, each with what it was about.
    pub(crate) fn made(&self) -> Vec<(&'static str, String)> {
        self.calls.lock().unwrap().clone()
    }

    fn hit(&self, call: &'static str, subject: &str) -> Option<Effect> {
        let mut calls = self.calls.lock().unwrap();
        calls.push((call, subject.to_owned()));
        match calls.len() - 1 {
            call if call == self.nth => Some(self.effect),
            call if call > self.nth && self.dead => Some(Effect::FailBefore),
            _ => None,
        }
    }

    fn error(&self, path: &str) -> Error {
        match self.effect {
            Effect::Denied => Error::PermissionDenied { path: path.into(), source: "403 AccessDenied".into() },
            _ => Error::Generic {
                store: "interrupted",
                source: Box::new(io::Error::from(io::ErrorKind::ConnectionReset)),
            },
        }
    }

    /// `middle` does a part of what `go` does.
    async fn around<T>(
        &self,
        call: &'static str,
        path: &str,
        go: impl Future<Output = Result<T>>,
        middle: impl Future<Output = ()>,
    ) -> Result<T> {
        match self.hit(call, path) {
            None => go.await,
            Some(Effect::KillBefore) => std::process::abort(),
            Some(Effect::KillMiddle) => {
                middle.await;
                std::process::abort()
            }
            Some(Effect::KillAfter) => {
                let _ = go.await;
                std::process::abort()
            }
            Some(Effect::FailAfter) => {
                let _ = go.await;
                Err(self.error(path))
            }
            Some(Effect::FailBefore | Effect::Denied) => Err(self.error(path)),
            Some(Effect::Cut | Effect::Flip) => go.await,
        }
    }
}

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct Interrupted {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

impl Interrupted {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, plan: Arc<Plan>) -> Self {
        Self { inner, plan }
    }

    /// A folder's put writes a file beside the object's, and links or renames it when it is whole.
    fn put_half(&self, location: &Path, payload: &PutPayload) {
        let bytes: Vec<u8> = payload.iter().flatten().copied().collect();
        let file = self.plan.folder.join(format!("{location}#1"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interrupted {}", self.inner)
    }
}

async fn no_middle() {}

#[async_trait]
impl ObjectStore for Interrupted {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let middle = async { self.put_half(location, &payload) };
        let put = self.inner.put_opts(location, payload.clone(), opts);
        self.plan.around("put", location.as_ref(), put, middle).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(location, opts);
        let inner = self.plan.around("begin", location.as_ref(), begun, no_middle()).await?;
        Ok(Box::new(InterruptedUpload { inner, plan: Arc::clone(&self.plan) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_head = options.head;
        let read = self.inner.get_opts(location, options);
        let call = if is_head { "head" } else { "get" };
        let read = self.plan.around(call, location.as_ref(), read, no_middle()).await?;
        let is_wrong = self.plan.calls().len().checked_sub(1) == Some(self.plan.nth) && !is_head;
        match self.plan.effect {
            Effect::Cut | Effect::Flip if is_wrong => {
                let (meta, range, attributes) = (read.meta.clone(), read.range.clone(), read.attributes.clone());
                let mut bytes = read.bytes().await?.to_vec();
                let middle = bytes.len() / 2;
                match self.plan.effect {
                    Effect::Cut => bytes.truncate(middle),
                    _ => bytes[middle] ^= 1,
                }
                let payload = GetResultPayload::Stream(futures::stream::once(async { Ok(bytes.into()) }).boxed());
                Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
            }
            _ => Ok(read),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (store, plan) = (Arc::clone(&self.inner), Arc::clone(&self.plan));
        let delete = move |location: Result<Path>| {
            let (store, plan) = (Arc::clone(&store), Arc::clone(&plan));
            async move {
                let location = location?;
                plan.around("delete", location.as_ref(), store.delete(&location), no_middle()).await?;
                Ok(location)
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.plan.hit("list", prefix.map_or("", Path::as_ref)) {
            None | Some(Effect::Cut | Effect::Flip) => self.inner.list(prefix),
            Some(Effect::FailBefore | Effect::FailAfter | Effect::Denied) => {
                let error = self.plan.error("");
                futures::stream::once(async { Err(error) }).boxed()
            }
            Some(Effect::KillBefore | Effect::KillMiddle | Effect::KillAfter) => std::process::abort(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.plan.around("list", "", self.inner.list_with_delimiter(prefix), no_middle()).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.plan.around("copy", to.as_ref(), self.inner.copy_opts(from, to, options), no_middle()).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        // Without replacing, a folder renames by a link under the new name and the removal of the old one.
        let middle = async {
            let linked = CopyOptions { mode: CopyMode::Create, ..CopyOptions::default() };
            self.inner.copy_opts(from, to, linked).await.unwrap();
        };
        self.plan.around("rename", to.as_ref(), self.inner.rename_opts(from, to, options), middle).await
    }
}

#[derive(Debug)]
struct InterruptedUpload {
    inner: Box<dyn MultipartUpload>,
    plan: Arc<Plan>,
}

#[async_trait]
impl MultipartUpload for InterruptedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        // Counted here, where parts come one after the other, and not where they are sent, two at once.
        let hit = self.plan.hit("part", "");
        let sent = match hit {
            Some(Effect::KillMiddle) => {
                let bytes: Vec<u8> = data.iter().flatten().copied().collect();
                PutPayload::from(bytes[..bytes.len() / 2].to_vec())
            }
            _ => data,
        };
        let (plan, part) = (Arc::clone(&self.plan), self.inner.put_part(sent));
        Box::pin(async move {
            match hit {
                None | Some(Effect::Cut | Effect::Flip) => part.await,
                Some(Effect::KillBefore) => std::process::abort(),
                Some(Effect::KillMiddle | Effect::KillAfter) => {
                    part.await?;
                    std::process::abort()
                }
                Some(Effect::FailAfter) => {
                    part.await?;
                    Err(plan.error(""))
                }
                Some(Effect::FailBefore | Effect::Denied) => Err(plan.error("")),
            }
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let plan = Arc::clone(&self.plan);
        plan.around("complete", "", self.inner.complete(), no_middle()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        plan.around("abort", "", self.inner.abort(), no_middle()).await
    }
}
