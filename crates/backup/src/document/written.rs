//! The JSON of a record as nearly all are, read and written member by member; any other one is left to serde, which takes more than
//! twice as long.

use std::io::{self, Write};

use parados_parameter::{AllowedPattern, DataType, Description, KeyId, Label, ParameterName, Secret, Tag, Tier};

use super::date;
use super::record::{Line, ParameterRecord};
use crate::json::{Cursor, write_text};

/// A record as it is written, and how many bytes it has; none of one that is not written so, or whose texts have escapes, and of one
/// with policies or older versions, or that is not the last of its line.
pub(super) fn read(bytes: &[u8]) -> Option<(ParameterRecord, usize)> {
    let mut json = Cursor::until(bytes, b'\n')?;
    let name = json.member(b"{\"Name\":\"")?;
    let parameter_type = json.member(b",\"Type\":\"")?;
    let value = json.member(b",\"Value\":\"")?;
    json.take(b",\"Version\":")?;
    let version = json.version()?;
    let date = json.member(b",\"LastModifiedDate\":\"")?;
    let arn = json.optional(b",\"ARN\":\"")?;
    let data_type = json.member(b",\"DataType\":\"")?;
    let description = json.optional(b",\"Description\":\"")?;
    let key_id = json.optional(b",\"KeyId\":\"")?;
    let tier = json.optional(b",\"Tier\":\"")?;
    let allowed_pattern = json.optional(b",\"AllowedPattern\":\"")?;
    let last_modified_user = json.optional(b",\"LastModifiedUser\":\"")?;
    let tags = json.list(b",\"Tags\":", |json| {
        let key = json.member(b"{\"Key\":\"")?;
        let value = json.member(b",\"Value\":\"")?;
        json.take(b"}")?;
        Some(Tag::observed(key, value))
    })?;
    let labels = json.list(b",\"Labels\":", |json| json.member(b"\"").map(Label::observed))?;
    let history = json.list(b",\"History\":", |_| None)?;
    json.take(b"}")?;
    let record = ParameterRecord {
        name: ParameterName::observed(name),
        parameter_type: parameter_type.parse().ok()?,
        value: Secret::new(value),
        version,
        last_modified_date: date.parse().ok()?,
        arn: arn.map(str::to_owned),
        data_type: DataType::observed(data_type),
        description: description.map(Description::observed),
        key_id: key_id.map(KeyId::observed),
        tier: tier.map(str::parse).transpose().ok()?,
        policies: Vec::new(),
        allowed_pattern: allowed_pattern.map(AllowedPattern::observed),
        last_modified_user: last_modified_user.map(str::to_owned),
        tags,
        labels,
        history,
    };
    Some((record, json.taken()))
}

/// Writes a record.
pub(super) fn write(out: &mut impl Write, record: &ParameterRecord) -> io::Result<()> {
    if !record.policies.is_empty() || record.history.as_ref().is_some_and(|history| !history.is_empty()) {
        return Ok(serde_json::to_writer(out, &Line(record))?);
    }
    let optional = |out: &mut _, begin: &[u8], text: Option<&str>| match text {
        Some(text) => write_text(out, begin, text),
        None => Ok(()),
    };
    write_text(out, b"{\"Name\":\"", record.name.as_str())?;
    write_text(out, b",\"Type\":\"", record.parameter_type.as_str())?;
    write_text(out, b",\"Value\":\"", record.value.reveal())?;
    write!(out, ",\"Version\":{}", record.version.get())?;
    write_text(out, b",\"LastModifiedDate\":\"", &date::text(&record.last_modified_date))?;
    optional(out, b",\"ARN\":\"", record.arn.as_deref())?;
    write_text(out, b",\"DataType\":\"", record.data_type.as_str())?;
    optional(out, b",\"Description\":\"", record.description.as_ref().map(Description::as_str))?;
    optional(out, b",\"KeyId\":\"", record.key_id.as_ref().map(KeyId::as_str))?;
    optional(out, b",\"Tier\":\"", record.tier.map(Tier::as_str))?;
    optional(out, b",\"AllowedPattern\":\"", record.allowed_pattern.as_ref().map(AllowedPattern::as_str))?;
    optional(out, b",\"LastModifiedUser\":\"", record.last_modified_user.as_deref())?;
    list(out, b",\"Tags\":", record.tags.as_deref(), |out, tag| {
        write_text(out, b"{\"Key\":\"", tag.key())?;
        write_text(out, b",\"Value\":\"", tag.value())?;
        out.write_all(b"}")
    })?;
    list(out, b",\"Labels\":", record.labels.as_deref(), |out, label| write_text(out, b"\"", label.as_str()))?;
    if record.history.is_some() {
        out.write_all(b",\"History\":[]")?;
    }
    out.write_all(b"}")
}

