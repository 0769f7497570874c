//! What orchestrators and Prometheus ask.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use parados_parameter::SystemClock;
use parados_parameter::memory::MemoryStore;
use parados_server::audit::{Audit, AuditEntry, AuditError};
use parados_server::{Calls, DevAccess, ForeignDatabase, NoAudit, Reading, Server, ServerOptions, admin_router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::served::AUTHORIZATION;

fn server(audit: Arc<dyn Audit>) -> Arc<Server> {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let database = Arc::new(ForeignDatabase::new(store, "123456789012/eu-west-1".parse().unwrap()));
    let access = Arc::new(DevAccess::default());
    Arc::new(Server::new(database, access, audit, Arc::new(SystemClock), ServerOptions::default()))
}

async fn get(server: &Arc<Server>, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let (parts, body) = admin_router(server.clone()).oneshot(request).await.unwrap().into_parts();
    (parts.status, String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap())
}

async fn call(server: &Arc<Server>, operation: &str, body: Value) {
    let request = Request::builder()
        .method("POST")
        .uri("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AmazonSSM.{operation}"))
        .header("authorization", AUTHORIZATION);
    Calls::new(server.clone()).oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
}

#[derive(Debug)]
struct Unwritable;

#[async_trait]
impl Audit for Unwritable {
    fn admit(&self) -> Result<(), AuditError> {
        Err(AuditError::Unwritable)
    }

    async fn record(&self, _: AuditEntry) -> Result<(), AuditError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_server_is_ready_while_calls_can_be_answered_and_recorded() {
    let ready = server(Arc::new(NoAudit));
    assert_eq!(get(&ready, "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    let (status, text) = get(&ready, "/readyz").await;
    let expected = json!({"ready": true, "draining": false, "database": "ok", "audit": "ok"});
    assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (StatusCode::OK, expected));
    let unready = server(Arc::new(Unwritable));
    let (status, text) = get(&unready, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains(r#""ready":false"#) && text.contains("the audit cannot be written"), "{text}");
    assert_eq!(get(&unready, "/healthz").await.0, StatusCode::OK, "the process lives");
}

/// What Prometheus' own client makes of the text: each sample as `name{labels} value`.
fn samples(text: &str) -> Vec<String> {
    const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
for family in parse(sys.stdin.read()):
    for one in family.samples:
        print(one.name, ','.join(f'{k}={v}' for k, v in sorted(one.labels.items())), float(one.value))
";
    let mut python = testkit::python();
    let mut child = python.args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{text}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn prometheus_reads_what_is_counted() {
    let server = server(Arc::new(NoAudit));
    server.metrics().register(Reading { name: "parados_x", help: "x", is_counter: false, read: Box::new(|| 1.5) });
    call(&server, "PutParameter", json!({"Name": "/a", "Value": "v", "Type": "String"})).await;
    for _ in 0..3 {
        call(&server, "GetParameter", json!({"Name": "/a"})).await;
    }
    call(&server, "GetParameter", json!({"Name": "/none"})).await;
    for number in 0..50 {
        call(&server, &format!("Nonsense{number}"), json!({})).await;
    }
    let (status, text) = get(&server, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let samples = samples(&text);
    for expected in [
        "parados_calls_total operation=GetParameter,outcome=ok 3.0",
        "parados_calls_total operation=GetParameter,outcome=refused 1.0",
        "parados_calls_total operation=PutParameter,outcome=ok 1.0",
        "parados_calls_total operation=none,outcome=refused 50.0",
        "parados_call_duration_seconds_count operation=GetParameter 4.0",
        "parados_call_duration_seconds_bucket le=+Inf,operation=GetParameter 4.0",
        "parados_calls_in_flight  0.0",
        "parados_x  1.5",
    ] {
        assert!(samples.iter().any(|sample| sample == expected), "{expected}\n{samples:#?}");
    }
    assert!(samples.iter().any(|sample| sample.starts_with("parados_build_info version=")), "{samples:#?}");
    assert!(!text.contains("Nonsense") && samples.len() < 100, "a caller makes no series: {samples:#?}");
}
