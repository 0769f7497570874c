//! S3 over a session's connections, as `object_store` speaks to it.

use std::sync::Arc;

use aws_credential_types::Credentials;
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector as _, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _};
use parados_aws::{Session, SharedCredentialsProvider};
use testkit::{Moto, aws_cli};

use crate::wire::{Answer, Wire};
use crate::{config, session};

fn client(session: &Session) -> HttpClient {
    session.object_store_connector().connect(&ClientOptions::new()).unwrap()
}

fn request(url: &str) -> HttpRequest {
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.uri_mut() = url.parse().unwrap();
    request
}

/// What goes wrong with a request, or with reading its answer.
async fn error(client: &HttpClient, url: &str) -> HttpError {
    match client.execute(request(url)).await {
        Ok(response) => response.into_body().bytes().await.unwrap_err(),
        Err(error) => error,
    }
}

fn bucket(moto: &Moto, session: &Session) -> AmazonS3 {
    let made = aws_cli(moto)
        .args(["s3api", "create-bucket", "--bucket", "backups", "--create-bucket-configuration"])
        .arg("LocationConstraint=eu-west-1")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    AmazonS3Builder::new()
        .with_bucket_name("backups")
        .with_region("eu-west-1")
        .with_endpoint(moto.url())
        .with_allow_http(true)
        .with_credentials(session.object_store_credentials())
        .with_http_connector(session.object_store_connector())
        .build()
        .unwrap()
}

#[tokio::test]
async fn what_is_put_in_pieces_reads_back_whole() {
    let moto = Moto::start();
    let session = session(&moto.url()).await;
    let store = bucket(&moto, &session);
    let (key, pieces) = (Path::from("a/b c+d"), [vec![7; 100_000], Vec::new(), vec![8; 5]]);
    store.put(&key, pieces.clone().map(Bytes::from).into_iter().collect()).await.unwrap();
    let read = store.get(&key).await.unwrap();
    assert_eq!(read.meta.size, 100_005);
    assert_eq!(read.bytes().await.unwrap(), pieces.concat());
    let error = store.get(&Path::from("none")).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_request_says_whose_it_is() {
    let wire = Wire::start();
    let session = session(wire.url()).await;
    let response = client(&session).execute(request(&format!("{}/b/k?x=%20", wire.url()))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().bytes().await.unwrap(), "{}");
    let head = wire.heads().pop().unwrap();
    assert!(head.starts_with("GET /b/k?x=%20 HTTP/1.1"), "{head}");
    assert!(head.contains(concat!("user-agent: parados/", env!("CARGO_PKG_VERSION"))), "{head}");
}

#[tokio::test]
async fn an_error_says_whether_the_request_may_be_sent_again() {
    let wire = Wire::start();
    let client = client(&session(wire.url()).await);
    assert_eq!(error(&client, "http://127.0.0.1:1").await.kind(), HttpErrorKind::Connect);
    wire.answer(Answer::HangUp);
    assert_eq!(error(&client, wire.url()).await.kind(), HttpErrorKind::Request);
    wire.answer(Answer::Truncated("half".into()));
    assert_eq!(error(&client, wire.url()).await.kind(), HttpErrorKind::Interrupted);
    wire.answer(Answer::Silence);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert_eq!(error(&client, wire.url()).await.kind(), HttpErrorKind::Timeout);
    assert!(begun.elapsed().as_secs() <= 30, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_stops_in_its_middle_is_a_timeout() {
    let wire = Wire::start();
    let client = client(&session(wire.url()).await);
    wire.answer(Answer::Stall("half".into()));
    let response = client.execute(request(wire.url())).await.unwrap();
    tokio::time::pause();
    assert_eq!(response.into_body().bytes().await.unwrap_err().kind(), HttpErrorKind::Timeout);
}

#[tokio::test]
async fn credentials_are_asked_for_and_not_shown() {
    let wire = Wire::start();
    let keys = Credentials::new("key", "canary", Some("canary-token".into()), None, "test");
    let config = config(wire.url()).into_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build();
    let session = Session::from_config(config, Default::default(), Arc::new(parados_parameter::SystemClock)).await;
    let provider = session.unwrap().object_store_credentials();
    let credential = provider.get_credential().await.unwrap();
    assert_eq!((credential.key_id.as_str(), credential.secret_key.as_str()), ("key", "canary"));
    assert_eq!(credential.token.as_deref(), Some("canary-token"));
    assert!(!format!("{provider:?}").contains("canary"));
}
