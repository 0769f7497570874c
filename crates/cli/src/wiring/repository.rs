//! Opens repositories.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use object_store::ClientOptions;
use object_store::aws::resolve_bucket_region;
use object_store::memory::InMemory;
use parados_aws::Session;
use parados_backup::repository::{
    Completion, Objects, OpenOptions, Repository, RepositoryError, RepositoryUrl, S3Options, ServerSideEncryption,
};
use parados_parameter::{ParameterName, ParameterReference, ParameterStore, StoreErrorKind};

use crate::config::{RepositoryPlace, RepositorySettings};
use crate::error::{Failure, Result};

/// How long the question for a bucket's Region may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a repository is. Where a parameter names its bucket, `store` is asked.
pub(crate) async fn locate(place: &RepositoryPlace, store: Option<&dyn ParameterStore>) -> Result<RepositoryUrl> {
    let parameter = match place {
        RepositoryPlace::At(url) => return Ok(url.clone()),
        RepositoryPlace::Folder(path) => return Ok(RepositoryUrl::Folder(path.clone())),
        RepositoryPlace::BucketNamedBy(parameter) => parameter,
    };
    let Some(store) = store else { return Err(no_bucket(parameter)) };
    let name = ParameterName::parse(parameter)?;
    match store.get(&ParameterReference::newest(name)).await {
        // What it holds instead of a bucket's name may be a secret.
        Ok(found) => format!("s3://{}", found.value.reveal()).parse().map_err(|_| {
            Failure::configuration(format!("the parameter {parameter} does not hold the name of a bucket"))
                .hint("put the bucket's name into it, optionally with /PREFIX after it, and nothing else")
        }),
        Err(error) if error.kind == StoreErrorKind::ParameterNotFound => Err(no_bucket(parameter)),
        Err(error) => Err(Failure::from(error).while_doing("looking for the repository's bucket")),
    }
}

/// What is said where no repository is configured and the store does not name one either.
pub(crate) fn no_bucket(parameter: &str) -> Failure {
    Failure::configuration(format!("no repository is configured, and the parameter {parameter} does not name a bucket"))
        .hint("make a bucket: `aws s3 mb s3://NAME --region REGION`")
        .hint(format!("and name it: `printf NAME | parados parameter put {parameter} - --store aws`"))
        .hint("or say where snapshots go: `repository: s3://NAME` in parados.yaml, or --repository s3://NAME")
}

/// Whether AWS is needed to open it.
pub(crate) fn needs_session(url: &RepositoryUrl) -> bool {
    matches!(url, RepositoryUrl::S3(_))
}

/// The objects of a repository that is there.
pub(crate) async fn objects(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
) -> Result<Objects> {
    Ok(url.open(&options(url, settings, session, false).await)?)
}

