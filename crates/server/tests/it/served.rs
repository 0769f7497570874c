//! A server in this process, and a client that says what it is told to.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use parados_parameter::memory::MemoryStore;
use parados_parameter::{AccountRegion, SystemClock};
use parados_server::{Calls, DevAccess, ForeignDatabase, NoAudit, Server, ServerOptions};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=123456789012/20261124/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0";

/// A server with `--dev`, over a store in memory.
pub(crate) struct Served {
    calls: Calls,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// `Code: message` of an error.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        format!("{}: {}", json["__type"].as_str().unwrap(), json["message"].as_str().unwrap_or_default())
    }
}

impl Served {
    pub(crate) fn new() -> Self {
        let place: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
        let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let database = Arc::new(ForeignDatabase::new(store, place));
        let access = Arc::new(DevAccess::default());
        Self::of(Server::new(database, access, Arc::new(NoAudit), Arc::new(SystemClock), ServerOptions::default()))
    }

    /// This one.
    pub(crate) fn of(server: Server) -> Self {
        Self { calls: Calls::new(Arc::new(server)) }
    }

    /// Sends `request` as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.calls.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Calls an operation of Parameter Store with a body as it is.
    pub(crate) async fn raw(&self, operation: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonSSM.{operation}"))
            .header("authorization", AUTHORIZATION);
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Calls an operation of Parameter Store.
    pub(crate) async fn call(&self, operation: &str, request: Value) -> Answer {
        self.raw(operation, request.to_string()).await
    }

    /// As [`call`](Self::call), for what is done.
    pub(crate) async fn done(&self, operation: &str, request: Value) -> Value {
        let answer = self.call(operation, request).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}: {}", answer.text);
        answer.json()
    }

    /// As [`call`](Self::call), for what is refused: `Code: message`.
    pub(crate) async fn refused(&self, operation: &str, request: Value) -> String {
        let answer = self.call(operation, request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{operation}: {}", answer.text);
        answer.error()
    }
}
