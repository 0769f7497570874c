use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Label, ParameterName, ParameterType, Policy, Secret, Tag, Tier,
    Version,
};

use super::*;
use crate::document::HistoryRecord;
use crate::fingerprint::FingerprintKey;

fn key() -> FingerprintKey {
    FingerprintKey::derive(&[7; 32], "00112233445566778899aabbccddeeff")
}

/// What becomes of a record in a test.
type Edit = fn(&mut ParameterRecord);

/// A parameter of which everything was read: version 3, the first of which bears a label.
fn record() -> ParameterRecord {
    ParameterRecord {
        name: ParameterName::observed("/app/dev/db"),
        parameter_type: ParameterType::SecureString,
        value: Secret::new("hunter2"),
        version: version(3),
        last_modified_date: "2025-10-15T12:00:45Z".parse().unwrap(),
        arn: Some("arn:aws:ssm:eu-west-1:123456789012:parameter/app/dev/db".into()),
        data_type: DataType::default(),
        description: Some(Description::observed("the database")),
        key_id: Some(KeyId::observed("alias/aws/ssm")),
        tier: Some(Tier::Advanced),
        policies: vec![
            policy(r#"{"Type":"Expiration","Version":"1.0"}"#),
            policy(r#"{"Type":"NoChangeNotification"}"#),
        ],
        allowed_pattern: Some(AllowedPattern::observed("[a-z0-9]+")),
        last_modified_user: Some("ann".into()),
        tags: Some(vec![Tag::observed("team", "core"), Tag::observed("app", "shop")]),
        labels: Some(vec![Label::observed("green"), Label::observed("blue")]),
        history: Some(vec![older(1, "first", &["stable"]), older(2, "second", &[])]),
    }
}

fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

fn policy(text: &str) -> Policy {
    Policy { policy_text: text.into(), policy_type: "x".into(), policy_status: None }
}

fn older(number: i64, value: &str, labels: &[&str]) -> HistoryRecord {
    HistoryRecord {
        version: version(number),
        parameter_type: ParameterType::String,
        value: Secret::new(value),
        last_modified_date: "2025-10-14T12:00:45Z".parse().unwrap(),
        last_modified_user: None,
        data_type: DataType::default(),
        description: None,
        key_id: None,
        tier: Some(Tier::Standard),
        policies: Vec::new(),
        allowed_pattern: None,
        labels: labels.iter().map(|label| Label::observed(*label)).collect(),
    }
}

fn history(record: &mut ParameterRecord) -> &mut Vec<HistoryRecord> {
    record.history.as_mut().unwrap()
}

/// What the fingerprints of the two say, beside type, value and history, which they leave to others.
fn by_fingerprint(a: &ParameterRecord, b: &ParameterRecord) -> Vec<Field> {
    FieldFingerprints::of(a, &key()).differing(&FieldFingerprints::of(b, &key())).collect()
}

fn without_those_that_have_no_place(fields: Vec<Field>) -> Vec<Field> {
    fields.into_iter().filter(|field| !matches!(field, Field::Type | Field::Value | Field::History)).collect()
}

#[test]
fn a_field_that_differs_is_named_by_records_and_by_fingerprints() {
    let cases: &[(&[Field], Edit)] = &[
        (&[Field::Type], |r| r.parameter_type = ParameterType::StringList),
        (&[Field::Value], |r| r.value = Secret::new("hunter3")),
        (&[Field::Description], |r| r.description = None),
        (&[Field::KeyId], |r| r.key_id = Some(KeyId::observed("alias/mine"))),
        (&[Field::Tier], |r| r.tier = Some(Tier::Standard)),
        (&[Field::Policies], |r| r.policies.truncate(1)),
        (&[Field::Policies], |r| r.policies[0] = policy(r#"{"Type":"Expiration","Version":"1.1"}"#)),
        (&[Field::AllowedPattern], |r| r.allowed_pattern = None),
        (&[Field::DataType], |r| r.data_type = DataType::observed("aws:ec2:image")),
        (&[Field::Tags], |r| r.tags.as_mut().unwrap()[0] = Tag::observed("team", "edge")),
        (&[Field::Tags], |r| r.tags = Some(Vec::new())),
        (&[Field::Labels], |r| r.labels.as_mut().unwrap().truncate(1)),
        (&[Field::Labels], |r| {
            let label = history(r)[0].labels.pop().unwrap();
            history(r)[1].labels.push(label);
        }),
        (&[Field::History], |r| history(r)[1].value = Secret::new("other")),
        (&[Field::History], |r| history(r)[1].description = Some(Description::observed("x"))),
        (&[Field::Value, Field::Tags], |r| {
            r.value = Secret::new("");
            r.tags = Some(Vec::new());
        }),
    ];
    for (expected, change) in cases {
        let (before, mut after) = (record(), record());
        change(&mut after);
        assert_eq!(differing(&before, &after), *expected);
        assert_eq!(differing(&after, &before), *expected);
        assert_eq!(by_fingerprint(&before, &after), without_those_that_have_no_place(expected.to_vec()));
    }
}

#[test]
fn what_nobody_can_set_and_what_has_no_order_is_no_difference() {
    let cases: &[Edit] = &[
        |r| r.name = ParameterName::observed("/other"),
        |r| r.last_modified_date = jiff::Timestamp::UNIX_EPOCH,
        |r| r.arn = None,
        |r| r.last_modified_user = None,
        |r| r.policies[0].policy_status = Some("Finished".into()),
        |r| r.policies.reverse(),
        |r| r.policies[0] = policy(r#"{ "Version": "1.0", "Type": "Expiration" }"#),
        |r| r.tags.as_mut().unwrap().reverse(),
        |r| r.tags.as_mut().unwrap().push(Tag::observed("aws:cloudformation:stack-name", "x")),
        |r| r.labels.as_mut().unwrap().reverse(),
    ];
    for change in cases {
        let (before, mut after) = (record(), record());
        change(&mut after);
        assert_eq!(differing(&before, &after), []);
        assert_eq!(by_fingerprint(&before, &after), []);
    }
}

#[test]
fn what_was_not_read_is_no_difference() {
    let cases: &[Edit] = &[
        |r| r.tags = None,
        |r| r.labels = None,
        |r| r.history = None,
        |r| drop(history(r).pop()),
        |r| {
            (r.tier, r.description, r.key_id, r.allowed_pattern) = (None, None, None, None);
            r.policies.clear();
        },
    ];
    for change in cases {
        let (before, mut after) = (record(), record());
        change(&mut after);
        assert_eq!(differing(&before, &after), []);
        assert_eq!(differing(&after, &before), []);
        assert_eq!(by_fingerprint(&before, &after), []);
    }
}

#[test]
fn a_restore_that_brings_back_only_the_versions_with_a_label_leaves_no_difference() {
    let mut whole = record();
    whole.version = version(7);
    whole.history = Some((1..=6).map(|n| older(n, &n.to_string(), if n == 3 { &["stable"] } else { &[] })).collect());
    let mut restored = whole.clone();
    restored.version = version(2);
    restored.history = Some(vec![older(1, "3", &["stable"])]);
    // All that the restored one ever had are two versions, so its history is known and is another.
    assert_eq!(differing(&whole, &restored), [Field::History]);
    assert_eq!(by_fingerprint(&whole, &restored), []);

    let mut with_labels = whole.clone();
    history(&mut with_labels).retain(|entry| !entry.labels.is_empty());
    assert_eq!(differing(&with_labels, &restored), [], "the snapshot has no more than that");
}

#[test]
fn the_oldest_of_a_hundred_versions_is_gone_and_the_history_is_whole_all_the_same() {
    let mut full = record();
    full.version = version(250);
    full.history = Some((151..250).map(|n| older(n, "v", &[])).collect());
    let mut other = full.clone();
    history(&mut other)[98].value = Secret::new("w");
    assert_eq!(differing(&full, &other), [Field::History]);
}

#[test]
fn of_one_after_the_other_they_are_what_they_are_alone() {
    let edits: &[Edit] = &[
        |_| {},
        |_| {},
        |r| r.tags = None,
        |r| r.description = Some(Description::observed("another")),
        |_| {},
        |r| r.labels = Some(Vec::new()),
        |r| r.data_type = DataType::observed("aws:ec2:image"),
        // What is empty, and what was not read.
        |r| r.tags = Some(Vec::new()),
        |r| r.tags = None,
        |r| r.policies.clear(),
        |r| (r.policies, r.tier) = (Vec::new(), None),
        |r| r.description = Some(Description::observed("")),
        |r| (r.description, r.tier) = (None, None),
        // The same characters in other texts.
        |r| r.tags = Some(vec![Tag::observed("ab", "c")]),
        |r| r.tags = Some(vec![Tag::observed("a", "bc")]),
        |r| r.labels = Some(vec![Label::observed("stable")]),
        |r| (r.labels, r.history) = (Some(Vec::new()), Some(vec![older(1, "first", &["stable"])])),
        |r| r.history = Some(vec![older(1, "other", &["stable"])]),
        |r| r.history = Some(vec![older(1, "other", &["stable"]), older(2, "first", &["green"])]),
        |r| r.history = Some(vec![older(1, "other", &["stable", "green"])]),
        |r| r.policies.reverse(),
    ];
    let key = key();
    let mut fingerprinter = FieldFingerprinter::new(&key);
    for edit in edits {
        let mut record = record();
        edit(&mut record);
        assert_eq!(fingerprinter.of(&record), FieldFingerprints::of(&record, &key));
    }
}

/// Computed apart from this code, with Python's hmac and json: see FORMAT.md, "Fingerprints".
#[test]
fn the_fingerprints_of_fields_are_pinned() {
    let text = FieldFingerprints::of(&record(), &key()).to_string();
    assert_eq!(text, "5VjshY_wSEsDYm-eEoElLqtljnq-PT3M65sJo6cOGfM");
    assert_eq!(text.parse::<FieldFingerprints>().unwrap(), FieldFingerprints::of(&record(), &key()));
}

#[test]
fn a_field_that_was_not_read_has_no_fingerprint() {
    let mut old = record();
    (old.tier, old.description, old.tags, old.labels) = (None, None, None, None);
    let fingerprints = FieldFingerprints::of(&old, &key());
    let read: Vec<_> = [Field::Description, Field::KeyId, Field::Tier, Field::Tags, Field::Labels, Field::DataType]
        .into_iter()
        .filter(|field| fingerprints.has(*field))
        .collect();
    assert_eq!(read, [Field::KeyId, Field::DataType]);
    assert!(!fingerprints.has(Field::Value), "it has no place here");
}

#[test]
fn texts_that_are_not_fingerprints_of_fields_are_refused() {
    let text = FieldFingerprints::of(&record(), &key()).to_string();
    for bad in ["", "AAAA", &text[1..], &format!("{text}A"), &"/".repeat(43), &"A".repeat(1000)] {
        bad.parse::<FieldFingerprints>().unwrap_err();
        serde_json::from_str::<FieldFingerprints>(&format!("{bad:?}")).unwrap_err();
    }
    let json = serde_json::to_string(&text).unwrap();
    assert_eq!(serde_json::from_str::<FieldFingerprints>(&json).unwrap().to_string(), text);
}
