//! The way to one account and Region: the clients of its services, and the one door that every call goes through.
//!
//! The door retries what passes by itself, turns what the SDK says into [`CallError`], and lets tests fail any call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use parados_aws::{Failure, Session};
use parados_parameter::{SharedStore, StoreError, StoreErrorKind};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::object_storage::ObjectStorage;

/// The outcome of a call.
pub type Result<T, E = CallError> = std::result::Result<T, E>;

/// How long what passes by itself is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The longest that one call is tried again. S3 says OperationAborted for minutes after a bucket of the name was deleted.
    pub budget: Duration,
    /// The first pause; each further one is twice as long, up to [`Self::MAX_PAUSE`].
    pub first_pause: Duration,
}

impl Patience {
    /// The longest pause between two tries.
    pub const MAX_PAUSE: Duration = Duration::from_secs(15);
}

impl Default for Patience {
    fn default() -> Self {
        Self { budget: Duration::from_secs(600), first_pause: Duration::from_millis(200) }
    }
}

/// Fails calls that it is told to: for tests.
pub trait CallGate: Send + Sync + fmt::Debug {
    /// Asked before `operation` is called: an error keeps the call from being made.
    ///
    /// # Errors
    /// Whatever the call is to fail with.
    fn before(&self, operation: &'static str) -> Result<(), &'static str>;

    /// Asked when `operation` has been done: an error stands in the place of its answer.
    ///
    /// # Errors
    /// Whatever the call is to fail with.
    fn after(&self, operation: &'static str) -> Result<(), &'static str>;
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation} {subject}: {}{message}", .code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct CallError {
    /// The operation, as IAM calls it: `s3:PutBucketPolicy`.
    pub operation: &'static str,
    /// What it was for.
    pub subject: String,
    /// The service's error code.
    pub code: Option<String>,
    /// The service's own words.
    pub message: String,
    /// What a caller can act on.
    pub kind: StoreErrorKind,
    /// Whether an earlier try failed without telling if it was done.
    pub(crate) may_be_done: bool,
}

impl CallError {
    /// An error that no service gave.
    pub(crate) fn new(
        operation: &'static str,
        subject: &str,
        kind: StoreErrorKind,
        message: impl Into<String>,
    ) -> Self {
        Self { operation, subject: subject.to_owned(), code: None, message: message.into(), kind, may_be_done: false }
    }

    /// Whether the service answered with one of `codes`.
    pub(crate) fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }

    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self.kind {
            StoreErrorKind::AccessDenied => {
                let service = self.operation.split(':').next().unwrap_or_default();
                let bucket = match service {
                    "s3" => "; a bucket of this name may also be another account's: names of buckets are everybody's",
                    _ => "",
                };
                vec![format!("grant {} to who runs this{bucket}", self.operation)]
            }
            _ if self.is(&["BucketAlreadyExists"]) => {
                vec!["another account has a bucket of this name; declare another `name`".to_owned()]
            }
            _ if self.is(&[
                "PermanentRedirect",
                "AuthorizationHeaderMalformed",
                "IllegalLocationConstraintException",
            ]) =>
            {
                vec!["the bucket is in another Region; declare a `target` with that Region".to_owned()]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the same call may well succeed later.
    fn passes(&self) -> bool {
        use StoreErrorKind as Kind;
        const CODES: [&str; 9] = [
            "OperationAborted",
            "ContainerBeingDeleted",
            "ConcurrentModification",
            "ConcurrentModificationException",
            "SlowDown",
            "RequestTimeout",
            "InternalError",
            "ServiceUnavailable",
            "TooManyUpdates",
        ];
        self.is(&CODES)
            || matches!(
                self.kind,
                Kind::Throttling | Kind::Timeout | Kind::Connection | Kind::InternalServerError | Kind::TooManyUpdates
            )
    }

    /// Whether what was called may have been done all the same.
    fn is_of_unknown_outcome(&self) -> bool {
        use StoreErrorKind as Kind;
        self.is(&["RequestTimeout", "InternalError", "ServiceUnavailable"])
            || matches!(self.kind, Kind::Timeout | Kind::Connection | Kind::InternalServerError)
    }

    /// Whether it is what AWS says while something that was just made is not known everywhere yet.
    fn passes_once_settled(&self) -> bool {
        self.is(&["NoSuchBucket", "NoSuchEntity"])
            || (self.is(&["MalformedPolicy", "MalformedPolicyDocument", "MalformedPolicyDocumentException"])
                && self.message.to_lowercase().contains("principal"))
    }
}

/// One account and Region, with what calls need.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The clients of AWS, where the place is in AWS.
    aws: Option<AwsClients>,
    /// Accounts of object storage elsewhere.
    pub(crate) object_storage: ObjectStorage,
    /// The store of parameters that `parados:store:Parameter` means.
    pub(crate) store: SharedStore,
    patience: Patience,
    gate: Option<Arc<dyn CallGate>>,
}

/// The clients of an account and Region.
#[derive(Clone, Debug)]
pub(crate) struct AwsClients {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) tagging: aws_sdk_resourcegroupstagging::Client,
}

impl Cloud {
    /// The place that a session leads to.
    pub fn aws(session: &Session, store: SharedStore) -> Self {
        let config = session.service_config();
        // An endpoint that somebody set has no host name for each bucket.
        let path_style = session.endpoint_url("S3").is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
        let identity = session.identity();
        Self {
            account: identity.account.clone(),
            region: session.region().to_owned(),
            partition: identity.partition.clone(),
            aws: Some(AwsClients {
                s3: aws_sdk_s3::Client::from_conf(s3),
                ssm: aws_sdk_ssm::Client::new(&config),
                iam: aws_sdk_iam::Client::new(&config),
                kms: aws_sdk_kms::Client::new(&config),
                tagging: aws_sdk_resourcegroupstagging::Client::new(&config),
            }),
            object_storage: ObjectStorage::default(),
            store,
            patience: Patience::default(),
            gate: None,
        }
    }

