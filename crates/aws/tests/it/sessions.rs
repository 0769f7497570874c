//! Who we are, and every way in which that cannot be said.

use std::sync::Arc;

use aws_config::Region;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use parados_aws::{MAX_CLOCK_SKEW, Session, SessionError, SessionOptions, SharedCredentialsProvider};
use parados_parameter::{DescribeRequest, ParameterStore, SystemClock};
use testkit::Moto;

use crate::config;
use crate::wire::{Answer, Wire};

async fn connect(config: parados_aws::SdkConfig, options: SessionOptions) -> Result<Session, SessionError> {
    Session::from_config(config, options, Arc::new(SystemClock)).await
}

async fn refusal(config: parados_aws::SdkConfig, options: SessionOptions) -> SessionError {
    let error = connect(config, options).await.expect_err("it is refused");
    assert!(!error.hints().is_empty(), "{error} says nothing to do");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    error
}

fn role(arn: &str) -> SessionOptions {
    SessionOptions { role_arn: Some(arn.into()), external_id: Some("x-1".into()), ..SessionOptions::default() }
}

/// An STS error, as its Query protocol has it.
fn sts_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::Body(
        status,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        ),
    )
}

/// Fails as a source of credentials does.
#[derive(Debug)]
struct Failing(fn() -> CredentialsError);

impl ProvideCredentials for Failing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

#[tokio::test]
async fn the_identity_is_the_first_thing_asked() {
    let moto = Moto::start();
    let session = connect(config(&moto.url()), SessionOptions::default()).await.unwrap();
    let identity = session.identity();
    assert_eq!((identity.account.as_str(), identity.partition.as_str()), ("123456789012", "aws"));
    assert!(identity.arn.starts_with("arn:aws:sts::123456789012:"), "{}", identity.arn);
    assert_eq!(session.region(), "eu-west-1");
    assert!(session.clock_skew().abs() < MAX_CLOCK_SKEW);
    assert_eq!(session.endpoint_url("S3"), Some(moto.url()));
    assert_eq!(moto.calls().keys().collect::<Vec<_>>(), ["STS.GetCallerIdentity"]);
    let keys = session.object_store_credentials().get_credential().await.unwrap();
    assert_eq!((keys.key_id.as_str(), keys.secret_key.as_str()), ("testing", "testing"));
}

#[tokio::test]
async fn a_role_of_another_account_is_assumed_once() {
    let moto = Moto::start();
    let session = connect(config(&moto.url()), role("arn:aws:iam::222222222222:role/backup")).await.unwrap();
    assert_eq!(session.identity().account, "222222222222");
    assert!(session.identity().arn.ends_with(":assumed-role/backup/parados"), "{}", session.identity().arn);
    session.store().describe(&DescribeRequest::default()).await.unwrap();
    session.object_store_credentials().get_credential().await.unwrap();
    assert_eq!(moto.calls()["STS.AssumeRole"], 1);
    assert_eq!(moto.calls()["STS.GetCallerIdentity"], 1);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_says_who_tried() {
    let moto = Moto::start();
    moto.deny("STS.AssumeRole");
    let error = refusal(config(&moto.url()), role("arn:aws:iam::222222222222:role/backup")).await;
    let SessionError::RoleRefused { role_arn, caller, message } = &error else { panic!("{error}") };
    assert_eq!(role_arn, "arn:aws:iam::222222222222:role/backup");
    assert!(caller.starts_with("arn:aws:sts::123456789012:"), "{caller}");
    assert!(message.contains("AccessDenied"), "{message}");
}

#[tokio::test]
async fn no_region() {
    let nowhere = config("http://127.0.0.1:1").into_builder().region(None).build();
    assert_eq!(refusal(nowhere.clone(), SessionOptions::default()).await, SessionError::NoRegion);
    let moto = Moto::start();
    let nowhere = nowhere.into_builder().endpoint_url(moto.url()).build();
    let options = SessionOptions { region: Some("eu-north-1".into()), ..SessionOptions::default() };
    assert_eq!(connect(nowhere, options).await.unwrap().region(), "eu-north-1");
}

#[tokio::test]
async fn no_credentials() {
    let without = |error: fn() -> CredentialsError| {
        let provider = SharedCredentialsProvider::new(Failing(error));
        config("http://127.0.0.1:1").into_builder().credentials_provider(provider).build()
    };
    let options = SessionOptions::default;
    let error = refusal(without(CredentialsError::not_loaded_no_source), options()).await;
    assert!(matches!(error, SessionError::NoCredentials { .. }), "{error}");
    assert!(error.to_string().contains("tried: "), "{error}");
    let error = refusal(without(|| CredentialsError::invalid_configuration("no profile `prod`")), options()).await;
    assert!(matches!(error, SessionError::Unusable { .. }) && error.to_string().contains("`prod`"), "{error}");
    let error = refusal(without(|| CredentialsError::provider_error("the SSO token has expired")), options()).await;
    assert!(matches!(error, SessionError::Expired { .. }), "{error}");
    // The same, where a role was to be assumed with them.
    let error = refusal(without(CredentialsError::not_loaded_no_source), role("arn:aws:iam::1:role/r")).await;
    assert!(matches!(error, SessionError::NoCredentials { .. }), "{error}");
}

#[tokio::test]
async fn credentials_that_sts_does_not_accept() {
    let wire = Wire::start();
    wire.answer_identity(sts_error(403, "InvalidClientTokenId", "The security token included is invalid."));
    let error = refusal(config(wire.url()), SessionOptions::default()).await;
    assert!(matches!(error, SessionError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("InvalidClientTokenId: The security token"), "{error}");
    wire.answer_identity(sts_error(400, "ExpiredToken", "The security token included in the request is expired"));
    let error = refusal(config(wire.url()), SessionOptions::default()).await;
    assert!(matches!(error, SessionError::Expired { .. }), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off() {
    let moto = Moto::start();
    moto.set_clock_offset(3600);
    let error = refusal(config(&moto.url()), SessionOptions::default()).await;
    assert!(matches!(error, SessionError::ClockSkew { .. }), "{error}");
    assert!(error.to_string().contains("behind"), "{error}");
    moto.set_clock_offset(-3600);
    let error = refusal(config(&moto.url()), SessionOptions::default()).await;
    assert!(error.to_string().contains("ahead of"), "{error}");
    moto.set_clock_offset(120);
    let session = connect(config(&moto.url()), SessionOptions::default()).await.unwrap();
    assert!((118..=122).contains(&session.clock_skew().as_secs()), "{:?}", session.clock_skew());
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    tokio::time::pause();
    let error = refusal(config(&url), SessionOptions::default()).await;
    let SessionError::Unreachable { endpoint, .. } = &error else { panic!("{error}") };
    assert_eq!(endpoint, &format!("STS at {url}"));
    let error = refusal(config(&url), role("arn:aws:iam::1:role/r")).await;
    assert!(matches!(error, SessionError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_region_that_does_not_exist_is_named() {
    let config = config("http://x").into_builder();
    let config = config.endpoint_url("http://sts.eu-wst-1.invalid").region(Region::new("eu-wst-1")).build();
    let error = refusal(config, SessionOptions::default()).await;
    assert!(error.to_string().contains("eu-wst-1"), "{error}");
}
