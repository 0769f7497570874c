//! Requests that are no requests: each is answered, none with a failure of the server's, and none with a secret of somebody else's.

use axum::body::Body;
use http::Request;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::served::{AUTHORIZATION, Answer, Served};

const CANARY: &str = "canary-4f1d6c7b9a2e";

const OPERATIONS: &[&str] = &[
    "PutParameter",
    "GetParameter",
    "GetParameters",
    "GetParametersByPath",
    "DescribeParameters",
    "DeleteParameter",
    "DeleteParameters",
    "GetParameterHistory",
    "LabelParameterVersion",
    "UnlabelParameterVersion",
    "AddTagsToResource",
    "RemoveTagsFromResource",
    "ListTagsForResource",
    "GetServiceSetting",
    "GetResourcePolicies",
    "None",
    "",
];

const MEMBERS: &[&str] = &[
    "Name",
    "Names",
    "Value",
    "Type",
    "Path",
    "ParameterFilters",
    "Filters",
    "MaxResults",
    "NextToken",
    "Labels",
    "ParameterVersion",
    "Tags",
    "TagKeys",
    "ResourceType",
    "ResourceId",
    "Policies",
    "AllowedPattern",
    "Tier",
    "KeyId",
    "Overwrite",
    "WithDecryption",
    "Recursive",
    "Key",
    "Values",
    "Option",
    "DataType",
    "SettingId",
    "ResourceArn",
];

/// Any JSON, of the members that requests have and with texts that mean something now and then.
fn json_like() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("/held".to_owned()),
        Just("String".to_owned()),
        Just("Parameter".to_owned()),
        Just("/".to_owned()),
        Just("arn:aws:ssm:eu-west-1:123456789012:parameter/held".to_owned()),
        "\\PC{0,12}",
        "[/a-z:{}]{0,20}",
        "[a-z]{2049}",
    ];
    let leaf = prop_oneof![
        4 => text.prop_map(Value::from), 1 => any::<i64>().prop_map(Value::from), 1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null),
    ];
    let members = prop::sample::select(MEMBERS).prop_map(str::to_owned);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(members.clone(), inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

/// What is sent: JSON, or bytes that are none.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::btree_map(prop::sample::select(MEMBERS), json_like(), 0..8)
            .prop_map(|map| json!(map).to_string().into_bytes()),
        1 => json_like().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(AUTHORIZATION.as_bytes().to_vec()),
        1 => prop::collection::vec(prop_oneof![Just(b'\t'), 32..=126u8, 128..=255u8], 0..120),
        1 => "AWS4-HMAC-SHA256 Credential=[a-z0-9/%,= -]{0,60}".prop_map(String::into_bytes),
    ]
}

async fn held() -> Served {
    let served = Served::new();
    served.done("PutParameter", json!({"Name": "/held", "Value": CANARY, "Type": "SecureString"})).await;
    served
}

fn judge(answer: &Answer, sent: &str) {
    assert!(!answer.status.is_server_error(), "{sent}: {}", answer.text);
    let is_a_read = answer.status.is_success() && sent.contains("WithDecryption");
    assert!(is_a_read || !answer.text.contains(CANARY), "{sent}: {}", answer.text);
}

#[test]
fn no_request_makes_it_fail_or_say_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(held());
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let request = (prop::sample::select(OPERATIONS), body(), header());
    let outcome = runner.run(&request, |(operation, body, authorization)| {
        let sent = format!("{operation} {}", String::from_utf8_lossy(&body));
        let request = Request::builder()
            .method("POST")
            .uri("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonSSM.{operation}"))
            .header("authorization", authorization);
        let Ok(request) = request.body(Body::from(body)) else { return Ok(()) };
        judge(&runtime.block_on(served.send(request)), &sent);
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_value_that_is_refused_is_not_repeated() {
    let served = Served::new();
    for request in [
        json!({"Name": "/a", "Value": CANARY}),
        json!({"Name": "/a", "Value": CANARY, "Type": "Text"}),
        json!({"Name": "/a", "Value": CANARY, "Type": "String", "AllowedPattern": "^x$"}),
        json!({"Name": "/a", "Value": [CANARY], "Type": "String"}),
        json!({"Name": "/a", "Value": {"x": CANARY}, "Type": "String"}),
        json!({"Name": "/a", "Value": format!("{{{{{CANARY}}}}}"), "Type": "String"}),
        json!({"Name": "/a", "Value": CANARY.repeat(500), "Type": "String"}),
        json!({"Name": "/a", "Type": "String", "Overwrite": CANARY, "Value": "v"}),
    ] {
        let answer = served.call("PutParameter", request.clone()).await;
        assert!(answer.status.is_client_error() && !answer.text.contains(CANARY), "{request}: {}", answer.text);
    }
    let cut = served.raw("PutParameter", format!("{{\"Name\":\"/a\",\"Value\":\"{CANARY}")).await;
    assert!(cut.status.is_client_error() && !cut.text.contains(CANARY), "{}", cut.text);
}