/// Opens a repository, and makes it where there is none.
pub(crate) async fn open_or_init(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Repository> {
    let options = options(url, settings, session, true).await;
    Ok(Repository::open_or_init(url.open(&options)?, rand::random(), now).await?)
}

/// Opens a repository for a backup, which makes it where there is none, just before it writes the first object.
pub(crate) async fn open_or_begin(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Repository> {
    let options = options(url, settings, session, true).await;
    Ok(Repository::open_or_begin(url.open(&options)?, rand::random(), now).await?)
}

/// Opens a repository; nothing where there is none yet.
pub(crate) async fn open_existing(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
) -> Result<Option<Repository>> {
    let opened = match url.open(&options(url, settings, session, false).await) {
        Ok(objects) => Repository::open(objects).await,
        Err(error) => Err(error),
    };
    match opened {
        Err(RepositoryError::NotARepository { .. } | RepositoryError::FolderMissing { .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// Opens a repository to look at what a backup would find there, and writes nothing: one that is not there yet is only begun. Nothing where
/// there is no folder yet.
pub(crate) async fn open_to_examine(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Option<Repository>> {
    match url.open(&options(url, settings, session, false).await) {
        Err(RepositoryError::FolderMissing { .. }) => Ok(None),
        objects => Ok(Some(Repository::open_or_begin(objects?, rand::random(), now).await?)),
    }
}

/// Opens a repository for a dry run, which writes nothing: where there is none yet, an empty one in memory stands in for it.
pub(crate) async fn open_for_dry_run(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Repository> {
    match open_existing(url, settings, session).await? {
        Some(repository) => Ok(repository),
        None => {
            let objects = Objects::new(Arc::new(InMemory::new()), &url.to_string(), Completion::Checked);
            Ok(Repository::open_or_init(objects, rand::random(), now).await?)
        }
    }
}

/// Opens the copy of `source` at `url`, and begins it where there is none; for a dry run, one in memory stands in for that.
pub(crate) async fn open_copy(
    source: &Repository,
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    dry_run: bool,
) -> Result<Repository> {
    if dry_run && open_existing(url, settings, session).await?.is_none() {
        let objects = Objects::new(Arc::new(InMemory::new()), &url.to_string(), Completion::Checked);
        return Ok(source.open_copy(objects).await?);
    }
    Ok(source.open_copy(url.open(&options(url, settings, session, !dry_run).await)?).await?)
}

async fn options(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    create_folder: bool,
) -> OpenOptions {
    let region = match (&settings.region, session, url) {
        (Some(region), _, _) => region.clone(),
        (None, Some(session), RepositoryUrl::S3(bucket)) => bucket_region(&bucket.name, session).await,
        (None, _, _) => String::new(),
    };
    let s3 = session.map(|session| S3Options {
        credentials: session.object_store_credentials(),
        connector: Arc::new(session.object_store_connector()),
        region,
        endpoint: session.endpoint_url("S3"),
        use_fips: session.use_fips(),
        server_side_encryption: match &settings.s3_kms_key {
            Some(key) => ServerSideEncryption::AwsKms(key.clone()),
            None => ServerSideEncryption::Aes256,
        },
    });
    OpenOptions { s3, settings: object_storage_settings(), create_folder }
}

/// The settings of Google's and Azure's storage, which their own tools read from the environment too.
pub(crate) fn object_storage_settings() -> Vec<(String, String)> {
    let is_tool_s = |name: &str| ["GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
    std::env::vars().filter(|(name, _)| is_tool_s(name)).collect()
}

/// The Region that a bucket is in. S3 tells it to anybody; where it does not, the session's Region is as good a guess as any.
async fn bucket_region(bucket: &str, session: &Session) -> String {
    let is_public_endpoint =
        session.endpoint_url("S3").is_none() && !session.use_fips() && session.identity().partition == "aws";
    if is_public_endpoint {
        let options = ClientOptions::new().with_connect_timeout(ASK_TIMEOUT).with_timeout(ASK_TIMEOUT);
        match resolve_bucket_region(bucket, &options).await {
            Ok(region) => return region,
            Err(error) => tracing::debug!(bucket, %error, "the bucket's Region is not known"),
        }
    }
    session.region().to_owned()
}

#[cfg(test)]
mod tests {
    use parados_parameter::memory::MemoryStore;
    use parados_parameter::{PutRequest, SystemClock};

    use super::*;

    #[tokio::test]
    async fn what_stands_in_place_of_a_bucket_s_name_is_not_repeated() {
        let store = MemoryStore::new(Arc::new(SystemClock));
        let name = "/a/dev/backup/s3-bucket-name";
        let request = PutRequest::new(name.parse().unwrap(), "key:hunter2@host".to_owned().into());
        store.put(&request).await.unwrap();
        let failure = locate(&RepositoryPlace::BucketNamedBy(name.to_owned()), Some(&store)).await.unwrap_err();
        let text = failure.text();
        assert!(text.contains(name) && !text.contains("hunter2"), "{text}");
    }
}
