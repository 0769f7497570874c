//! Writing a data object of any size in flat memory.
//!
//! Owns the hand-over from a thread that compresses and seals to the tasks that send. At most three parts are in memory: two
//! on their way and the one that is being filled.

use std::io;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, PutPayloadMut};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::layout;
use super::objects::{Completion, Ends, Objects};
use super::{Access, RepositoryError};

/// The size of a part. S3 allows 10,000 of them: 78 GiB.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// The size of the blocks that a part consists of.
const BLOCK_BYTES: usize = 64 * 1024;
/// How many parts are on their way at once.
const PARTS_IN_FLIGHT: usize = 2;
/// How many taken seconds an upload passes over before it gives up.
const MAX_MOVES: u32 = 1000;

/// A data object that is written and visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The key under which it stands: the one that was asked for, or a later second's when that was taken meanwhile.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// An object that is being written: a [`Write`](io::Write) for the thread that makes its bytes.
///
/// It becomes visible when [`finish`](Self::finish) returns, whole, and only where there was none of that key: when another
/// process took the key of a data object meanwhile, it stands under the next second's that is free. Dropped or
/// aborted before that, nothing of it is ever visible; what was sent is taken back in the background. (A process that is
/// killed can leave parts behind that no listing shows: in S3 until a lifecycle rule removes them, in a folder until they are [swept](super::StagedFile).)
///
/// [`write`](io::Write::write) waits while two parts are on their way, so it belongs into `spawn_blocking`; it panics in a
/// task.
#[derive(Debug)]
pub struct Upload {
    key: Path,
    part: PutPayloadMut,
    part_bytes: usize,
    size: u64,
    runtime: Handle,
    permits: Arc<Semaphore>,
    messages: Option<mpsc::UnboundedSender<Message>>,
    sender: Option<JoinHandle<Result<Path, RepositoryError>>>,
}

enum Message {
    Part(PutPayload, OwnedSemaphorePermit),
    Finish(PutPayload),
}

impl Upload {
    /// `moves` is whether it may come to stand under a later second's key.
    pub(super) fn start(objects: Objects, key: Path, staging: Path, part_bytes: usize, moves: bool) -> Self {
        let runtime = Handle::current();
        let (messages, receiver) = mpsc::unbounded_channel();
        let moves_left = if moves { MAX_MOVES } else { 0 };
        let sending = Sending { objects, key: key.clone(), staging, ends: Ends::default(), moves_left };
        let sender = Some(runtime.spawn(sending.run(receiver)));
        let permits = Arc::new(Semaphore::new(PARTS_IN_FLIGHT));
        Self { key, part: empty_part(), part_bytes, size: 0, runtime, permits, messages: Some(messages), sender }
    }

