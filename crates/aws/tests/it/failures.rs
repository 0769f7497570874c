//! Whatever comes over the wire is the error that it is, of the operation and the name that it is about, and shows no value.

use parados_aws::AwsStore;
use parados_parameter::{
    ByPathRequest, DescribeRequest, HistoryRequest, KeyId, Label, Operation, ParameterReference, ParameterStore,
    PutRequest, Secret, StoreError, StoreErrorKind, Tag, Version,
};

use crate::wire::{Answer, Wire};
use crate::{name, session};

const CANARY: &str = "canary-7f3a-value";

async fn store(wire: &Wire) -> AwsStore {
    session(wire.url()).await.store()
}

/// One call of `operation`, about `/app/dev/db` where it is about a name.
async fn call(store: &AwsStore, operation: Operation) -> Result<(), StoreError> {
    let name = name("/app/dev/db");
    let one = std::slice::from_ref(&name);
    let (label, tag) = (Label::parse("blue").unwrap(), Tag::new("k", "v").unwrap());
    match operation {
        Operation::DescribeParameters => store.describe(&DescribeRequest::default()).await.map(drop),
        Operation::GetParameter => store.get(&ParameterReference::newest(name)).await.map(drop),
        Operation::GetParameters => store.get_many(one).await.map(drop),
        Operation::GetParametersByPath => store.by_path(&ByPathRequest::recursive("/app/dev/db")).await.map(drop),
        Operation::GetParameterHistory => store.history(&HistoryRequest::of(name)).await.map(drop),
        Operation::ListTagsForResource => store.list_tags(&name).await.map(drop),
        Operation::GetResources => store.tags(one).await.map(drop),
        Operation::PutParameter => store.put(&PutRequest::new(name, Secret::new(CANARY))).await.map(drop),
        Operation::DeleteParameter => store.delete(&name).await,
        Operation::LabelParameterVersion => store.label(&name, None, &["blue".into()]).await.map(drop),
        Operation::UnlabelParameterVersion => store.unlabel(&name, Version::FIRST, &[label]).await.map(drop),
        Operation::AddTagsToResource => store.tag(&name, &[tag]).await,
        Operation::RemoveTagsFromResource => store.untag(&name, &["k".into()]).await,
    }
}

/// The error of `operation`, which is about the name and shows no value.
async fn error(store: &AwsStore, operation: Operation) -> StoreError {
    let error = call(store, operation).await.expect_err(operation.name());
    assert_eq!(error.operation, operation);
    if operation != Operation::DescribeParameters {
        assert!(error.subject.starts_with("/app/dev/db"), "{error}");
    }
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("canary"), "{shown}");
    error
}

