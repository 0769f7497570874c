//! Who we are to AWS, and what comes of it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use jiff::{SignedDuration, Timestamp};
use object_store::aws::AwsCredentialProvider;
use object_store::client::HttpConnector;
use parados_parameter::{Clock, SystemClock};

use crate::credential_cache::CredentialCache;
use crate::credential_trail::CredentialTrail;
use crate::failure::Failure;
use crate::http_client::{self, Connectors};
use crate::object_storage::{Connections, Credentials};
use crate::server_clock::{OurClock, ServerClock};
use crate::session_error::SessionError;
use crate::{AwsKeyManagement, AwsStore};

/// How far off the clock may be: AWS refuses signatures that are older, or younger.
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whose session, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// The profile; that of `AWS_PROFILE` or the default one where there is none.
    pub profile: Option<String>,
    /// The Region; that of `AWS_REGION`, the profile or the instance where there is none.
    pub region: Option<String>,
    /// The role to assume.
    pub role_arn: Option<String>,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
    /// What the role's session is called in CloudTrail; `parados` where there is none.
    pub role_session_name: Option<String>,
}

/// Whom STS knows the credentials by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account's twelve digits.
    pub account: String,
    /// The ARN of the user, or of the role's session.
    pub arn: String,
    /// The unique id.
    pub user_id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
}