    /// A place without AWS: folders and an embedded store.
    pub fn local(account: &str, region: &str, store: SharedStore) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            partition: "local".to_owned(),
            aws: None,
            object_storage: ObjectStorage::default(),
            store,
            patience: Patience::default(),
            gate: None,
        }
    }

    /// The same with the settings of Azure's and Google's storage, by the names that they have as environment variables
    /// (`AZURE_STORAGE_ACCOUNT_KEY`, `GOOGLE_SERVICE_ACCOUNT`, …). Other names are read over.
    #[must_use]
    pub fn with_object_storage(self, settings: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { object_storage: ObjectStorage::new(settings), ..self }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The same with calls that fail.
    #[must_use]
    pub fn with_gate(self, gate: Arc<dyn CallGate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// The clients of AWS.
    ///
    /// # Errors
    /// [`CallError`] where the place is not in AWS.
    pub(crate) fn clients(&self) -> Result<&AwsClients> {
        const HINT: &str =
            "this environment is not in AWS; run it with --store aws, or take the resource out for this environment";
        self.aws.as_ref().ok_or_else(|| CallError::new("aws", "", StoreErrorKind::Validation, HINT))
    }

    /// Calls AWS, again and again while what it says passes by itself.
    pub(crate) async fn call<T, E: ProvideErrorMetadata>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T> {
        let call = async || call().await.map_err(|error| sdk_error(operation, subject, &error));
        self.patiently(operation, subject, CallError::passes, call).await
    }

    /// Calls AWS once: for what would be done twice where an answer was lost.
    pub(crate) async fn once<T, E: ProvideErrorMetadata>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T> {
        let call = async || call().await.map_err(|error| sdk_error(operation, subject, &error));
        let was_not_done = |error: &CallError| error.kind == StoreErrorKind::Throttling || error.passes_once_settled();
        self.patiently(operation, subject, was_not_done, call).await
    }

    /// As [`call`](Self::call), on something that was made a moment ago: what AWS says until it is known everywhere passes too.
    pub(crate) async fn settle<T, E: ProvideErrorMetadata>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T> {
        let call = async || call().await.map_err(|error| sdk_error(operation, subject, &error));
        let passes = |error: &CallError| error.passes() || error.passes_once_settled();
        self.patiently(operation, subject, passes, call).await
    }

    /// Calls the store of parameters; its own decorators retry.
    pub(crate) async fn store_call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> Result<T, StoreError>,
    ) -> Result<T> {
        let call = async || {
            call().await.map_err(|error| CallError {
                operation,
                subject: subject.to_owned(),
                code: Some(error.kind.name().to_owned()),
                message: error.message,
                kind: error.kind,
                may_be_done: false,
            })
        };
        self.patiently(operation, subject, |_| false, call).await
    }

    /// Calls what is asked over HTTP alone, again and again while what it says passes by itself.
    pub(crate) async fn http_call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> Result<T>,
    ) -> Result<T> {
        self.patiently(operation, subject, CallError::passes, call).await
    }

    /// Calls the file system.
    pub(crate) async fn file_call<T>(
        &self,
        operation: &'static str,
        subject: &str,
        call: impl AsyncFn() -> std::io::Result<T>,
    ) -> Result<T> {
        let call = async || {
            call().await.map_err(|error| CallError::new(operation, subject, StoreErrorKind::Other, error.to_string()))
        };
        self.patiently(operation, subject, |_| false, call).await
    }

    async fn patiently<T>(
        &self,
        operation: &'static str,
        subject: &str,
        passes: impl Fn(&CallError) -> bool,
        call: impl AsyncFn() -> Result<T>,
    ) -> Result<T> {
        let stopped = |message| CallError::new(operation, subject, StoreErrorKind::Other, message);
        let give_up = Instant::now() + self.patience.budget;
        let mut pause = self.patience.first_pause;
        let mut may_be_done = false;
        loop {
            if let Some(gate) = &self.gate {
                gate.before(operation).map_err(stopped)?;
            }
            let outcome = call().await;
            if let Some(gate) = &self.gate {
                gate.after(operation).map_err(stopped)?;
            }
            match outcome {
                Err(error) if passes(&error) && Instant::now() + pause < give_up => {
                    tracing::debug!(operation, subject, %error, "tried again in {pause:?}");
                    may_be_done |= error.is_of_unknown_outcome();
                    sleep(pause).await;
                    pause = (pause * 2).min(Patience::MAX_PAUSE);
                }
                outcome => return outcome.map_err(|error| CallError { may_be_done, ..error }),
            }
        }
    }
}

fn sdk_error<E: ProvideErrorMetadata>(
    operation: &'static str,
    subject: &str,
    error: &SdkError<E, HttpResponse>,
) -> CallError {
    let Failure { kind, code, message } = Failure::of(error);
    // S3 answers a refusal with a code that is not Parameter Store's.
    let kind = match code.as_deref() {
        Some("AccessDenied" | "AllAccessDisabled") => StoreErrorKind::AccessDenied,
        _ => kind,
    };
    CallError { operation, subject: subject.to_owned(), code, message, kind, may_be_done: false }
}

/// None, where the service answers by one of `codes` that there is nothing.
pub(crate) fn absent<T>(outcome: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is(codes) => Ok(None),
        Err(error) => Err(error),
    }
}
