//! Who may call, and what that may do: requests signed by AWS's own signer, answered over a SQLite database.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use parados_parameter::Clock;
use parados_parameter::clock::ManualClock;
use parados_server::limit::RateLimits;
use parados_server::policy::{full_access, read_access};
use parados_server::principal::{AccessTables, DatabaseSeal, Directory, MAX_STALENESS, NewAccessKey, Principal};
use parados_server::state::ServerState;
use parados_server::{Calls, NoAudit, ReplayedWrites, Server, ServerOptions, SignedAccess, SignedAccessOptions};
use parados_store::{EmbeddedStore, InitOptions, SqliteDatabase, SqliteDatabaseOptions};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Canary;
use tower::ServiceExt as _;

const ACCOUNT: &str = "123456789012";
const OTHER_ACCOUNT: &str = "210987654321";
const REGION: &str = "eu-west-1";

struct Served {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    tables: AccessTables,
    directory: Arc<Directory>,
    calls: Calls,
}

async fn served(options: SignedAccessOptions) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at("2026-11-24T15:00:00Z".parse().unwrap()));
    let data = folder.path().join("data");
    EmbeddedStore::init(&InitOptions::new(&data)).await.unwrap();
    let database = SqliteDatabaseOptions { directory: data.clone(), key_management: None, clock: clock.clone() };
    let database = Arc::new(SqliteDatabase::open(database).await.unwrap());
    let state = ServerState::open(&data).await.unwrap();
    let tables = AccessTables::open(state, Arc::new(DatabaseSeal(database.clone()))).await.unwrap();
    let directory = Arc::new(Directory::open(tables.clone()).await.unwrap());
    let access = Arc::new(SignedAccess::new(directory.clone(), options));
    let server = Server::new(database, access, Arc::new(NoAudit), clock.clone(), ServerOptions::default());
    Served { folder, clock, tables, directory, calls: Calls::new(Arc::new(server)) }
}

/// An answer: its status, and its body.
#[derive(Debug, PartialEq)]
struct Answer(StatusCode, String);

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {}", self.1))
    }

    /// `Code: message` of an error.
    fn error(&self) -> String {
        assert_eq!(self.0, StatusCode::BAD_REQUEST, "{}", self.1);
        let json = self.json();
        format!("{}: {}", json["__type"].as_str().unwrap(), json["message"].as_str().unwrap_or_default())
    }
}

/// Who signs, when, and where.
#[derive(Clone, Copy)]
struct Signer<'a> {
    key: &'a NewAccessKey,
    secret: Option<&'a str>,
    region: &'a str,
    off_by: i64,
}

impl<'a> Signer<'a> {
    fn new(key: &'a NewAccessKey) -> Self {
        Self { key, secret: None, region: REGION, off_by: 0 }
    }
}

impl Served {
    /// A key of a principal that may do what `policy` makes of its ARN.
    async fn key(&self, account: &str, name: &str, policy: impl FnOnce(&str) -> String) -> NewAccessKey {
        let principal = Principal::new(account, name).unwrap();
        let text = policy(&principal.arn());
        if !text.is_empty() {
            self.tables.set_policy(name, &text, self.clock.now()).await.unwrap();
        }
        let key = self.tables.create_key(&principal, self.clock.now()).await.unwrap();
        self.directory.refresh().await.unwrap();
        key
    }

