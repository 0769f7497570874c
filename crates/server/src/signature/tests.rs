use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::Request;
use axum::http::request::Parts;
use jiff::Timestamp;
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

use super::canonical::canonical_request;
use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const KEY_ID: &str = "AKIDEXAMPLE";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-24T15:00:00Z")
}

/// What a server does with a request.
fn verify(parts: &Parts, body: &[u8], service: &str, now: Timestamp) -> Result<(), SignatureError> {
    let claim = Claim::read(parts)?;
    claim.check(service, now)?;
    let key = SigningKey::derive(SECRET, claim.date(), claim.region(), claim.service());
    claim.verify(parts, body, &key)
}

/// A call of an SDK, signed by AWS's own signer.
fn sdk_request(location: SignatureLocation, signed_at: Timestamp, token: Option<&str>) -> (Parts, &'static [u8]) {
    let body: &[u8] = br#"{"Name":"/shop/dev/db/password","WithDecryption":true}"#;
    let mut request = Request::post("http://127.0.0.1:8000/?a=1&b=%20x")
        .header("host", "127.0.0.1:8000")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "AmazonSSM.GetParameter")
        .header("user-agent", "sdk/1")
        .body(())
        .unwrap();
    let identity = Credentials::new(KEY_ID, SECRET, token.map(str::to_owned), None, "test").into();
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    if location == SignatureLocation::QueryParams {
        settings.expires_in = Some(Duration::from_secs(900));
    }
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("ssm")
        .time(UNIX_EPOCH + Duration::from_secs(signed_at.as_second().try_into().unwrap()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new("POST", request.uri().to_string(), headers, SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    (request.into_parts().0, body)
}

fn said(error: SignatureError) -> String {
    format!("{}: {error}", error.code())
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    header: String,
    header_canonical: String,
    query: String,
    query_canonical: String,
    has_session_token: bool,
}

/// A request as it is in the suite's files; a header's line that begins with spaces belongs to the one before.
fn parse(text: &str) -> (Parts, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (target, _) = lines.next().unwrap().rsplit_once(' ').unwrap();
    let (method, target) = target.split_once(' ').unwrap();
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if !line.starts_with(' ') => headers.push((name.to_owned(), value.to_owned())),
            _ => headers.last_mut().unwrap().1.push_str(line),
        }
    }
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(name, axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    (request.body(()).unwrap().into_parts().0, body.as_bytes().to_owned())
}

#[test]
fn what_aws_publishes_as_signed_verifies() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../tests/data/signature-v4/vectors.json")).unwrap();
    assert!(vectors.len() > 25);
    for vector in vectors {
        for (text, canonical) in [(&vector.header, &vector.header_canonical), (&vector.query, &vector.query_canonical)]
        {
            let (parts, body) = parse(text);
            let claim = Claim::read(&parts).unwrap();
            let key = SigningKey::derive(SECRET, claim.date(), claim.region(), claim.service());
            let signed = canonical.lines().rev().nth(1).unwrap();
            let hash = canonical.lines().next_back().unwrap();
            let ours = canonical_request(&parts, signed, hash).unwrap();
            assert_eq!(String::from_utf8(ours).unwrap(), *canonical, "{}", vector.name);

            assert_eq!(claim.verify(&parts, &body, &key), Ok(()), "{}", vector.name);
            let checked = claim.check("service", at("2015-08-30T12:36:00Z"));
            let expected = if vector.has_session_token { Err(SignatureError::UnknownKey) } else { Ok(()) };
            assert_eq!(checked, expected, "{}", vector.name);
        }
    }
}

#[rstest]
#[case::header(SignatureLocation::Headers)]
#[case::presigned(SignatureLocation::QueryParams)]
fn what_the_official_signer_signs_verifies(#[case] location: SignatureLocation) {
    let (parts, body) = sdk_request(location, now(), None);
    assert_eq!(verify(&parts, body, "ssm", now()), Ok(()));
    let claim = Claim::read(&parts).unwrap();
    assert_eq!((claim.access_key_id(), claim.region(), claim.service()), (KEY_ID, "eu-west-1", "ssm"));

    let (parts, body) = sdk_request(location, now(), Some("token"));
    assert_eq!(verify(&parts, body, "ssm", now()), Err(SignatureError::UnknownKey));
}

