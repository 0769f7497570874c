//! An entry as it is written: one line of JSON (FORMAT.md, "The audit").

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditEntry;

/// Most bytes of a text that a caller chose; what is longer is cut, and ends in `…`.
const MAX_TEXT_BYTES: usize = 2_100;
/// Most things touched that are named; `touched_count` says how many there were.
const MAX_TOUCHED: usize = 100;

/// The SHA-256 of an entry's line, without its line feed.
pub(crate) type Digest = [u8; 32];

/// The digest of a line.
pub(crate) fn digest_of(line: &[u8]) -> Digest {
    let mut out = Digest::default();
    out.copy_from_slice(digest(&SHA256, line).as_ref());
    out
}

/// What an entry tells, in the order in which it is written; what there is not is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord<'a> {
    /// When: RFC 3339 in UTC, to the millisecond.
    pub at: Cow<'a, str>,
    /// What kind of entry it is.
    pub kind: AuditKind,
    /// How it ended: `ok`, or the error's code.
    pub outcome: Cow<'a, str>,
    /// Which event of the server's own; of an [`AuditKind::Event`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// The service that was called: `ssm`, `sts`, `tagging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Cow<'a, str>>,
    /// The operation: `GetParameter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Cow<'a, str>>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Cow<'a, str>>,
    /// The Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Cow<'a, str>>,
    /// The principal's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Cow<'a, str>>,
    /// The principal's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<Cow<'a, str>>,
    /// The access key that signed; without a principal, the one that a signature named which was not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Cow<'a, str>>,
    /// The address and port that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Cow<'a, str>>,
    /// The program, as it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    /// The id that the answer bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Cow<'a, str>>,
    /// The HTTP status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the call took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u64>,
    /// What it was done to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<TouchedRecord<'a>>,
    /// How many things it was done to, where not all of them are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched_count: Option<u64>,
    /// How many calls it stands for: those that were refused without an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What about it whoever reads this should know: `unchecked-image`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<Cow<'a, str>>,
    /// The last entry that was removed, and its digest; of an [`AuditKind::Checkpoint`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<AuditHead>,
}

/// What kind an entry is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditKind {
    /// A call.
    #[default]
    Call,
    /// Something that the server did by itself.
    Event,
    /// Entries before this one are removed: those up to the one that it names.
    Checkpoint,
}

/// A parameter, a path or what else was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchedRecord<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The version, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// The end of a chain: the number of its last entry and the digest of that. Shown as `42:9f86d0…`; number 0 is the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of the last entry.
    pub sequence: u64,
    /// The SHA-256 of its line, in hexadecimal.
    pub digest: String,
}

/// A line of the chain, read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Its number, from 1, without a gap.
    pub sequence: u64,
    /// The digest of the line before it; 64 zeros for the first.
    pub previous: String,
    /// What it tells.
    #[serde(flatten)]
    pub record: AuditRecord<'static>,
}

impl<'a> AuditRecord<'a> {
    /// What a call is written as.
    pub(crate) fn of_call(entry: &'a AuditEntry) -> Self {
        let caller = entry.caller.as_ref();
        let touched = entry.touched.iter().take(MAX_TOUCHED);
        Self {
            at: written(entry.at).into(),
            kind: AuditKind::Call,
            outcome: entry.error.as_deref().map_or(Cow::Borrowed("ok"), cut),
            event: None,
            service: entry.action.map(|action| action.service().signing_name().into()),
            operation: entry.action.map(|action| action.name().into()),
            account: caller.map(|caller| caller.place.account().into()),
            region: caller.map(|caller| caller.place.region().into()),
            principal: caller.map(|caller| cut(&caller.principal)),
            arn: caller.map(|caller| cut(&caller.arn)),
            access_key_id: caller.map(|caller| &caller.access_key_id).or(entry.claimed_key.as_ref()).map(|id| cut(id)),
            source: entry.source.map(|source| source.to_string().into()),
            user_agent: entry.user_agent.as_deref().map(cut),
            request_id: Some(entry.request_id.as_str().into()),
            status: Some(entry.status),
            took_us: Some(u64::try_from(entry.took.as_micros()).unwrap_or(u64::MAX)),
            touched: touched.map(|one| TouchedRecord { name: cut(&one.name), version: one.version }).collect(),
            touched_count: (entry.touched.len() > MAX_TOUCHED).then_some(entry.touched.len() as u64),
            count: None,
            flags: entry.flags.iter().map(|flag| Cow::Borrowed(*flag)).collect(),
            removed: None,
        }
    }

    /// Something that the server did by itself.
    pub(crate) fn of_event(at: Timestamp, event: &'a str) -> Self {
        let (at, outcome, event) = (written(at).into(), Cow::Borrowed("ok"), Some(event.into()));
        Self { at, kind: AuditKind::Event, outcome, event, ..Self::default() }
    }