/// Credentials that STS has accepted, and the Region that they are used in.
#[derive(Clone)]
pub struct Session {
    config: SdkConfig,
    connectors: Connectors,
    credentials: SharedCredentialsProvider,
    identity: Identity,
    region: String,
    clock: Arc<dyn Clock>,
    clock_skew: SignedDuration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("identity", &self.identity)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Loads the default chain of the environment and its files, assumes the role where one is given, and asks STS who that
    /// is.
    ///
    /// # Errors
    /// [`SessionError`], a different one for each cause, with what to do.
    pub async fn connect(options: SessionOptions) -> Result<Self, SessionError> {
        let connectors = Connectors::default();
        let client = connectors.client();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(http_client::timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(client.clone());
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let mut config = loader.load().await;
        if let Some(profile) = &options.profile {
            // The default chain would prefer the environment's keys to a profile that was asked for by name.
            let provider =
                ProviderConfig::without_region().with_region(config.region().cloned()).with_http_client(client);
            let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
            config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        }
        let tried = CredentialTrail::observe(&options);
        Self::open(config, connectors, options, tried, Arc::new(SystemClock)).await
    }

    /// As [`connect`](Self::connect), from a configuration that is loaded already; `options.profile` and, where the
    /// configuration has a Region, `options.region` are not looked at.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn from_config(
        config: SdkConfig,
        options: SessionOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SessionError> {
        let region = config.region().cloned().or_else(|| options.region.clone().map(Region::new));
        let mut config = config.into_builder().region(region);
        let connectors = Connectors::default();
        config.set_http_client(Some(connectors.client())).set_timeout_config(Some(http_client::timeouts()));
        config.set_stalled_stream_protection(Some(StalledStreamProtectionConfig::disabled()));
        Self::open(config.build(), connectors, options, CredentialTrail::given(), clock).await
    }

    async fn open(
        config: SdkConfig,
        connectors: Connectors,
        options: SessionOptions,
        tried: CredentialTrail,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SessionError> {
        let region = config.region().ok_or(SessionError::NoRegion)?.to_string();
        let Some(base) = config.credentials_provider() else {
            return Err(SessionError::NoCredentials { tried });
        };
        let config = config.into_builder().time_source(OurClock(clock.clone())).build();
        let config = with_credentials(&config, base, &clock);
        let config = match &options.role_arn {
            None => config,
            Some(role_arn) => {
                let role = assume(&config, role_arn, &options, &tried, &clock).await?;
                with_credentials(&config, role, &clock)
            }
        };
        let (identity, clock_skew) = identify(&config, &tried, &clock).await?;
        let credentials = config.credentials_provider().ok_or(SessionError::NoCredentials { tried })?;
        Ok(Self { config, connectors, credentials, identity, region, clock, clock_skew })
    }

    /// Who STS says that this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The Region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account's Parameter Store in the Region.
    pub fn store(&self) -> AwsStore {
        AwsStore::new(&self.config, &self.identity, &self.region)
    }

    /// The account's KMS.
    pub fn key_management(&self) -> AwsKeyManagement {
        AwsKeyManagement::new(self.config.clone(), &self.region)
    }

    /// What a client of any AWS service is made from: credentials, Region, endpoints, timeouts and the shared connections, without
    /// retries of the SDK's own.
    pub fn service_config(&self) -> SdkConfig {
        self.config.to_builder().retry_config(RetryConfig::disabled()).build()
    }

    /// The credentials, the role's where one was assumed, as `object_store` asks for them before each request of S3; kept until
    /// five minutes before they expire.
    pub fn object_store_credentials(&self) -> AwsCredentialProvider {
        Arc::new(Credentials(self.credentials.clone()))
    }

    /// What carries `object_store`'s requests to S3, over the connections of all other calls. Its settings of timeouts, proxies and
    /// roots do not count there.
    pub fn object_store_connector(&self) -> impl HttpConnector {
        Connections(self.connectors.own())
    }

    /// The endpoint that the environment or the profile sets for a service (`"S3"`, by the id that the AWS CLI has for it):
    /// `AWS_ENDPOINT_URL_S3`, then `AWS_ENDPOINT_URL`, then `endpoint_url` of the profile's `services` and of the profile.
    pub fn endpoint_url(&self, service_id: &str) -> Option<String> {
        endpoint_url(&self.config, service_id)
    }

    /// Whether endpoints that are certified to FIPS 140 were asked for.
    pub fn use_fips(&self) -> bool {
        self.config.use_fips().unwrap_or_default()
    }

    /// How far AWS's clock was ahead of this machine's when the session was made, to about a second. Never more than
    /// [`MAX_CLOCK_SKEW`] either way.
    pub fn clock_skew(&self) -> SignedDuration {
        self.clock_skew
    }

    /// What AWS's clock says now, going by [`clock_skew`](Self::clock_skew).
    pub fn server_time(&self) -> Timestamp {
        self.clock.now() + self.clock_skew
    }
}

fn with_credentials(config: &SdkConfig, provider: SharedCredentialsProvider, clock: &Arc<dyn Clock>) -> SdkConfig {
    let cache = CredentialCache::new(provider, clock.clone());
    config.to_builder().credentials_provider(SharedCredentialsProvider::new(cache)).build()
}

fn endpoint_url(config: &SdkConfig, service_id: &str) -> Option<String> {
    let given = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return given();
    }
    let key =
        ServiceConfigKey::builder().service_id(service_id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    key.ok().and_then(|key| config.service_config()?.load_config(key)).or_else(given)
}

/// What an error calls the endpoint of STS.
fn sts_endpoint(config: &SdkConfig) -> String {
    match (endpoint_url(config, "STS"), config.region()) {
        (Some(url), _) => format!("STS at {url}"),
        (None, Some(region)) => format!("STS in the Region {region:?}", region = region.as_ref()),
        (None, None) => "STS".to_owned(),
    }
}

/// Asks STS whom the credentials belong to, and AWS's clock what it is.
async fn identify(
    config: &SdkConfig,
    tried: &CredentialTrail,
    clock: &Arc<dyn Clock>,
) -> Result<(Identity, SignedDuration), SessionError> {
    // First by themselves, because what fails here says more than what the SDK makes of it.
    if let Some(provider) = config.credentials_provider()
        && let Err(error) = provider.provide_credentials().await
    {
        return Err(SessionError::of_credentials(&error, tried.clone()));
    }
    let server_clock = ServerClock::new(clock.clone());
    let sts = aws_sdk_sts::config::Builder::from(config).interceptor(server_clock.clone()).build();
    let output = aws_sdk_sts::Client::from_conf(sts).get_caller_identity().send().await;
    let skew = server_clock.skew().unwrap_or_default();
    if skew.abs() > MAX_CLOCK_SKEW {
        return Err(SessionError::ClockSkew { skew });
    }
    let output =
        output.map_err(|error| SessionError::of_failure(&Failure::of(&error), sts_endpoint(config), tried.clone()))?;
    let (Some(account), Some(arn)) = (output.account, output.arn) else {
        return Err(SessionError::Service { message: "the answer lacks an account or an ARN".to_owned() });
    };
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok((Identity { account, arn, user_id: output.user_id.unwrap_or_default(), partition }, skew))
}

/// Assumes a role once, so that a refusal is known now, and gives the provider that does so again when it expires.
async fn assume(
    config: &SdkConfig,
    role_arn: &str,
    options: &SessionOptions,
    tried: &CredentialTrail,
    clock: &Arc<dyn Clock>,
) -> Result<SharedCredentialsProvider, SessionError> {
    let session_name = options.role_session_name.as_deref().unwrap_or("parados");
    let mut builder = AssumeRoleProvider::builder(role_arn).session_name(session_name).configure(config);
    if let Some(external_id) = &options.external_id {
        builder = builder.external_id(external_id);
    }
    let provider = SharedCredentialsProvider::new(CredentialCache::new(
        SharedCredentialsProvider::new(builder.build().await),
        clock.clone(),
    ));
    let Err(error) = provider.provide_credentials().await else { return Ok(provider) };
    // Who was refused? If that cannot be said either, it is not the role that is at fault.
    let (caller, _) = identify(config, tried, clock).await?;
    let source = error.source().and_then(|source| source.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>());
    let failure = match source {
        Some(error) => Failure::of(error),
        None => return Err(SessionError::of_credentials(&error, tried.clone())),
    };
    if failure.code.is_none() {
        return Err(SessionError::of_failure(&failure, sts_endpoint(config), tried.clone()));
    }
    let code = failure.code.as_deref().unwrap_or_default();
    let message = format!("{code}: {}", failure.message);
    Err(SessionError::RoleRefused { role_arn: role_arn.to_owned(), caller: caller.arn, message })
}