    /// The key that was asked for.
    pub fn key(&self) -> &str {
        self.key.as_ref()
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Sends the rest and makes the object visible.
    ///
    /// # Errors
    /// [`RepositoryError::AlreadyExists`] when there is one and the upload cannot move to another key: its key bears no second,
    /// or it is of many parts in a bucket, where the name is fixed with the first part. And whatever went wrong with a part.
    /// Nothing is visible then, except that an error of the last call itself may leave an object behind that no manifest names.
    pub async fn finish(mut self) -> Result<Finished, RepositoryError> {
        let rest = self.take_part();
        if let Some(messages) = self.messages.take() {
            // An error here means that the sender ended early: it says why below.
            let _ = messages.send(Message::Finish(rest));
        }
        let key = self.sender_result().await?;
        Ok(Finished { key: key.into(), size: self.size })
    }

    /// Gives the upload up and waits until what was sent is taken back.
    pub async fn abort(mut self) {
        self.messages = None;
        let _ = self.sender_result().await;
    }

    async fn sender_result(&mut self) -> Result<Path, RepositoryError> {
        match self.sender.take() {
            Some(sender) => sender.await.unwrap_or_else(|_| Err(self.unfinished())),
            None => Err(self.unfinished()),
        }
    }

    fn unfinished(&self) -> RepositoryError {
        RepositoryError::Unfinished { key: self.key.to_string() }
    }

    fn take_part(&mut self) -> PutPayload {
        std::mem::replace(&mut self.part, empty_part()).freeze()
    }

    fn send_part(&mut self) -> io::Result<()> {
        let permits = Arc::clone(&self.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.runtime.clone().block_on(permits.acquire_owned()).ok(),
        };
        let part = self.take_part();
        let sent = match (permit, &self.messages) {
            (Some(permit), Some(messages)) => messages.send(Message::Part(part, permit)).is_ok(),
            _ => false,
        };
        match sent {
            true => Ok(()),
            false => {
                self.messages = None;
                let error = self.runtime.clone().block_on(self.sender_result()).err();
                Err(io::Error::other(error.unwrap_or_else(|| self.unfinished())))
            }
        }
    }
}

impl io::Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.content_length() == self.part_bytes {
            self.send_part()?;
        }
        let count = bytes.len().min(self.part_bytes - self.part.content_length());
        self.part.extend_from_slice(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The task that sends.
struct Sending {
    objects: Objects,
    key: Path,
    staging: Path,
    /// What was sent in parts.
    ends: Ends,
    moves_left: u32,
}

impl Sending {
    /// Sends what comes. The key under which it stands.
    async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) -> Result<Path, RepositoryError> {
        match messages.recv().await {
            None => return Err(self.unfinished()),
            Some(Message::Finish(payload)) => self.create(payload).await?,
            Some(Message::Part(part, permit)) => self.run_parts((part, permit), messages).await?,
        }
        Ok(self.key)
    }

    /// Writes an object of one part, under the next second's key when another took this one.
    async fn create(&mut self, payload: PutPayload) -> Result<(), RepositoryError> {
        while let Err(error) = self.objects.create(&self.key, payload.clone()).await {
            self.move_on(error).await?;
        }
        Ok(())
    }

    async fn run_parts(
        &mut self,
        first: (PutPayload, OwnedSemaphorePermit),
        messages: mpsc::UnboundedReceiver<Message>,
    ) -> Result<(), RepositoryError> {
        let name = match self.objects.completion() {
            Completion::Staged => &self.staging,
            Completion::Conditional | Completion::Checked => {
                // The name cannot be changed later, and the key may have been chosen long ago.
                self.find_free_key().await?;
                &self.key
            }
        };
        let mut upload = self.objects.store().put_multipart(name).await.map_err(|error| self.error(error))?;
        let result = match self.send_parts(&mut *upload, first, messages).await {
            Ok(()) => self.complete(&mut *upload).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            // Best effort: what stays behind is not visible.
            let _ = upload.abort().await;
        }
        result
    }

    async fn send_parts(
        &mut self,
        upload: &mut dyn MultipartUpload,
        first: (PutPayload, OwnedSemaphorePermit),
        mut messages: mpsc::UnboundedReceiver<Message>,
    ) -> Result<(), RepositoryError> {
        let mut in_flight = FuturesUnordered::new();
        let (part, permit) = first;
        in_flight.push(self.send(upload, part, Some(permit)));
        let mut finished = false;
        while !(finished && in_flight.is_empty()) {
            tokio::select! {
                Some(sent) = in_flight.next(), if !in_flight.is_empty() => sent.map_err(|error| self.error(error))?,
                message = messages.recv(), if !finished => match message {
                    Some(Message::Part(part, permit)) => in_flight.push(self.send(upload, part, Some(permit))),
                    Some(Message::Finish(rest)) => {
                        finished = true;
                        if rest.content_length() > 0 {
                            in_flight.push(self.send(upload, rest, None));
                        }
                    }
                    None => return Err(self.unfinished()),
                },
            }
        }
        Ok(())
    }

    /// Sends one part; the permit is given back when it has arrived.
    fn send(
        &mut self,
        upload: &mut dyn MultipartUpload,
        part: PutPayload,
        permit: Option<OwnedSemaphorePermit>,
    ) -> BoxFuture<'static, object_store::Result<()>> {
        part.iter().for_each(|block| self.ends.push(block));
        let sent = upload.put_part(part);
        async move {
            let result = sent.await;
            drop(permit);
            result
        }
        .boxed()
    }