#[test]
fn the_host_of_http_2_is_its_authority() {
    let (mut parts, body) = sdk_request(SignatureLocation::Headers, now(), None);
    parts.headers.remove("host");
    assert_eq!(verify(&parts, body, "ssm", now()), Ok(()));
    parts.uri = "http://elsewhere/?a=1&b=%20x".parse().unwrap();
    assert_eq!(verify(&parts, body, "ssm", now()), Err(SignatureError::mismatch()));
}

#[test]
fn a_clock_may_be_off_by_five_minutes() {
    for (signed, is_good) in [(300, true), (301, false), (-300, true), (-301, false)] {
        let signed_at = Timestamp::from_second(now().as_second() + signed).unwrap();
        let (parts, body) = sdk_request(SignatureLocation::Headers, signed_at, None);
        assert_eq!(verify(&parts, body, "ssm", now()).is_ok(), is_good, "{signed}");
    }
    let (parts, body) = sdk_request(SignatureLocation::Headers, at("2026-11-24T14:00:00Z"), None);
    let expired = verify(&parts, body, "ssm", now()).unwrap_err();
    assert_eq!(
        said(expired),
        "InvalidSignatureException: Signature expired: 20261124T140000Z is now earlier than 20261124T145500Z \
         (20261124T150000Z - 5 min.)"
    );
    let (parts, body) = sdk_request(SignatureLocation::Headers, at("2026-11-24T15:06:00Z"), None);
    let early = verify(&parts, body, "ssm", now()).unwrap_err();
    assert_eq!(
        said(early),
        "InvalidSignatureException: Signature not yet current: 20261124T150600Z is still later than 20261124T150500Z \
         (20261124T150000Z + 5 min.)"
    );
}

#[test]
fn a_presigned_url_is_good_for_as_long_as_it_says() {
    let (parts, body) = sdk_request(SignatureLocation::QueryParams, now(), None);
    for (later, is_good) in [(0, true), (900, true), (901, false), (-301, false)] {
        let then = Timestamp::from_second(now().as_second() + later).unwrap();
        assert_eq!(verify(&parts, body, "ssm", then).is_ok(), is_good, "{later}");
    }
    for expires in ["0", "604801", "-1", "+5", "x", "", "99999999999999999999"] {
        let mut parts = parts.clone();
        let uri = parts.uri.to_string().replace("X-Amz-Expires=900", &format!("X-Amz-Expires={expires}"));
        parts.uri = uri.parse().unwrap();
        let refused = Claim::read(&parts).unwrap_err();
        assert_eq!(refused.code(), "IncompleteSignatureException", "{expires}");
    }
}

#[rstest]
#[case::no_header(None, "MissingAuthenticationTokenException: Missing Authentication Token")]
#[case::bearer(Some("Bearer x"), "MissingAuthenticationTokenException: Missing Authentication Token")]
#[case::algorithm(
    Some("AWS4-ECDSA-P256-SHA256 Credential=a"),
    "IncompleteSignatureException: Unsupported AWS 'algorithm'. This server takes AWS4-HMAC-SHA256. (Hashed with SHA-256 and encoded with Base64) Authorization="
)]
#[case::nothing_in_it(
    Some("AWS4-HMAC-SHA256 Credential=a"),
    "IncompleteSignatureException: Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed"
)]
#[case::no_pair(
    Some("AWS4-HMAC-SHA256 Credential"),
    "IncompleteSignatureException: Authorization header has a part that is not a key=value pair (missing equal-sign)."
)]
fn what_is_not_a_signature_is_answered_as_aws_does(#[case] header: Option<&str>, #[case] expected: &str) {
    let mut request = Request::post("/");
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    let parts = request.body(()).unwrap().into_parts().0;
    let answer = said(Claim::read(&parts).unwrap_err());
    assert!(answer.starts_with(expected), "{answer}");
}

#[test]
fn a_scope_is_of_the_service_and_day() {
    let (parts, body) = sdk_request(SignatureLocation::Headers, now(), None);
    let other = verify(&parts, body, "sts", now()).unwrap_err();
    assert_eq!(said(other), "InvalidSignatureException: Credential should be scoped to correct service: 'sts'.");

    let rescoped = |from: &str, to: &str| {
        let mut parts = parts.clone();
        let header = parts.headers["authorization"].to_str().unwrap().replace(from, to);
        parts.headers.insert("authorization", header.parse().unwrap());
        said(verify(&parts, body, "ssm", now()).unwrap_err())
    };
    assert!(rescoped("20261124", "20261123").contains("'20261123' != '20261124', from '20261124T150000Z'."));
    assert!(rescoped("aws4_request", "aws5_request").contains("valid terminator: 'aws4_request'"));
    assert!(rescoped("/ssm/", "/").starts_with("IncompleteSignatureException: Credential must have exactly 5"));
    assert!(rescoped("eu-west-1", "us-east-1").contains("does not match the signature you provided"));
    assert!(rescoped("host;", "").contains("'Host' or ':authority' must be a 'SignedHeader'"));
    assert!(rescoped(";x-amz-target", "").contains("'x-amz-target' must be a 'SignedHeader'"));
}