#[tokio::test]
async fn every_code_of_every_operation_is_its_kind() {
    let wire = Wire::start();
    let store = store(&wire).await;
    let aws_s = StoreErrorKind::ALL.iter().filter(|kind| **kind != StoreErrorKind::Other);
    let kinds: Vec<_> = aws_s.map(|kind| (kind.name(), *kind)).collect();
    let aliases = [
        ("ThrottlingException", StoreErrorKind::Throttling),
        ("TooManyRequestsException", StoreErrorKind::Throttling),
        ("ExpiredTokenException", StoreErrorKind::Credentials),
        ("ServiceUnavailable", StoreErrorKind::InternalServerError),
    ];
    for operation in Operation::ALL.iter().copied() {
        for (code, kind) in kinds.iter().chain(&aliases).copied() {
            wire.answer(Answer::error(400, code, "the words of AWS"));
            let error = error(&store, operation).await;
            assert_eq!((error.kind, error.message.as_str()), (kind, "the words of AWS"), "{operation} {code}");
        }
        wire.asked();
    }
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let wire = Wire::start();
    let store = store(&wire).await;
    let half = format!(r#"{{"Parameter":{{"Name":"/app/dev/db","Value":"{CANARY}"#);
    let cases = [
        (Answer::error(400, "BrandNewException", "words"), StoreErrorKind::Other),
        (Answer::error(500, "BrandNewException", "words"), StoreErrorKind::InternalServerError),
        (Answer::Body(500, "<html>".into()), StoreErrorKind::InternalServerError),
        (Answer::Body(502, String::new()), StoreErrorKind::InternalServerError),
        (Answer::Body(503, "{}".into()), StoreErrorKind::InternalServerError),
        (Answer::Body(429, String::new()), StoreErrorKind::Throttling),
        (Answer::Body(403, "denied by a proxy".into()), StoreErrorKind::AccessDenied),
        (Answer::Truncated(half.clone()), StoreErrorKind::InvalidResponse),
        (Answer::HangUp, StoreErrorKind::Connection),
    ];
    for operation in Operation::ALL.iter().copied() {
        for (answer, kind) in &cases {
            wire.answer(answer.clone());
            let error = error(&store, operation).await;
            assert_eq!(error.kind, *kind, "{operation} {answer:?}: {error}");
            assert_eq!(wire.asked().len(), 1, "{operation} {answer:?} is tried once");
        }
    }
    // Operations without an answer do not read the body.
    let reads = Operation::ALL.iter().copied().filter(|operation| !operation.is_write());
    for operation in reads.chain([Operation::PutParameter]) {
        for wrong in ["not JSON", &half, r#"{"Parameters":7,"Parameter":7,"TagList":7,"Version":"x"}"#] {
            wire.answer(Answer::Body(200, wrong.into()));
            if operation == Operation::GetResources && wrong.contains("TagList") {
                continue;
            }
            let error = error(&store, operation).await;
            assert_eq!(error.kind, StoreErrorKind::InvalidResponse, "{operation} {wrong:?}: {error}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout_after_thirty_seconds() {
    let wire = Wire::start();
    let store = store(&wire).await;
    wire.answer(Answer::Silence);
    tokio::time::pause();
    for operation in Operation::ALL.iter().copied() {
        let begun = tokio::time::Instant::now();
        let error = error(&store, operation).await;
        assert_eq!(error.kind, StoreErrorKind::Timeout, "{error}");
        assert!(begun.elapsed().as_secs() <= 30, "{operation}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_refused_value_is_not_repeated() {
    let wire = Wire::start();
    let store = store(&wire).await;
    for message in [
        format!("1 validation error detected: Value '{CANARY}' at 'value' failed to satisfy constraint: Member must"),
        format!("Parameter value {CANARY}, cannot be validated against allowedPattern: ^x$"),
    ] {
        wire.answer(Answer::error(400, "ValidationException", &message));
        let error = error(&store, Operation::PutParameter).await;
        assert_eq!(error.kind, StoreErrorKind::Validation);
        assert!(error.message.contains("Member must") || error.message.contains("^x$"), "{error}");
    }
    // A value so long that a cut message would end within it.
    let value = CANARY.repeat(100);
    let message = format!("Value '{value}' at 'value' failed to satisfy constraint: Member must have length");
    wire.answer(Answer::error(400, "ValidationException", &message));
    let error = store.put(&PutRequest::new(name("/a"), Secret::new(value))).await.unwrap_err();
    assert!(error.message.contains("Member must") && !error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a_name_that_get_parameters_is_silent_about_is_no_missing_parameter() {
    let wire = Wire::start();
    let store = store(&wire).await;
    let parameter = |name: &str| {
        format!(r#"{{"Name":"{name}","Type":"String","Value":"{CANARY}","Version":1,"LastModifiedDate":1.5}}"#)
    };
    let (a, b) = (parameter("/a"), parameter("b"));
    let names = [name("/a"), name("/b")];
    wire.answer(Answer::Body(200, format!(r#"{{"Parameters":[{a},{b}],"InvalidParameters":[]}}"#)));
    let outcome = store.get_many(&names).await.unwrap();
    assert_eq!(outcome.parameters.len(), 2);
    assert_eq!(outcome.parameters[0].value.reveal(), CANARY);
    wire.answer(Answer::Body(200, format!(r#"{{"Parameters":[{a}],"InvalidParameters":["/b"]}}"#)));
    assert_eq!(store.get_many(&names).await.unwrap().invalid, [name("/b")]);

    for wrong in [format!("[{a}]"), format!("[{a},{a}]"), format!("[{a},{b},{b}]"), "[]".to_owned()] {
        wire.answer(Answer::Body(200, format!(r#"{{"Parameters":{wrong}}}"#)));
        let error = store.get_many(&names).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::InvalidResponse, "{wrong}");
        assert!(!format!("{error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked() {
    let wire = Wire::start();
    let store = store(&wire).await;
    wire.answer(Answer::Body(200, r#"{"Version":2,"Tier":"Standard"}"#.into()));
    let mut put = PutRequest::new(name("/a"), Secret::new("v"));
    store.put(&put).await.unwrap();
    put.overwrite = true;
    put.policies = Some(Vec::new());
    put.key_id = Some(KeyId::aws_managed());
    store.put(&put).await.unwrap();
    let asked = wire.asked();
    assert_eq!(
        asked[0],
        ("PutParameter".to_owned(), r#"{"Name":"/a","Value":"v","Type":"String","Overwrite":false}"#.to_owned())
    );
    assert!(asked[1].1.contains(r#""KeyId":"alias/aws/ssm","Overwrite":true"#), "{}", asked[1].1);
    assert!(asked[1].1.contains(r#""Policies":"[{}]""#) && !asked[1].1.contains("Type"), "{}", asked[1].1);

    wire.answer(Answer::Body(200, "{}".into()));
    store.describe(&DescribeRequest::default()).await.unwrap();
    store.by_path(&ByPathRequest::recursive("/")).await.unwrap();
    store.tags(&[name("/a"), name("b")]).await.unwrap();
    let asked: Vec<_> = wire.asked().into_iter().map(|(_, body)| body).collect();
    assert_eq!(asked[0], r#"{"MaxResults":50}"#);
    assert_eq!(asked[1], r#"{"Path":"/","Recursive":true,"WithDecryption":true,"MaxResults":10}"#);
    let arns = "arn:aws:ssm:eu-west-1:123456789012:parameter";
    assert_eq!(asked[2], format!(r#"{{"ResourceARNList":["{arns}/a","{arns}/b"]}}"#));
}

/// As the API's reference has them: a text, a type and a status for each that was put as one of a list.
#[tokio::test]
async fn policies_are_read_one_by_one_and_put_as_one_list() {
    const EXPIRATION: &str =
        r#"{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}"#;
    const NOTICE: &str = r#"{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}"#;
    let wire = Wire::start();
    let store = store(&wire).await;
    let policy = |text: &str, kind: &str, status: &str| serde_json::json!({"PolicyText": text, "PolicyType": kind, "PolicyStatus": status});
    let listed = serde_json::json!({"Parameters": [{
        "Name": "/a", "Type": "String", "LastModifiedDate": 1_760_529_645.76, "Version": 3, "Tier": "Advanced", "DataType": "text",
        "Policies": [policy(EXPIRATION, "Expiration", "Pending"), policy(NOTICE, "NoChangeNotification", "Finished")],
    }]});
    wire.answer(Answer::Body(200, listed.to_string()));
    let found = store.describe(&DescribeRequest::default()).await.unwrap().items.remove(0);
    let read: Vec<_> = found.policies.iter().map(|one| (one.policy_text.as_str(), one.policy_type.as_str())).collect();
    assert_eq!(read, [(EXPIRATION, "Expiration"), (NOTICE, "NoChangeNotification")]);
    assert_eq!(found.policies[0].policy_status.as_deref(), Some("Pending"));

    wire.answer(Answer::Body(200, r#"{"Version":1,"Tier":"Advanced"}"#.into()));
    wire.asked();
    let put = PutRequest { policies: Some(found.policies), ..PutRequest::new(name("/b"), Secret::new("v")) };
    store.put(&put).await.unwrap();
    let sent: serde_json::Value = serde_json::from_str(&wire.asked()[0].1).unwrap();
    let list: serde_json::Value = serde_json::from_str(sent["Policies"].as_str().unwrap()).unwrap();
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(list, serde_json::json!([parse(EXPIRATION), parse(NOTICE)]));
}