    /// The removal of everything up to `removed`.
    pub(crate) fn of_checkpoint(at: Timestamp, removed: AuditHead) -> Self {
        let (at, outcome, removed) = (written(at).into(), Cow::Borrowed("ok"), Some(removed));
        Self { at, kind: AuditKind::Checkpoint, outcome, removed, ..Self::default() }
    }

    /// Its JSON, an object.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, self).expect("texts and numbers, written to memory");
        json
    }
}

impl AuditLine {
    /// Reads a line.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// The line of the entry `sequence` that follows the one with the digest `previous`: these two first, then the `record`.
pub(crate) fn append_line(lines: &mut Vec<u8>, sequence: u64, previous: &Digest, record: &[u8]) -> Digest {
    let start = lines.len();
    lines.extend_from_slice(b"{\"sequence\":");
    push_number(lines, sequence);
    lines.extend_from_slice(b",\"previous\":\"");
    let mut digits = [0; 64];
    hex::encode_to_slice(previous, &mut digits).expect("64 digits are 32 bytes");
    lines.extend_from_slice(&digits);
    lines.extend_from_slice(b"\",");
    lines.extend_from_slice(&record[1..]);
    let digest = digest_of(&lines[start..]);
    lines.push(b'\n');
    digest
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    use std::io::Write as _;
    write!(out, "{number}").expect("memory takes what is written to it");
}

/// The time as it is written.
fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A text that a caller chose, with an end.
fn cut(text: &str) -> Cow<'_, str> {
    match text.len() <= MAX_TEXT_BYTES {
        true => text.into(),
        false => format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, refused};
    use super::*;

    fn line_of(entry: &AuditEntry) -> String {
        let mut lines = Vec::new();
        append_line(&mut lines, 7, &[0xab; 32], &AuditRecord::of_call(entry).to_json());
        String::from_utf8(lines).unwrap()
    }

    /// The words of FORMAT.md.
    #[test]
    fn a_line_is_as_the_format_says() {
        assert_eq!(
            line_of(&entry("/shop/dev/db")),
            concat!(
                r#"{"sequence":7,"previous":"abababababababababababababababababababababababababababababababab","#,
                r#""at":"2026-11-24T15:00:00.250Z","kind":"call","outcome":"ok","service":"ssm","operation":"GetParameter","#,
                r#""account":"123456789012","region":"eu-west-1","principal":"deploy","#,
                r#""arn":"arn:aws:iam::123456789012:user/deploy","access_key_id":"AKIAEXAMPLE","source":"192.0.2.7:50123","#,
                r#""user_agent":"aws-cli/2","request_id":"3f0c","status":200,"took_us":41,"#,
                r#""touched":[{"name":"/shop/dev/db","version":3}]}"#,
                "\n",
            )
        );
        assert_eq!(
            line_of(&refused()),
            concat!(
                r#"{"sequence":7,"previous":"abababababababababababababababababababababababababababababababab","#,
                r#""at":"2026-11-24T15:00:00.000Z","kind":"call","outcome":"MissingAuthenticationTokenException","#,
                r#""request_id":"3f0d","status":400,"took_us":9}"#,
                "\n",
            )
        );
        let flagged = line_of(&AuditEntry { flags: vec!["unchecked-image"], ..refused() });
        assert!(flagged.ends_with(",\"took_us\":9,\"flags\":[\"unchecked-image\"]}\n"), "{flagged}");
        let claimed = line_of(&AuditEntry { claimed_key: Some("AKIAEXAMPLE".to_owned()), ..refused() });
        assert!(claimed.contains(r#"Exception","access_key_id":"AKIAEXAMPLE","request_id""#), "{claimed}");
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let entry = entry("/a\"\\\u{1}é");
        let line = line_of(&entry);
        let read = AuditLine::read(line.as_bytes()).unwrap();
        assert_eq!((read.sequence, read.previous), (7, "ab".repeat(32)));
        assert_eq!(read.record, AuditRecord::of_call(&entry));
    }

    #[test]
    fn what_a_caller_chose_has_an_end() {
        let mut long = entry(&"é".repeat(3_000));
        long.touched = vec![long.touched[0].clone(); 150];
        long.user_agent = Some("x".repeat(100_000));
        let read = AuditLine::read(line_of(&long).as_bytes()).unwrap().record;
        assert_eq!((read.touched.len(), read.touched_count), (100, Some(150)));
        assert_eq!(read.touched[0].name, format!("{}…", "é".repeat(1_050)));
        assert_eq!(read.user_agent.unwrap().chars().count(), 2_101);
    }
}
