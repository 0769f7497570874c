//! Spans of calls, as a collector gets them.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use http::{HeaderMap, Request, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use parados_parameter::memory::MemoryStore;
use parados_parameter::{AccountRegion, SystemClock};
use parados_server::{DevAccess, ForeignDatabase, NoAudit, Server, ServerOptions, Traces, TracesError};
use prost::Message as _;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::served::{AUTHORIZATION, Served};

const VALUE: &str = "HUNTER2CANARY";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that answers `status`: its endpoint, and each body that it got.
async fn collector(status: StatusCode) -> (String, UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (sender, receiver) = unbounded_channel();
    async fn take(
        State((status, sender)): State<(StatusCode, UnboundedSender<(HeaderMap, Bytes)>)>,
        headers: HeaderMap,
        body: Bytes,
    ) -> StatusCode {
        sender.send((headers, body)).unwrap();
        status
    }
    let router = Router::new().route("/v1/traces", axum::routing::post(take)).with_state((status, sender));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    tokio::spawn(axum_server::from_tcp(listener).unwrap().serve(router.into_make_service()));
    (endpoint, receiver)
}

fn served(traces: &Arc<Traces>) -> Served {
    let place: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let database = Arc::new(ForeignDatabase::new(store, place));
    let access = Arc::new(DevAccess::default());
    let server = Server::new(database, access, Arc::new(NoAudit), Arc::new(SystemClock), ServerOptions::default());
    Served::of(server.with_traces(traces.clone()))
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_has_a_span_that_goes_on_with_the_caller_s_trace_and_says_no_value() {
    let (endpoint, mut received) = collector(StatusCode::OK).await;
    let traces = Arc::new(Traces::start(&format!("{endpoint}/")).unwrap());
    let served = served(&traces);
    let put = json!({"Name": "/shop/db", "Value": VALUE, "Type": "SecureString"});
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonSSM.PutParameter")
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .header("authorization", AUTHORIZATION);
    let done = served.send(request.body(Body::from(put.to_string())).unwrap()).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    served.done("GetParameter", json!({"Name": "/shop/db", "WithDecryption": true})).await;
    served.refused("GetParameter", json!({"Name": "/none"})).await;
    served.refused("PutParameter", json!({"Name": "//", "Value": VALUE, "Type": "String"})).await;
    // One that the caller does not sample.
    let request = Request::post("/").header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-00"));
    served.send(request.body(Body::empty()).unwrap()).await;
    traces.close().await;

    let (headers, body) = received.recv().await.unwrap();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let canary = VALUE.as_bytes();
    assert!(!body.windows(canary.len()).any(|window| window == canary));
    assert!(!String::from_utf8_lossy(&body).contains("/shop/db"), "nor a name");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let service = resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    assert_eq!(service.value.as_ref().unwrap().value, Some(Any::StringValue("parados".to_owned())));
    let spans = &request.resource_spans[0].scope_spans[0].spans;
    let said: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_str(), attribute(span, "parados.outcome").unwrap(), attribute(span, "error.type")))
        .collect();
    let expected = [
        ("PutParameter", "ok".to_owned(), None),
        ("GetParameter", "ok".to_owned(), None),
        ("GetParameter", "refused".to_owned(), Some("ParameterNotFound".to_owned())),
        ("PutParameter", "refused".to_owned(), Some("ValidationException".to_owned())),
    ];
    assert_eq!(said, expected);
    let put = &spans[0];
    assert_eq!((hex::encode(&put.trace_id).as_str(), put.kind), (TRACE, SpanKind::Server as i32));
    assert_eq!(hex::encode(&put.parent_span_id), "00f067aa0ba902b7");
    assert!(spans[1].parent_span_id.is_empty() && spans[1].trace_id != put.trace_id);
    assert_eq!(attribute(put, "user.id").unwrap(), "arn:aws:iam::123456789012:user/dev");
    assert_eq!(attribute(put, "aws.request_id").unwrap(), done.headers["x-amzn-requestid"].to_str().unwrap());
    assert_eq!(attribute(put, "cloud.region").unwrap(), "eu-west-1");
    assert_eq!(attribute(&spans[2], "http.response.status_code").unwrap(), "400");
    assert!(put.end_time_unix_nano >= put.start_time_unix_nano && put.start_time_unix_nano > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_or_refuses_keeps_no_call() {
    let (refusing, mut received) = collector(StatusCode::SERVICE_UNAVAILABLE).await;
    // A port that was free a moment ago.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for endpoint in [refusing, format!("http://{nobody}")] {
        let traces = Arc::new(Traces::start(&endpoint).unwrap());
        let served = served(&traces);
        for number in 0..3000 {
            let name = format!("/{number}");
            served.done("PutParameter", json!({"Name": name, "Value": VALUE, "Type": "String"})).await;
        }
        traces.close().await;
    }
    assert!(received.recv().await.is_some());
    for wrong in ["", "collector:4318", "ftp://collector", "http://"] {
        assert!(matches!(Traces::start(wrong), Err(TracesError::Endpoint(_))), "{wrong}");
    }
}
