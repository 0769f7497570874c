//! What the audit says of calls.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};
use parados_server::audit::{AuditChain, AuditError, AuditLog, AuditOptions};
use parados_server::state::ServerState;
use parados_server::{
    Access, AccessRequest, Action, ApiError, Audit, AuditEntry, Caller, DevAccess, ForeignDatabase, Received, Server,
    ServerOptions,
};
use serde_json::{Value, json};

use crate::served::{AUTHORIZATION, Served};

const CANARY: &str = "HUNTER2CANARY";

/// Lets everybody do everything, but for what is below `/denied`.
#[derive(Debug, Default)]
struct SomeAccess(DevAccess);

#[async_trait]
impl Access for SomeAccess {
    async fn authenticate(&self, request: Received<'_>) -> Result<Caller, ApiError> {
        self.0.authenticate(request).await
    }

    fn admit(&self, caller: &Caller, action: Action) -> Result<(), ApiError> {
        self.0.admit(caller, action)
    }

    async fn authorize(&self, caller: &Caller, request: &AccessRequest, _: &SharedStore) -> Result<(), ApiError> {
        let is_denied = request.resources.iter().any(|resource| resource.arn(&caller.place).contains("/denied"));
        match is_denied {
            true => Err(ApiError::new("AccessDeniedException", "no")),
            false => Ok(()),
        }
    }
}

/// A server with an audit, or with what stands for one.
fn served(audit: Arc<dyn Audit>) -> Served {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let database = Arc::new(ForeignDatabase::new(store, "123456789012/eu-west-1".parse().unwrap()));
    let access = Arc::new(SomeAccess::default());
    Served::of(Server::new(database, access, audit, Arc::new(SystemClock), ServerOptions::default()))
}

struct Audited {
    _folder: tempfile::TempDir,
    served: Served,
    log: Arc<AuditLog>,
    chain: AuditChain,
}

impl Audited {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = ServerState::open(folder.path()).await.unwrap();
        let chain = AuditChain::open(&state).await.unwrap();
        let log = Arc::new(chain.start(Arc::new(SystemClock), AuditOptions::default()));
        Self { _folder: folder, served: served(log.clone()), log, chain }
    }

    /// The entries, when everything is written.
    async fn entries(&self) -> Vec<Value> {
        self.log.close().await.unwrap();
        let mut lines = Vec::new();
        let mut write = |line: &[u8]| {
            lines.extend_from_slice(line);
            Ok(())
        };
        self.chain.export(0, &mut write).await.unwrap();
        let text = String::from_utf8(lines).unwrap();
        assert!(!text.contains(CANARY), "{text}");
        assert_eq!(self.chain.verify(None).await.unwrap().finding, None);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn every_call_has_an_entry_and_none_has_a_value() {
    let audited = Audited::new().await;
    let served = &audited.served;
    let put = |name: &str| json!({"Name": name, "Value": CANARY, "Type": "SecureString", "Description": "d"});
    let id = |answer: &crate::served::Answer| answer.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
    let mut ids = Vec::new();
    ids.push(id(&served.call("PutParameter", put("/shop/db")).await));
    ids.push(id(&served.call("GetParameter", json!({"Name": "/shop/db", "WithDecryption": true})).await));
    ids.push(id(&served.call("GetParameters", json!({"Names": ["/shop/db", "/none"]})).await));
    ids.push(id(&served.call("PutParameter", put("/denied/a")).await));
    ids.push(id(&served.call("GetParameter", json!({"Name": "/none"})).await));
    ids.push(id(&served.call("CreateDocument", json!({"Content": CANARY})).await));
    ids.push(id(&served.raw("PutParameter", format!("{{\"Value\": \"{CANARY}\", ")).await));
    let nobody = Request::builder().method(Method::POST).uri("/").header("content-type", "application/x-amz-json-1.1");
    let nobody = nobody.header("x-amz-target", "AmazonSSM.PutParameter").body(Body::from(put("/a").to_string()));
    ids.push(id(&served.send(nobody.unwrap()).await));
    let too_long = Request::builder().method(Method::POST).uri("/").header("authorization", AUTHORIZATION);
    let too_long = too_long.header("content-type", "application/x-amz-json-1.1");
    let too_long = too_long.header("x-amz-target", "AmazonSSM.PutParameter").body(Body::from(CANARY.repeat(40_000)));
    ids.push(id(&served.send(too_long.unwrap()).await));
    let entries = audited.entries().await;
    let of = |key: &str| entries.iter().map(|entry| entry[key].as_str().unwrap_or("-")).collect::<Vec<_>>();
    assert_eq!(of("request_id"), ids);
    assert_eq!(
        of("operation"),
        [
            "PutParameter",
            "GetParameter",
            "GetParameters",
            "PutParameter",
            "GetParameter",
            "-",
            "PutParameter",
            "PutParameter",
            "PutParameter"
        ]
    );
    assert_eq!(
        of("outcome"),
        [
            "ok",
            "ok",
            "ok",
            "AccessDeniedException",
            "ParameterNotFound",
            "UnknownOperationException",
            "SerializationException",
            "MissingAuthenticationTokenException",
            "RequestEntityTooLargeException",
        ]
    );
    assert_eq!(of("principal"), ["dev", "dev", "dev", "dev", "dev", "-", "dev", "-", "-"]);
    assert_eq!(entries[0]["touched"], json!([{"name": "/shop/db", "version": 1}]));
    assert_eq!(entries[1]["touched"], json!([{"name": "/shop/db", "version": 1}]));
    assert_eq!(entries[2]["touched"], json!([{"name": "/shop/db", "version": 1}, {"name": "/none"}]));
    assert_eq!(entries[3]["touched"], json!([{"name": "/denied/a"}]));
    assert_eq!(
        (entries[0]["account"].as_str(), entries[0]["region"].as_str()),
        (Some("123456789012"), Some("eu-west-1"))
    );
    assert_eq!(entries[0]["access_key_id"], "123456789012");
}

/// An audit that takes nothing: when it is asked before, or only when a call was done.
#[derive(Debug)]
struct Broken {
    admits: bool,
}

#[async_trait]
impl Audit for Broken {
    fn admit(&self) -> Result<(), AuditError> {
        if self.admits { Ok(()) } else { Err(AuditError::Full) }
    }

    async fn record(&self, _: AuditEntry) -> Result<(), AuditError> {
        Err(AuditError::Unwritable)
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_refused_and_the_caller_is_not_told_why() {
    for admits in [false, true] {
        let served = served(Arc::new(Broken { admits }));
        let answer = served.call("PutParameter", json!({"Name": "/a", "Value": "v", "Type": "String"})).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(
            answer.error().starts_with("InternalServerError: ") && !answer.text.contains("audit"),
            "{}",
            answer.text
        );
        // An error stays the one that it was.
        let answer = served.call("GetParameter", json!({"Name": "/none"})).await;
        let code = if admits { "ParameterNotFound" } else { "InternalServerError" };
        assert!(answer.error().starts_with(code), "{}", answer.text);
    }
}
