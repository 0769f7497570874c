//! The objects of a repository: where they are opened, and the few things that are done with them, each with its errors sorted.
//!
//! Nothing here deletes or overwrites, but [`Objects::replace`], which is for `latest.txt`, [`Objects::delete`], which is for
//! pruning, and the removal of a local file that was staged and never visible, as [`staged`](super::staged)'s.

use std::fs;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider, Checksum, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::HttpConnector;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    PutPayload, RetryConfig,
};
use parados_parameter::KeyId;
use tokio::task::spawn_blocking;

use super::error::sort;
use super::s3::ConditionalCompletion;
use super::{Access, Bucket, RepositoryError, RepositoryUrl};

/// What of a file is read at once: small enough to stay in a processor's cache on its way from thread to thread.
const BLOCK_BYTES: usize = 128 * 1024;

/// How a repository is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// For `s3://`, where it is required.
    pub s3: Option<S3Options>,
    /// For `gs://` and `az://`: settings under the names that their own tools read from the environment
    /// (`GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, …). Other names are read over.
    pub settings: Vec<(String, String)>,
    /// For a folder: whether it is made when it is not there. It is then of mode 0700, which keeps others from all that is
    /// in it, whatever mode its files are of.
    pub create_folder: bool,
}

/// How S3 is spoken to.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// Who signs.
    pub credentials: AwsCredentialProvider,
    /// What carries the requests.
    pub connector: Arc<dyn HttpConnector>,
    /// The bucket's Region.
    pub region: String,
    /// Where S3 is, when it is not AWS's own for the Region. `http://` is allowed here.
    pub endpoint: Option<String>,
    /// Whether AWS's own endpoint is the one whose cryptography is validated under FIPS 140.
    pub use_fips: bool,
    /// What each upload asks for.
    pub server_side_encryption: ServerSideEncryption,
}

/// How S3 encrypts what it stores: the header `x-amz-server-side-encryption` of every upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerSideEncryption {
    /// `AES256`: under a key of S3's own.
    #[default]
    Aes256,
    /// `aws:kms`: under this key.
    AwsKms(KeyId),
}

/// How an object of many parts is completed without replacing one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The store refuses it (S3: `If-None-Match: *`).
    Conditional,
    /// It is put together under `.staging/` and hard-linked to its name, which fails when the name is taken (a folder).
    Staged,
    /// The name is looked up just before. Of two at the same instant the later one would win (Google, Azure: their
    /// completions take no condition). The keys of data objects bear a time and an environment, and the manifest holds
    /// the digest, so that a replaced one would be noticed.
    Checked,
}

/// The objects of a repository.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    location: Arc<str>,
    completion: Completion,
    /// For messages: where the bucket has to be.
    region: Option<Arc<str>>,
    /// Where the files are, when they are in a folder.
    folder: Option<Arc<std::path::Path>>,
}

/// The size, the beginning and the end of what was written: tells our own object from another's without reading it whole.
#[derive(Debug, Default)]
pub(super) struct Ends {
    size: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Ends {
    /// The headers of a document and of its sealing are shorter.
    const KEPT_BYTES: usize = 4096;

    /// Takes what was written next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        let room = (Self::KEPT_BYTES - self.first.len()).min(bytes.len());
        self.first.extend_from_slice(&bytes[..room]);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(Self::KEPT_BYTES)..]);
        self.last.drain(..self.last.len().saturating_sub(Self::KEPT_BYTES));
    }
}

impl Objects {
    /// The objects in `store`, called `location` in messages.
    pub fn new(store: Arc<dyn ObjectStore>, location: &str, completion: Completion) -> Self {
        Self { store, location: location.into(), completion, region: None, folder: None }
    }

