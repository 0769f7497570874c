//! `parados-aws` against moto's server, and against a server that answers what it is told to.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without, it fails without")]

mod wire;

mod failures;
mod key_management;
mod object_storage;
mod sessions;
mod stores;

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use parados_aws::{SdkConfig, Session, SessionOptions, SharedCredentialsProvider};
use parados_parameter::{ParameterName, SystemClock};

/// What the environment would give: an endpoint, a Region, keys.
fn config(url: &str) -> SdkConfig {
    let keys = Credentials::new("testing", "testing", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build()
}

async fn session(url: &str) -> Session {
    Session::from_config(config(url), SessionOptions::default(), Arc::new(SystemClock)).await.unwrap()
}

fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}
