//! Records for the tests: a few by hand, and any by proptest.

use std::ops::ControlFlow;

use jiff::Timestamp;
use parados_backup::document::{
    DocumentError, DocumentHeader, DocumentSummary, Encoded, Encoder, HistoryRecord, ParameterRecord, read,
};
use parados_backup::seal::Sealer;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Label, ParameterName, ParameterType, Policy, Secret, Tag, Tier,
    Version,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A header with every field.
pub(crate) fn header() -> DocumentHeader {
    DocumentHeader {
        project: Some("jenkins".into()),
        account: Some("123456789012".into()),
        region: Some("eu-west-1".into()),
        snapshot: Some("0123456789abcdef".into()),
        tool: Some("parados 0.1.0".into()),
        ..DocumentHeader::new("dev", "2025-10-15T12:00:45.76Z".parse().unwrap())
    }
}

/// A record with the fields that every parameter has.
pub(crate) fn record(name: &str, value: &str) -> ParameterRecord {
    ParameterRecord {
        name: ParameterName::observed(name),
        parameter_type: ParameterType::SecureString,
        value: Secret::new(value),
        version: Version::FIRST,
        last_modified_date: "2025-10-15T12:00:45.76Z".parse().unwrap(),
        arn: None,
        data_type: DataType::default(),
        description: None,
        key_id: None,
        tier: Some(Tier::Standard),
        policies: Vec::new(),
        allowed_pattern: None,
        last_modified_user: None,
        tags: None,
        labels: None,
        history: None,
    }
}

/// The stored bytes of a document of `records`.
pub(crate) fn encode(records: &[ParameterRecord], sealer: Option<&Sealer>) -> (Vec<u8>, Encoded) {
    let mut encoder = Encoder::new(Vec::new(), &header(), sealer).unwrap();
    for record in records {
        encoder.write(record).unwrap();
    }
    encoder.finish().unwrap()
}

/// All of a document.
pub(crate) fn read_all(
    reader: impl std::io::BufRead,
) -> Result<(DocumentSummary, Vec<ParameterRecord>), DocumentError> {
    let mut records = Vec::new();
    let summary = read(reader, |record| {
        records.push(record);
        ControlFlow::Continue(())
    })?;
    Ok((summary, records))
}

/// Values that break careless writers: empty, of control characters, of any Unicode, as long as they may be.
fn value() -> impl Strategy<Value = Secret> {
    prop_oneof![
        Just(String::new()),
        "[\\x00-\\x1f\\x7f\"\\\\/]{1,40}",
        any::<String>(),
        "[a-z\u{0}\u{2028}\u{feff}\u{10ffff}é日]{0,50}",
        ("[ -~]", 1..=8192_usize).prop_map(|(text, times)| text.repeat(times)),
        Just("\u{1}".repeat(8192)),
    ]
    .prop_map(Secret::new)
}

fn date() -> impl Strategy<Value = Timestamp> {
    let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    prop_oneof![
        (0..4_102_444_800_000_i64).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap()),
        (least + 1..most, 0..1_000_000_000).prop_map(|(second, ns)| Timestamp::new(second, ns).unwrap()),
    ]
}

fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let policy = (any::<String>(), any::<String>(), option::of(any::<String>()))
        .prop_map(|(policy_text, policy_type, policy_status)| Policy { policy_text, policy_type, policy_status });
    vec(policy, 0..3)
}

fn parameter_type() -> impl Strategy<Value = ParameterType> {
    prop::sample::select(ParameterType::ALL)
}

fn version() -> impl Strategy<Value = Version> {
    (1..=i64::MAX).prop_map(|number| Version::new(number).unwrap())
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    vec(any::<String>().prop_map(Label::observed), 0..3)
}

fn history_record() -> impl Strategy<Value = HistoryRecord> {
    (
        (version(), parameter_type(), value(), date(), option::of(any::<String>()), any::<String>()),
        (option::of(any::<String>()), option::of(any::<String>()), option::of(prop::sample::select(Tier::ALL))),
        (policies(), option::of(any::<String>()), labels()),
    )
        .prop_map(
            |(
                (version, parameter_type, value, last_modified_date, last_modified_user, data_type),
                (description, key_id, tier),
                (policies, allowed_pattern, labels),
            )| HistoryRecord {
                version,
                parameter_type,
                value,
                last_modified_date,
                last_modified_user,
                data_type: DataType::observed(data_type),
                description: description.map(Description::observed),
                key_id: key_id.map(KeyId::observed),
                tier,
                policies,
                allowed_pattern: allowed_pattern.map(AllowedPattern::observed),
                labels,
            },
        )
}

prop_compose! {
    /// Any record.
    pub(crate) fn any_record()(
        newest in history_record(),
        name in prop_oneof!["/[a-zA-Z0-9_./-]{1,40}", any::<String>()],
        arn in option::of(any::<String>()),
        tags in option::of(vec((any::<String>(), any::<String>()), 0..3)),
        labels in option::of(labels()),
        history in option::of(vec(history_record(), 0..3)),
    ) -> ParameterRecord {
        ParameterRecord {
            name: ParameterName::observed(name),
            parameter_type: newest.parameter_type,
            value: newest.value,
            version: newest.version,
            last_modified_date: newest.last_modified_date,
            arn,
            data_type: newest.data_type,
            description: newest.description,
            key_id: newest.key_id,
            tier: newest.tier,
            policies: newest.policies,
            allowed_pattern: newest.allowed_pattern,
            last_modified_user: newest.last_modified_user,
            tags: tags.map(|tags| tags.into_iter().map(|(key, value)| Tag::observed(key, value)).collect()),
            labels,
            history,
        }
    }
}
