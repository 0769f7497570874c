//! AWS: a [`ParameterStore`](parados_parameter::ParameterStore) over the SDK, and the identities behind it.
//!
//! [`Session`] finds the credentials, assumes the role of a target and asks STS who that is before anything else is done;
//! from it come the [`AwsStore`], the [`AwsKeyManagement`] and the credentials and endpoint for object storage.
//!
//! Retries, quotas and metering are no business of this crate: they are decorators that go around any store.

mod credential_cache;
mod credential_trail;
mod failure;
mod http_client;
mod key_management;
mod object_storage;
mod permission;
mod request;
mod response;
mod server_clock;
mod session;
mod session_error;
mod store;

pub use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
pub use aws_types::SdkConfig;
pub use credential_trail::CredentialTrail;
pub use failure::Failure;
pub use key_management::AwsKeyManagement;
pub use permission::{Permission, PermissionCheck, check_read_permissions};
pub use session::{Identity, MAX_CLOCK_SKEW, Session, SessionOptions};
pub use session_error::SessionError;
pub use store::AwsStore;