#[test]
fn a_header_that_is_added_is_noticed_where_it_counts() {
    let (parts, body) = sdk_request(SignatureLocation::Headers, now(), None);
    let with = |name: &'static str, value: &'static str| {
        let mut parts = parts.clone();
        parts.headers.append(name, value.parse().unwrap());
        verify(&parts, body, "ssm", now())
    };
    assert_eq!(with("x-forwarded-for", "10.0.0.1"), Ok(()));
    assert!(with("x-amz-meta", "1").is_err());
    assert!(with("x-amz-target", "AmazonSSM.DeleteParameter").is_err());
    for hash in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
        assert!(with("x-amz-content-sha256", hash).is_err());
    }
    assert!(said(with("authorization", "AWS4-HMAC-SHA256 Credential=x").unwrap_err()).contains("given twice"));
}

/// `parts`, signed by hand: the canonical request as a client would write it.
fn signed_by_hand(parts: Parts, signed: &str, canonical: &[u8]) -> Parts {
    let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical));
    let message = format!("AWS4-HMAC-SHA256\n{DATE}\n20261124/eu-west-1/ssm/aws4_request\n{hash}");
    let signature = SigningKey::derive(SECRET, "20261124", "eu-west-1", "ssm").sign_for_test(message.as_bytes());
    let header = format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/20261124/eu-west-1/ssm/aws4_request,SignedHeaders={signed},Signature={}",
        hex::encode(signature)
    );
    let mut parts = parts;
    parts.headers.insert("authorization", header.parse().unwrap());
    parts
}

/// When it was signed by hand.
const DATE: &str = "20261124T150000Z";

#[test]
fn an_unsigned_body_is_refused_even_where_it_was_signed_as_such() {
    let parts = Request::post("/").header("host", "h").header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let parts = parts.header("x-amz-date", DATE).body(()).unwrap().into_parts().0;
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let canonical = canonical_request(&parts, signed, "UNSIGNED-PAYLOAD").unwrap();
    let parts = signed_by_hand(parts, signed, &canonical);
    let refused = said(verify(&parts, b"{}", "ssm", now()).unwrap_err());
    assert!(refused.contains("an unsigned or streamed body is not taken"), "{refused}");
}

#[test]
fn a_header_that_is_signed_has_to_come() {
    let hash = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"{}"));
    for (header, good) in [(Some(("x-other", "")), true), (None, false)] {
        let request = Request::post("/").header("host", "h").header("x-amz-date", DATE);
        let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let parts = request.body(()).unwrap().into_parts().0;
        let canonical = format!("POST\n/\n\nhost:h\nx-amz-date:{DATE}\nx-other:\n\nhost;x-amz-date;x-other\n{hash}");
        let parts = signed_by_hand(parts, "host;x-amz-date;x-other", canonical.as_bytes());
        let verified = verify(&parts, b"{}", "ssm", now());
        assert_eq!(verified, if good { Ok(()) } else { Err(SignatureError::mismatch()) });
    }
}

#[test]
fn a_signature_is_taken_once_while_it_is_good() {
    let window = ReplayWindow::new(2);
    let (first, _) = sdk_request(SignatureLocation::Headers, now(), None);
    let (second, _) = sdk_request(SignatureLocation::Headers, at("2026-11-24T15:00:01Z"), None);
    let (third, _) = sdk_request(SignatureLocation::QueryParams, now(), None);
    let take = |parts: &Parts, now| window.take(&Claim::read(parts).unwrap(), now);
    assert_eq!(take(&first, now()), Ok(()));
    assert_eq!(take(&first, at("2026-11-24T15:05:00Z")), Err(Replayed::Before));
    assert_eq!(take(&second, now()), Ok(()));
    assert_eq!(take(&third, now()), Err(Replayed::Full));
    // The first cannot verify any more, so nothing is lost by forgetting it.
    assert_eq!(take(&third, at("2026-11-24T15:05:01Z")), Ok(()));
    assert_eq!(take(&second, at("2026-11-24T15:05:01Z")), Err(Replayed::Before));
    assert_eq!(take(&third, at("2026-11-24T15:14:59Z")), Err(Replayed::Before));
}