    async fn complete(&mut self, upload: &mut dyn MultipartUpload) -> Result<(), RepositoryError> {
        match self.objects.completion() {
            Completion::Staged => {
                upload.complete().await.map_err(|error| self.error(error))?;
                let linked = self.link().await;
                if linked.is_err() {
                    // Never visible under its name.
                    let _ = self.objects.store().delete(&self.staging).await;
                }
                return linked;
            }
            Completion::Checked if self.objects.exists(&self.key).await? => return Err(self.taken()),
            Completion::Checked | Completion::Conditional => {}
        }
        match upload.complete().await {
            Ok(_) => Ok(()),
            Err(error) => self.look_up(self.error(error)).await,
        }
    }

    /// Gives the staged file its name, the next second's when another took this one.
    async fn link(&mut self) -> Result<(), RepositoryError> {
        loop {
            match self.objects.store().rename_if_not_exists(&self.staging, &self.key).await {
                Ok(()) => return Ok(()),
                Err(error) => match self.error(error) {
                    error @ RepositoryError::AlreadyExists { .. } => self.move_on(error).await?,
                    error => return self.look_up(error).await,
                },
            }
        }
    }

    /// After a completion that failed: whether it happened all the same. When its answer is lost it is asked for again, and
    /// the store then says that the name is taken, or that it knows no such upload. The object is ours when it has the size,
    /// the beginning and the end of what was sent: these hold what no other backup has, the snapshot's id or the random bytes
    /// of the sealing. Otherwise, and when that cannot be read, the completion's error stays.
    async fn look_up(&self, error: RepositoryError) -> Result<(), RepositoryError> {
        let open = matches!(error, RepositoryError::AlreadyExists { .. } | RepositoryError::NotFound { .. })
            || error.leaves_a_write_open();
        match open && self.objects.has_ends(&self.key, &self.ends).await.unwrap_or(false) {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// After `error`: when it says that the key is taken, goes to the next one that is free.
    async fn move_on(&mut self, error: RepositoryError) -> Result<(), RepositoryError> {
        match (&error, layout::next_data_key(&self.key)) {
            (RepositoryError::AlreadyExists { .. }, Some(next)) if self.moves_left > 0 => {
                self.moves_left -= 1;
                self.key = next;
                self.find_free_key().await
            }
            _ => Err(error),
        }
    }

    /// Goes to the first key from this one on that is not taken. One that may not be looked up counts as free, and the
    /// create-only write decides.
    async fn find_free_key(&mut self) -> Result<(), RepositoryError> {
        loop {
            match self.objects.exists(&self.key).await {
                Ok(false) | Err(RepositoryError::Denied { .. }) => return Ok(()),
                Ok(true) => {}
                Err(error) => return Err(error),
            }
            match layout::next_data_key(&self.key) {
                Some(next) if self.moves_left > 0 => {
                    self.moves_left -= 1;
                    self.key = next;
                }
                _ => return Err(self.taken()),
            }
        }
    }

    fn error(&self, error: object_store::Error) -> RepositoryError {
        self.objects.error(Access::Write, &self.key, error)
    }

    fn taken(&self) -> RepositoryError {
        RepositoryError::AlreadyExists { key: self.key.to_string(), repository: self.objects.location().into() }
    }

    fn unfinished(&self) -> RepositoryError {
        RepositoryError::Unfinished { key: self.key.to_string() }
    }
}

/// Grows by small blocks: a buffer that grew as a whole would be moved again and again, and leave holes of its earlier sizes.
fn empty_part() -> PutPayloadMut {
    PutPayloadMut::new().with_block_size(BLOCK_BYTES)
}