    /// The URL, for messages.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The folder that they are in; none of a bucket's.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    pub(super) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    pub(super) fn completion(&self) -> Completion {
        self.completion
    }

    pub(super) fn error(&self, access: Access, key: &Path, source: object_store::Error) -> RepositoryError {
        let mut error = sort(access, key.as_ref(), &self.location, source);
        if let RepositoryError::BucketMissing { region, .. } = &mut error {
            *region = self.region.as_deref().map(ToOwned::to_owned);
        }
        error
    }

    /// Reads an object of at most `limit` bytes whole.
    pub(crate) async fn read(&self, key: &Path, limit: u64) -> Result<Bytes, RepositoryError> {
        let error = |source| self.error(Access::Read, key, source);
        let result = self.store.get(key).await.map_err(error)?;
        if result.meta.size > limit {
            return Err(RepositoryError::Damaged {
                key: key.to_string(),
                repository: self.location.to_string(),
                reason: format!("it has {} bytes, and at most {limit} are expected", result.meta.size),
            });
        }
        result.bytes().await.map_err(error)
    }

    /// Reads at most the first `length` bytes of an object.
    pub(super) async fn read_beginning(&self, key: &Path, length: u64) -> Result<Bytes, RepositoryError> {
        self.read_range(key, 0..length).await
    }

    async fn read_range(&self, key: &Path, range: Range<u64>) -> Result<Bytes, RepositoryError> {
        let error = |source| self.error(Access::Read, key, source);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        self.store.get_opts(key, options).await.map_err(error)?.bytes().await.map_err(error)
    }

    /// Reads an object piece by piece.
    pub(super) async fn stream(
        &self,
        key: &Path,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError> {
        let result = self.store.get(key).await.map_err(|source| self.error(Access::Read, key, source))?;
        let (objects, key) = (self.clone(), key.clone());
        let error = move |source| objects.error(Access::Read, &key, source);
        Ok(match result.payload {
            GetResultPayload::File(file, _) => blocks(file).map_err(move |source| error(in_folder(source))).boxed(),
            GetResultPayload::Stream(stream) => stream.map_err(error).boxed(),
        })
    }

    /// Lists the objects under `prefix`, in no order.
    pub(crate) fn list(&self, prefix: &Path) -> BoxStream<'static, Result<ObjectMeta, RepositoryError>> {
        let (objects, subject) = (self.clone(), prefix.clone());
        self.store.list(Some(prefix)).map_err(move |source| objects.error(Access::List, &subject, source)).boxed()
    }

    /// The size of an object.
    pub(super) async fn size(&self, key: &Path) -> Result<u64, RepositoryError> {
        let head = self.store.head(key).await;
        head.map(|meta| meta.size).map_err(|source| self.error(Access::Read, key, source))
    }

    /// Whether there is an object of this key.
    pub(super) async fn exists(&self, key: &Path) -> Result<bool, RepositoryError> {
        match self.size(key).await {
            Ok(_) => Ok(true),
            Err(RepositoryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes an object that is not there yet. An answer that was lost is looked up: the object is there when it holds
    /// exactly these bytes, whichever attempt wrote them.
    ///
    /// # Errors
    /// [`RepositoryError::AlreadyExists`] when there is one with other content; [`RepositoryError::CommitUnknown`] when the
    /// write failed in a way that leaves open whether it happened, and reading it back failed too; every other error says
    /// that it did not happen.
    pub(super) async fn create(&self, key: &Path, payload: PutPayload) -> Result<(), RepositoryError> {
        let put = self.store.put_opts(key, payload.clone(), PutMode::Create.into()).await;
        let error = match put.map_err(|source| self.error(Access::Write, key, source)) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let taken = matches!(error, RepositoryError::AlreadyExists { .. });
        if !taken && !error.leaves_a_write_open() {
            return Err(error);
        }
        match self.holds(key, &payload).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(error),
            Err(_) if taken => Err(error),
            Err(_) => Err(RepositoryError::CommitUnknown {
                key: key.to_string(),
                repository: self.location.to_string(),
                source: Box::new(error),
            }),
        }
    }

    /// Opens an upload of `key`, which is to be given up: whether writing is allowed, and nothing is written.
    pub(super) async fn try_upload(&self, key: &Path) -> Result<Box<dyn MultipartUpload>, RepositoryError> {
        self.store.put_multipart(key).await.map_err(|source| self.error(Access::Write, key, source))
    }

    /// Whether the object holds exactly `payload`.
    async fn holds(&self, key: &Path, payload: &PutPayload) -> Result<bool, RepositoryError> {
        let mut expected = payload.iter().flat_map(|chunk| chunk.iter());
        let mut stored = match self.stream(key).await {
            Ok(stored) => stored,
            Err(RepositoryError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        while let Some(chunk) = stored.try_next().await? {
            if !chunk.iter().all(|byte| expected.next() == Some(byte)) {
                return Ok(false);
            }
        }
        Ok(expected.next().is_none())
    }

    /// Whether the object has these ends. What was written is not empty.
    pub(super) async fn has_ends(&self, key: &Path, ends: &Ends) -> Result<bool, RepositoryError> {
        let meta = self.store.head(key).await.map_err(|source| self.error(Access::Read, key, source))?;
        Ok(meta.size == ends.size
            && self.read_range(key, 0..ends.first.len() as u64).await? == ends.first
            && self.read_range(key, ends.size - ends.last.len() as u64..ends.size).await? == ends.last)
    }

    /// Deletes an object. That there is none is as good.
    ///
    /// Only what pruning takes away comes here: marks, locks, and what a removal names that was written before.
    pub(super) async fn delete(&self, key: &Path) -> Result<(), RepositoryError> {
        match self.store.delete(key).await.map_err(|source| self.error(Access::Delete, key, source)) {
            Err(RepositoryError::NotFound { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// When an object was written, by the place's clock.
    pub(super) async fn modified_at(&self, key: &Path) -> Result<Timestamp, RepositoryError> {
        self.look(key).await.map(|(_, written_at)| written_at)
    }

    /// The size of an object, and when it was written, by the place's clock.
    pub(super) async fn look(&self, key: &Path) -> Result<(u64, Timestamp), RepositoryError> {
        let meta = self.store.head(key).await.map_err(|source| self.error(Access::Read, key, source))?;
        Ok((meta.size, Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or(Timestamp::MIN)))
    }

    /// The last key under `prefix` that comes after `offset`, which the place need not have.
    pub(super) async fn newest_after(&self, prefix: &Path, offset: &Path) -> Result<Option<Path>, RepositoryError> {
        let listed = self.store.list_with_offset(Some(prefix), offset);
        let listed = listed.map_err(|source| self.error(Access::List, prefix, source));
        listed.try_fold(None, |last: Option<Path>, meta| std::future::ready(Ok(last.max(Some(meta.location))))).await
    }

    /// Writes an object whether or not it is there.
    pub(super) async fn replace(&self, key: &Path, payload: PutPayload) -> Result<(), RepositoryError> {
        let put = self.store.put(key, payload).await;
        put.map(drop).map_err(|source| self.error(Access::Write, key, source))
    }
}

impl RepositoryUrl {
    /// Opens the place. Nothing is read yet, and nothing written but a folder that is missing and wanted.
    ///
    /// # Errors
    /// [`RepositoryError::Configuration`], [`RepositoryError::FolderMissing`], [`RepositoryError::Folder`].
    pub fn open(&self, options: &OpenOptions) -> Result<Objects, RepositoryError> {
        let location = self.to_string();
        let configuration = |error: object_store::Error| RepositoryError::Configuration {
            repository: self.to_string(),
            reason: error.to_string(),
        };
        let (store, completion): (Arc<dyn ObjectStore>, _) = match self {
            Self::S3(bucket) => {
                let s3 = options.s3.as_ref().ok_or_else(|| RepositoryError::Configuration {
                    repository: location.clone(),
                    reason: "it needs AWS credentials and a Region".into(),
                })?;
                (prefixed(open_s3(bucket, s3).map_err(configuration)?, bucket), Completion::Conditional)
            }
            Self::Google(bucket) => {
                let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(&bucket.name).with_retry(retry());
                for (name, value) in &options.settings {
                    if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                (prefixed(builder.build().map_err(configuration)?, bucket), Completion::Checked)
            }
            Self::Azure(bucket) => {
                let mut builder = MicrosoftAzureBuilder::new().with_container_name(&bucket.name).with_retry(retry());
                for (name, value) in &options.settings {
                    if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>() {
                        builder = builder.with_config(key, value);
                    }
                }
                (prefixed(builder.build().map_err(configuration)?, bucket), Completion::Checked)
            }
            Self::Folder(path) => {
                let folder = |source| RepositoryError::Folder { path: path.clone(), source };
                if options.create_folder {
                    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(folder)?;
                } else if !path.try_exists().map_err(folder)? {
                    return Err(RepositoryError::FolderMissing { path: path.clone() });
                }
                let store = LocalFileSystem::new_with_prefix(path).map_err(configuration)?.with_fsync(true);
                (Arc::new(store), Completion::Staged)
            }
        };
        let region = options.s3.as_ref().filter(|_| matches!(self, Self::S3(_))).map(|s3| s3.region.as_str().into());
        let folder = self.folder().map(Arc::from);
        Ok(Objects { region, folder, ..Objects::new(store, &location, completion) })
    }
}

fn open_s3(bucket: &Bucket, options: &S3Options) -> object_store::Result<object_store::aws::AmazonS3> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&bucket.name)
        .with_region(&options.region)
        .with_credentials(Arc::clone(&options.credentials))
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // A bucket whose object lock retains by default refuses an upload without one.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_http_connector(ConditionalCompletion(Arc::clone(&options.connector)))
        // Few objects are deleted, and not every store knows how to delete many at once.
        .with_disable_bulk_delete(true)
        .with_retry(retry());
    builder = match &options.server_side_encryption {
        ServerSideEncryption::Aes256 => {
            let key: AmazonS3ConfigKey = "aws_server_side_encryption".parse()?;
            builder.with_config(key, "AES256")
        }
        ServerSideEncryption::AwsKms(key) => builder.with_sse_kms_encryption(key.as_str()),
    };
    if let Some(endpoint) = endpoint(options) {
        builder =
            builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(endpoint.starts_with("http://"));
    }
    builder.build()
}

/// Where S3 is, where that is not what the library would say: it knows the common endpoints of AWS's main partition only.
fn endpoint(options: &S3Options) -> Option<String> {
    let S3Options { region, endpoint, use_fips, .. } = options;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    match endpoint {
        Some(endpoint) => Some(endpoint.clone()),
        None if *use_fips => Some(format!("https://s3-fips.{region}.{domain}")),
        None if region.starts_with("cn-") => Some(format!("https://s3.{region}.{domain}")),
        None => None,
    }
}

/// A file in blocks, each of which is read on a thread that may block. The crate's own are of 8 KiB: the threads would do little else than
/// wake one another.
fn blocks(file: fs::File) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(file, async |file| {
        let read = move || {
            let mut block = Vec::with_capacity(BLOCK_BYTES);
            (&file).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
            Ok((!block.is_empty()).then(|| (Bytes::from(block), file)))
        };
        spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    })
}

/// A folder's error, as the crate tells it.
fn in_folder(source: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: source.into() }
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(120), ..RetryConfig::default() }
}

fn prefixed(store: impl ObjectStore, bucket: &Bucket) -> Arc<dyn ObjectStore> {
    match bucket.prefix.as_str() {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use object_store::client::ReqwestConnector;

    use super::*;

    #[test]
    fn a_folder_is_made_only_when_wanted_and_then_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let url = RepositoryUrl::Folder(path.clone());
        let error = url.open(&OpenOptions::default()).unwrap_err();
        assert!(matches!(error, RepositoryError::FolderMissing { .. }), "{error}");
        url.open(&OpenOptions { create_folder: true, ..OpenOptions::default() }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        url.open(&OpenOptions::default()).unwrap();
        // Who may read one that is there is its owner's choice.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        url.open(&OpenOptions { create_folder: true, ..OpenOptions::default() }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);

        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let below = RepositoryUrl::Folder(file.join("x"));
        let error = below.open(&OpenOptions { create_folder: true, ..OpenOptions::default() }).unwrap_err();
        assert!(matches!(error, RepositoryError::Folder { .. }), "{error}");
    }

    #[test]
    fn s3_is_where_the_region_and_fips_say_and_elsewhere_when_told() {
        let credentials: AwsCredentialProvider =
            Arc::new(object_store::StaticCredentialProvider::new(object_store::aws::AwsCredential {
                key_id: "k".into(),
                secret_key: "s".into(),
                token: None,
            }));
        let at = |region: &str, use_fips, told: Option<&str>| {
            let server_side_encryption = ServerSideEncryption::Aes256;
            let (region, told) = (region.to_owned(), told.map(ToOwned::to_owned));
            let credentials = Arc::clone(&credentials);
            let connector = Arc::new(ReqwestConnector::default());
            endpoint(&S3Options { credentials, connector, region, endpoint: told, use_fips, server_side_encryption })
        };
        assert_eq!(at("eu-west-1", false, None), None);
        assert_eq!(at("us-gov-west-1", true, None).unwrap(), "https://s3-fips.us-gov-west-1.amazonaws.com");
        assert_eq!(at("us-east-1", true, None).unwrap(), "https://s3-fips.us-east-1.amazonaws.com");
        assert_eq!(at("cn-north-1", false, None).unwrap(), "https://s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(at("us-east-1", true, Some("http://here")).unwrap(), "http://here");
    }

    #[test]
    fn s3_needs_its_options_and_the_others_theirs() {
        for (url, what) in [("s3://b", "credentials"), ("az://c", "ccount")] {
            let error = RepositoryUrl::parse(url).unwrap().open(&OpenOptions::default()).unwrap_err();
            assert!(
                matches!(error, RepositoryError::Configuration { .. }) && error.to_string().contains(what),
                "{error}"
            );
        }
        let settings = vec![("AZURE_STORAGE_ACCOUNT_NAME".into(), "a".into()), ("HOME".into(), "/".into())];
        RepositoryUrl::parse("az://c/p").unwrap().open(&OpenOptions { settings, ..OpenOptions::default() }).unwrap();
    }
}