/// Writes a list, where there is one.
fn list<W: Write, T>(
    out: &mut W,
    begin: &[u8],
    items: Option<&[T]>,
    each: impl Fn(&mut W, &T) -> io::Result<()>,
) -> io::Result<()> {
    let Some(items) = items else { return Ok(()) };
    out.write_all(begin)?;
    out.write_all(b"[")?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        each(out, item)?;
    }
    out.write_all(b"]")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What may stand for each member: most often the first of them. An empty text leaves it out.
    const MEMBERS: [&[&str]; 15] = [
        &[r#""Name":"/a/b""#, r#""Name":"""#, r#""Name":"a\"b""#, ""],
        &[r#""Type":"SecureString""#, r#""Type":"Other""#, ""],
        &[r#""Value":"hunter2 é""#, r#""Value":"a\nb""#, r#""Value":"""#, r#""Value":null"#, ""],
        &[
            r#""Version":12"#,
            r#""Version":0"#,
            r#""Version":01"#,
            r#""Version":-1"#,
            r#""Version":1.0"#,
            r#""Version":123456789012345678"#,
            r#""Version":9223372036854775807"#,
            r#""Version":123456789012345678901"#,
        ],
        &[
            r#""LastModifiedDate":"2025-10-15T12:00:45.760000+00:00""#,
            r#""LastModifiedDate":1760529645.76"#,
            r#""LastModifiedDate":"yesterday""#,
            "",
        ],
        &[r#""ARN":"arn:x""#, r#""ARN":null"#, r#""Arn":"arn:x""#, ""],
        &[r#""DataType":"text""#, r#""DataType":"aws:ec2:image""#, ""],
        &[r#""Description":"d""#, r#""Description":"""#, ""],
        &[r#""KeyId":"alias/aws/ssm""#, ""],
        &[r#""Tier":"Advanced""#, r#""Tier":"None""#, ""],
        &["", r#""Policies":[]"#, r#""Policies":[{"PolicyText":"{}","PolicyType":"Expiration"}]"#],
        &["", r#""AllowedPattern":"[a-z]+""#],
        &[r#""LastModifiedUser":"ann""#, r#""LastModifiedUser":"""#, ""],
        &[
            r#""Tags":[{"Key":"team","Value":"core"},{"Key":"a","Value":""}]"#,
            r#""Tags":[{"Key":"team","Value":"core"},]"#,
            r#""Tags":[]"#,
            r#""Tags":null"#,
            "",
        ],
        &[r#""Labels":["blue","green"],"History":[]"#, r#""Labels":[]"#, r#""History":[{"Version":1}]"#, ""],
    ];

    const WRITTEN: &str = r#"{"Name":"/a","Type":"String","Value":"v","Version":1,"LastModifiedDate":"2025-10-15T12:00:45.760000+00:00","ARN":"arn:x","DataType":"text","Description":"d","KeyId":"k","Tier":"Standard","AllowedPattern":"[a-z]+","LastModifiedUser":"ann","Tags":[{"Key":"team","Value":"core"},{"Key":"a","Value":""}],"Labels":["blue","green"],"History":[]}"#;

    fn by_serde(json: &[u8]) -> Option<ParameterRecord> {
        serde_json::from_slice(json).ok()
    }

    #[test]
    fn a_record_that_is_written_as_ours_needs_no_serde() {
        let (record, length) = read(format!("{WRITTEN},\n").as_bytes()).unwrap();
        assert_eq!(length, WRITTEN.len());
        assert_eq!(Some(record), by_serde(WRITTEN.as_bytes()));
        for raw in (0..=u8::MAX).filter(|byte| *byte < b' ' || *byte > b'~') {
            let mut line = format!("{WRITTEN}\n").into_bytes();
            line[r#"{"Name":"/"#.len()] = raw;
            assert_eq!(read(&line).is_some(), raw == 0x7f, "{raw:#x}");
        }
        for text in [WRITTEN.replace(r#""v""#, r#""\n""#), WRITTEN.replace("[]", r#"[{"Version":1}]"#)] {
            assert!(read(format!("{text}\n").as_bytes()).is_none(), "{text}");
        }
    }

    fn by_serde_written(record: &ParameterRecord) -> String {
        serde_json::to_string(&Line(record)).unwrap()
    }

    proptest! {
        /// Each text may be there or not, and need escapes.
        #[test]
        fn what_it_writes_is_what_serde_writes(
            texts in prop::collection::vec(prop::option::of(r#"[a-z/é"\\\n\x1f]{0,5}"#), 11),
            nanosecond in prop::sample::select(vec![0, 1, 760_000_000]),
            lists in prop::collection::vec(prop::option::of(0..3_usize), 3),
            has_policy in prop::bool::weighted(0.1),
        ) {
            let text = |at: usize| texts[at].clone().unwrap_or_default();
            let mut record = by_serde(WRITTEN.as_bytes()).unwrap();
            (record.name, record.value) = (ParameterName::observed(text(0)), Secret::new(text(1)));
            record.last_modified_date = jiff::Timestamp::new(1_760_529_645, nanosecond).unwrap();
            (record.arn, record.data_type) = (texts[2].clone(), DataType::observed(text(3)));
            record.description = texts[4].clone().map(Description::observed);
            record.key_id = texts[5].clone().map(KeyId::observed);
            record.tier = texts[6].is_some().then_some(Tier::Advanced);
            record.allowed_pattern = texts[7].clone().map(AllowedPattern::observed);
            record.last_modified_user = texts[8].clone();
            record.tags = lists[0].map(|count| vec![Tag::observed(text(9), text(10)); count]);
            record.labels = lists[1].map(|count| vec![Label::observed(text(10)); count]);
            let older = r#"{"Version":1,"Type":"String","Value":"old","LastModifiedDate":0}"#;
            record.history = lists[2].map(|count| vec![serde_json::from_str(older).unwrap(); count]);
            if has_policy {
                let policy = parados_parameter::Policy {
                    policy_text: text(9), policy_type: text(10), policy_status: None,
                };
                record.policies.push(policy);
            }
            let mut written = Vec::new();
            write(&mut written, &record).unwrap();
            prop_assert_eq!(String::from_utf8(written).unwrap(), by_serde_written(&record));
        }

        /// Members in their order, a few of them others, or left out.
        #[test]
        fn what_it_reads_is_what_serde_reads(
            picks in prop::collection::vec(prop_oneof![8 => Just(0), 2 => 0..20_usize], MEMBERS.len()),
        ) {
            let members = MEMBERS.iter().zip(picks).map(|(alternatives, pick)| alternatives[pick % alternatives.len()]);
            let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
            let json = format!("{{{}}}\n", members.join(","));
            if let Some((record, length)) = read(json.as_bytes()) {
                prop_assert_eq!(Some(record), by_serde(&json.as_bytes()[..length]));
            }
        }

        /// A byte that is another, or gone.
        #[test]
        fn what_serde_refuses_it_does_not_read(
            at in 0..WRITTEN.len(),
            byte in prop::option::of(prop::sample::select(b"\"\\{}[],:0e.- aZ_\x7f\xff\n\x1f".to_vec())),
        ) {
            let mut json = [WRITTEN.as_bytes(), b"\n"].concat();
            match byte {
                Some(byte) => json[at] = byte,
                None => drop(json.remove(at)),
            }
            if let Some((record, length)) = read(&json) {
                prop_assert_eq!(Some(record), by_serde(&json[..length]));
            }
        }
    }
}