    fn signed(&self, signer: Signer<'_>, operation: &str, body: &Value) -> Request<Body> {
        let body = body.to_string();
        let mut request = Request::post("http://127.0.0.1:4773/")
            .header("host", "127.0.0.1:4773")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonSSM.{operation}"))
            .body(())
            .unwrap();
        let secret = signer.secret.unwrap_or(signer.key.secret.reveal());
        let identity = Credentials::new(signer.key.id.as_str(), secret, None, None, "test").into();
        let at = u64::try_from(self.clock.now().as_second() + signer.off_by).unwrap();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(signer.region)
            .name("ssm")
            .time(UNIX_EPOCH + Duration::from_secs(at))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let signable =
            SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(body.as_bytes()));
        let (instructions, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request.map(|()| Body::from(body))
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.calls.clone().oneshot(request).await.unwrap();
        let status = response.status();
        Answer(status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    }

    async fn call(&self, signer: Signer<'_>, operation: &str, body: Value) -> Answer {
        self.send(self.signed(signer, operation, &body)).await
    }

    async fn put(&self, key: &NewAccessKey, name: &str, value: &str) -> Answer {
        let body = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.call(Signer::new(key), "PutParameter", body).await
    }

    async fn get(&self, key: &NewAccessKey, name: &str) -> Answer {
        self.call(Signer::new(key), "GetParameter", json!({"Name": name, "WithDecryption": true})).await
    }
}

const MISMATCH: &str =
    "InvalidSignatureException: The request signature we calculated does not match the signature you provided.";

#[tokio::test]
async fn the_right_key_is_let_in_and_no_other() {
    let served = served(SignedAccessOptions::default()).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    assert_eq!(served.put(&key, "/shop/x", "one").await.0, StatusCode::OK);
    assert_eq!(served.get(&key, "/shop/x").await.json()["Parameter"]["Value"], "one");

    let wrong = Signer { secret: Some("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), ..Signer::new(&key) };
    let refused = served.call(wrong, "GetParameter", json!({"Name": "/shop/x"})).await.error();
    assert!(refused.starts_with(MISMATCH), "{refused}");
    let late = Signer { off_by: -301, ..Signer::new(&key) };
    let refused = served.call(late, "GetParameter", json!({"Name": "/shop/x"})).await.error();
    assert!(refused.starts_with("InvalidSignatureException: Signature expired: 20261124T145459Z"), "{refused}");

    served.tables.revoke_key(&key.id, served.clock.now()).await.unwrap();
    served.directory.refresh().await.unwrap();
    let refused = served.get(&key, "/shop/x").await.error();
    assert_eq!(refused, "UnrecognizedClientException: The security token included in the request is invalid.");
    let unsigned = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonSSM.GetParameter");
    let refused = served.send(unsigned.body(Body::from("{}")).unwrap()).await.error();
    assert_eq!(refused, "MissingAuthenticationTokenException: Missing Authentication Token");
}

#[tokio::test]
async fn what_is_not_permitted_is_denied_in_iam_s_words() {
    let served = served(SignedAccessOptions::default()).await;
    let admin = served.key(ACCOUNT, "admin", full_access).await;
    let nobody = served.key(ACCOUNT, "nobody", |_| String::new()).await;
    let reader = served.key(ACCOUNT, "reader", read_access).await;
    served
        .tables
        .set_policy(
            "no-prod",
            r#"forbid(principal, action, resource in Path::"/prod") unless { principal.name == "admin" };"#,
            served.clock.now(),
        )
        .await
        .unwrap();
    served.directory.refresh().await.unwrap();
    served.put(&admin, "/prod/x", "secret").await;

    assert_eq!(
        served.get(&nobody, "/shop/x").await.error(),
        "AccessDeniedException: User: arn:aws:iam::123456789012:user/nobody is not authorized to perform: ssm:GetParameter on resource: \
         arn:aws:ssm:eu-west-1:123456789012:parameter/shop/x because no identity-based policy allows the ssm:GetParameter action"
    );
    assert_eq!(
        served.get(&reader, "/prod/x").await.error(),
        "AccessDeniedException: User: arn:aws:iam::123456789012:user/reader is not authorized to perform: ssm:GetParameter on resource: \
         arn:aws:ssm:eu-west-1:123456789012:parameter/prod/x with an explicit deny in an identity-based policy"
    );
    let listed = served.call(Signer::new(&nobody), "DescribeParameters", json!({})).await.error();
    assert!(listed.contains("on resource: arn:aws:ssm:eu-west-1:123456789012:* because"), "{listed}");
    let query = served.call(Signer::new(&nobody), "GetParametersByPath", json!({"Path": "/shop"})).await.error();
    assert!(query.contains("on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/shop because"), "{query}");
    let many =
        served.call(Signer::new(&reader), "GetParameters", json!({"Names": ["/shop/x", "/prod/x"]})).await.error();
    assert!(many.contains("parameter/prod/x with an explicit deny"), "one that is forbidden denies all: {many}");
    let put = served.put(&reader, "/shop/x", "x").await.error();
    assert!(put.contains("because no identity-based policy allows the ssm:PutParameter action"), "{put}");
    assert_eq!(served.call(Signer::new(&reader), "DescribeParameters", json!({})).await.0, StatusCode::OK);
}

#[tokio::test]
async fn tags_decide_as_they_are_now() {
    let served = served(SignedAccessOptions::default()).await;
    let admin = served.key(ACCOUNT, "admin", full_access).await;
    let team = served
        .key(ACCOUNT, "team", |arn| {
            format!(
                "permit(principal == User::\"{arn}\", action == Action::\"ssm:GetParameter\", resource) \
                 when {{ resource.hasTag(\"team\") && resource.getTag(\"team\") == principal.name }};"
            )
        })
        .await;
    served.put(&admin, "/shop/x", "one").await;
    assert!(served.get(&team, "/shop/x").await.error().starts_with("AccessDeniedException"));
    assert!(
        served.get(&team, "/shop/missing").await.error().starts_with("AccessDeniedException"),
        "it tells nothing of what is there"
    );
    let tag = json!({"ResourceType": "Parameter", "ResourceId": "/shop/x", "Tags": [{"Key": "team", "Value": "team"}]});
    assert_eq!(served.call(Signer::new(&admin), "AddTagsToResource", tag).await.0, StatusCode::OK);
    assert_eq!(served.get(&team, "/shop/x").await.json()["Parameter"]["Value"], "one");
}

#[tokio::test]
async fn accounts_and_regions_do_not_see_one_another() {
    let served = served(SignedAccessOptions::default()).await;
    let one = served.key(ACCOUNT, "one", full_access).await;
    let other = served.key(OTHER_ACCOUNT, "other", full_access).await;
    served.put(&one, "/shop/x", "one").await;
    assert_eq!(served.get(&other, "/shop/x").await.error(), "ParameterNotFound: ");
    let by_arn = format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/x");
    assert!(served.get(&other, &by_arn).await.0.is_client_error());
    let elsewhere = Signer { region: "us-east-1", ..Signer::new(&one) };
    assert_eq!(served.call(elsewhere, "GetParameter", json!({"Name": "/shop/x"})).await.error(), "ParameterNotFound: ");
    let described = served.call(Signer::new(&other), "DescribeParameters", json!({})).await;
    assert_eq!(described.json()["Parameters"], json!([]));
    let nowhere = Signer { region: "EU_WEST", ..Signer::new(&one) };
    assert!(
        served.call(nowhere, "GetParameter", json!({"Name": "/shop/x"})).await.1.contains("InvalidSignatureException")
    );
}

fn copy(request: &Request<Body>, body: &Value) -> Request<Body> {
    let mut copy = Request::post(request.uri());
    copy.headers_mut().unwrap().clone_from(request.headers());
    copy.body(Body::from(body.to_string())).unwrap()
}

#[rstest]
#[case::refused(ReplayedWrites::Refuse, StatusCode::BAD_REQUEST)]
#[case::allowed(ReplayedWrites::Allow, StatusCode::OK)]
#[tokio::test]
async fn a_write_that_is_sent_again_is_refused_where_that_is_wanted(
    #[case] replayed_writes: ReplayedWrites,
    #[case] expected: StatusCode,
) {
    let served = served(SignedAccessOptions { replayed_writes, ..SignedAccessOptions::default() }).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    let body = json!({"Name": "/shop/x", "Value": "one", "Type": "String", "Overwrite": true});
    let put = served.signed(Signer::new(&key), "PutParameter", &body);
    assert_eq!(served.send(copy(&put, &body)).await.0, StatusCode::OK);
    let again = served.send(copy(&put, &body)).await;
    assert_eq!(again.0, expected, "{again:?}");
    if again.0 == StatusCode::BAD_REQUEST {
        // A client is told to try again, and does so under a new signature.
        assert_eq!(
            again.error(),
            "ThrottlingException: Rate exceeded: this signed request was received before; sign it anew"
        );
        let anew = Signer { off_by: 1, ..Signer::new(&key) };
        assert_eq!(served.call(anew, "PutParameter", body).await.0, StatusCode::OK);
    }
    let body = json!({"Name": "/shop/x"});
    let get = served.signed(Signer::new(&key), "GetParameter", &body);
    for _ in 0..2 {
        assert_eq!(served.send(copy(&get, &body)).await.0, StatusCode::OK, "a read changes nothing");
    }
}

#[tokio::test]
async fn who_calls_too_often_is_throttled_as_aws_does() {
    let served = served(SignedAccessOptions { limits: RateLimits::aws(), ..SignedAccessOptions::default() }).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    let mut answers = Vec::new();
    for second in 0..40 {
        let signer = Signer { off_by: second, ..Signer::new(&key) };
        let body = json!({"Name": "/shop/x", "Value": "one", "Type": "String", "Overwrite": true});
        answers.push(served.call(signer, "PutParameter", body).await);
    }
    let refused = answers.into_iter().find(|answer| answer.0 != StatusCode::OK).unwrap();
    assert_eq!(refused.error(), "ThrottlingException: Rate exceeded");
}

#[tokio::test]
async fn who_cannot_be_looked_up_for_too_long_is_not_let_in() {
    let served = served(SignedAccessOptions::default()).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    served.put(&key, "/shop/x", "one").await;
    let get = served.signed(Signer::new(&key), "GetParameter", &json!({"Name": "/shop/x"}));
    tokio::time::pause();
    tokio::time::advance(MAX_STALENESS + Duration::from_millis(1)).await;
    let answer = served.send(get).await;
    assert_eq!(answer.0, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.1);
}

#[tokio::test]
async fn malformed_headers_are_refused_and_tell_nothing() {
    let served = served(SignedAccessOptions::default()).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    let body = json!({"Name": "/shop/x"});
    let good = served.signed(Signer::new(&key), "GetParameter", &body);
    let scope = format!("{}/20261124/{REGION}/ssm/aws4_request", key.id);
    let secret = key.secret.reveal();
    for header in [
        "AWS4-HMAC-SHA256".to_owned(),
        "AWS4-HMAC-SHA256 ".to_owned(),
        format!("AWS4-HMAC-SHA256 Credential={scope}"),
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=, Signature=00"),
        format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={}",
            "0".repeat(64)
        ),
        format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date;x-amz-target, Signature={}",
            "é".repeat(32)
        ),
        format!("AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;;;, Signature={}", "f".repeat(64)),
        format!("AWS4-HMAC-SHA256 {}", "Credential=a,".repeat(1000)),
        "=".repeat(4000),
    ] {
        let mut request = copy(&good, &body);
        request.headers_mut().insert("authorization", http::HeaderValue::from_bytes(header.as_bytes()).unwrap());
        let answer = served.send(request).await;
        assert!(answer.0.is_client_error(), "{header}: {answer:?}");
        assert!(answer.1.contains("Exception") && !answer.1.contains(secret), "{answer:?}");
    }
}

#[tokio::test]
async fn a_stolen_disk_has_no_secret_access_key() {
    let served = served(SignedAccessOptions::default()).await;
    let key = served.key(ACCOUNT, "deploy", full_access).await;
    served.put(&key, "/shop/x", "one").await;
    let mut canary = Canary::new();
    canary.watch(key.secret.reveal());
    canary.assert_absent_in_tree(served.folder.path());
}
