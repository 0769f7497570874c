//! Opens repositories.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use jiff::Timestamp;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::memory::InMemory;
use parados_aws::Session;
use parados_backup::repository::{
    Completion, Objects, OpenOptions, Repository, RepositoryError, RepositoryUrl, S3Options, ServerSideEncryption,
};
use parados_parameter::{ParameterName, ParameterReference, ParameterStore, StoreErrorKind};

use crate::config::{RepositoryPlace, RepositorySettings};
use crate::error::{Failure, Result};

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
        Ok(parameter) => Ok(format!("s3://{}", parameter.value.reveal()).parse::<RepositoryUrl>()?),
        Err(error) if error.kind == StoreErrorKind::ParameterNotFound => Err(no_bucket(parameter)),
        Err(error) => Err(Failure::from(error).while_doing("looking for the repository's bucket")),
    }
}

/// What is said where no repository is configured and the store does not name one either.
pub(crate) fn no_bucket(parameter: &str) -> Failure {
    Failure::configuration(format!("no repository is configured, and the parameter {parameter} does not name a bucket"))
        .hint("make a bucket: `aws s3api create-bucket --bucket NAME --create-bucket-configuration LocationConstraint=REGION`")
        .hint(format!("and name it: `printf NAME | parados parameter put {parameter} - --store aws`"))
        .hint("or say where snapshots go: `repository: s3://NAME` in parados.yaml, or --repository s3://NAME")
}

/// Whether AWS is needed to open it.
pub(crate) fn needs_session(url: &RepositoryUrl) -> bool {
    matches!(url, RepositoryUrl::S3(_))
}

/// Opens a repository that is there.
pub(crate) async fn open(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
) -> Result<Repository> {
    Ok(Repository::open(url.open(&options(settings, session, false))?).await?)
}

/// Opens a repository, and makes it where there is none.
pub(crate) async fn open_or_init(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
    now: Timestamp,
) -> Result<Repository> {
    Ok(Repository::open_or_init(url.open(&options(settings, session, true))?, rand::random(), now).await?)
}

/// Opens a repository; nothing where there is none yet.
pub(crate) async fn open_existing(
    url: &RepositoryUrl,
    settings: &RepositorySettings,
    session: Option<&Session>,
) -> Result<Option<Repository>> {
    let opened = match url.open(&options(settings, session, false)) {
        Ok(objects) => Repository::open(objects).await,
        Err(error) => Err(error),
    };
    match opened {
        Err(RepositoryError::NotARepository { .. } | RepositoryError::FolderMissing { .. }) => Ok(None),
        other => Ok(Some(other?)),
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

fn options(settings: &RepositorySettings, session: Option<&Session>, create_folder: bool) -> OpenOptions {
    let s3 = session.map(|session| S3Options {
        credentials: Arc::new(SessionCredentials(session.credentials())),
        region: settings.region.clone().unwrap_or_else(|| session.region().to_owned()),
        endpoint: session.endpoint_url("S3"),
        server_side_encryption: match &settings.s3_kms_key {
            Some(key) => ServerSideEncryption::AwsKms(key.clone()),
            None => ServerSideEncryption::Aes256,
        },
    });
    let is_tool_s = |name: &str| ["GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
    let settings = std::env::vars().filter(|(name, _)| is_tool_s(name)).collect();
    OpenOptions { s3, settings, create_folder }
}

/// The session's credentials, as the object store asks for them before each request.
struct SessionCredentials(SharedCredentialsProvider);

impl fmt::Debug for SessionCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCredentials")
    }
}

#[async_trait]
impl CredentialProvider for SessionCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self
            .0
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(ToOwned::to_owned),
        }))
    }
}
