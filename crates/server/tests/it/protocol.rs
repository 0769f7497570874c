//! What is not an operation, or not well-formed.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use parados_server::BODY_LIMIT;

use crate::served::{AUTHORIZATION, Served};

fn post() -> http::request::Builder {
    Request::builder().method(Method::POST).uri("/").header("content-type", "application/x-amz-json-1.1")
}

#[tokio::test]
async fn what_is_no_operation_is_unknown() {
    let served = Served::new();
    for request in [
        Request::builder().uri("/").body(Body::empty()),
        post().body(Body::empty()),
        post().header("x-amz-target", "AmazonSSM.CreateDocument").body(Body::from("{}")),
        post().header("x-amz-target", "DynamoDB_20120810.GetItem").body(Body::from("{}")),
        Request::builder().method(Method::PUT).uri("/x").body(Body::from("{}")),
    ] {
        let answer = served.send(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
        assert!(answer.text.contains("UnknownOperationException"), "{}", answer.text);
        assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
    }
}

#[tokio::test]
async fn a_call_without_a_signature_is_refused() {
    let served = Served::new();
    let request = post().header("x-amz-target", "AmazonSSM.GetParameter").body(Body::from("{}")).unwrap();
    let answer = served.send(request).await;
    assert_eq!(answer.error(), "MissingAuthenticationTokenException: Missing Authentication Token");
}

#[tokio::test]
async fn a_body_that_is_too_long_or_no_json_is_refused() {
    let served = Served::new();
    let answer = served.raw("GetParameter", vec![b' '; BODY_LIMIT + 1]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    for body in ["", "{", "[]", "null", "\"x\"", "{\"Name\":3}"] {
        let answer = served.raw("GetParameter", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn sts_says_who_calls() {
    let served = Served::new();
    let form = Request::builder()
        .method(Method::POST)
        .uri("/")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("authorization", AUTHORIZATION)
        .body(Body::from("Action=GetCallerIdentity&Version=2011-06-15"));
    let presigned = Request::builder().uri(
        "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=123456789012%2F20261124%2Feu-west-1%2Fsts%2Faws4_request",
    );
    for request in [form, presigned.body(Body::empty())] {
        let answer = served.send(request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/xml");
        assert!(answer.text.contains("<Account>123456789012</Account>"), "{}", answer.text);
    }
    let unsigned = Request::builder().uri("/?Action=GetCallerIdentity").body(Body::empty()).unwrap();
    let answer = served.send(unsigned).await;
    assert!(answer.text.contains("<Code>MissingAuthenticationToken</Code>"), "{}", answer.text);
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}