#[test]
fn a_signing_key_is_remembered_for_its_scope() {
    let keys = SigningKeys::new(10);
    let (parts, body) = sdk_request(SignatureLocation::Headers, now(), None);
    let claim = Claim::read(&parts).unwrap();
    assert!(keys.get(&claim).is_none());
    let key = Arc::new(SigningKey::derive(SECRET, claim.date(), claim.region(), claim.service()));
    keys.remember(&claim, key);
    assert_eq!(claim.verify(&parts, body, &keys.get(&claim).unwrap()), Ok(()));
    let (next_day, _) = sdk_request(SignatureLocation::Headers, at("2026-11-25T15:00:00Z"), None);
    assert!(keys.get(&Claim::read(&next_day).unwrap()).is_none());
    assert!(!format!("{keys:?}").contains(SECRET));
}

/// Where a byte is flipped.
#[derive(Clone, Debug)]
enum Place {
    Method,
    Body(usize),
    Query(usize),
    Header(&'static str, usize),
    Authorization(usize),
}

fn place() -> impl Strategy<Value = Place> {
    let header = prop_oneof![Just("host"), Just("x-amz-target"), Just("content-type"), Just("x-amz-date")];
    prop_oneof![
        Just(Place::Method),
        any::<usize>().prop_map(Place::Body),
        any::<usize>().prop_map(Place::Query),
        (header, any::<usize>()).prop_map(|(name, at)| Place::Header(name, at)),
        any::<usize>().prop_map(Place::Authorization),
    ]
}

fn flipped(text: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = text.to_vec();
    let at = at % bytes.len();
    bytes[at] ^= 1 << bit;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_flipped_bit_never_verifies(is_presigned: bool, place in place(), bit in 0_u8..8) {
        let location = if is_presigned { SignatureLocation::QueryParams } else { SignatureLocation::Headers };
        let (mut parts, body) = sdk_request(location, now(), None);
        let mut body = body.to_vec();
        match place {
            Place::Method => parts.method = axum::http::Method::PUT,
            Place::Body(at) => body = flipped(&body, at, bit),
            Place::Query(at) => {
                let query = flipped(parts.uri.query().unwrap().as_bytes(), at, bit);
                let uri = [b"http://127.0.0.1:8000/?", query.as_slice()].concat();
                // `%2f` and `%2F` are one query, and a `#` ends it for everybody.
                let is_other = !query.eq_ignore_ascii_case(parts.uri.query().unwrap().as_bytes());
                match axum::http::Uri::try_from(uri) {
                    Ok(uri) if is_other => parts.uri = uri,
                    _ => return Ok(()),
                }
            }
            Place::Header(name, at) => {
                let Some(value) = parts.headers.get(name) else { return Ok(()) };
                let Ok(value) = axum::http::HeaderValue::from_bytes(&flipped(value.as_bytes(), at, bit)) else { return Ok(()) };
                parts.headers.insert(name, value);
            }
            Place::Authorization(at) => {
                let Some(value) = parts.headers.get("authorization") else { return Ok(()) };
                let Ok(value) = axum::http::HeaderValue::from_bytes(&flipped(value.as_bytes(), at, bit)) else { return Ok(()) };
                // The key's id decides which secret is asked for; it is not itself signed.
                if !value.as_bytes().windows(KEY_ID.len()).any(|part| part == KEY_ID.as_bytes()) { return Ok(()) }
                parts.headers.insert("authorization", value);
            }
        }
        prop_assert!(verify(&parts, &body, "ssm", now()).is_err());
    }

    #[test]
    fn no_header_or_query_makes_it_panic(header: Vec<u8>, date: String, query in "[ -~]{0,80}") {
        let mut request = Request::get(format!("/?{}", query.replace(['#', '"', '<', '>', '`', ' ', '\\', '^', '{', '}', '|'], "%")));
        if let Ok(value) = axum::http::HeaderValue::from_bytes(&[b"AWS4-HMAC-SHA256 ", header.as_slice()].concat()) {
            request = request.header("authorization", value);
        }
        if let Ok(value) = axum::http::HeaderValue::from_str(&date) {
            request = request.header("date", value);
        }
        if let Ok(request) = request.body(()) {
            prop_assert!(verify(&request.into_parts().0, b"", "ssm", now()).is_err());
        }
    }
}
