//! The list of a manifest's parameters, read one by one.
//!
//! An entry that stands as [`ManifestDraft::encode`](super::ManifestDraft::encode) writes it is read member by member; any other
//! JSON of one is left to serde, which takes about twice as long.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use parados_parameter::ParameterName;
use serde::de::{Error as _, IgnoredAny};

use super::{ManifestError, ManifestSummary, ParameterEntry};
use crate::fingerprint::base64url;
use crate::json::{Cursor, write_text};

/// As jiff's serde does.
const DATES: DateTimePrinter = DateTimePrinter::new();

/// What was seen of a list.
#[derive(Default)]
pub(super) struct Walked {
    count: u64,
    /// The name that came last, in its canonical form. One buffer for all names: there may be a hundred thousand.
    previous: String,
    /// The first two that do not stand in order.
    misplaced: Option<[String; 2]>,
}

impl Walked {
    /// Whether nothing was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes note of the next entry.
    pub(super) fn note(&mut self, entry: &ParameterEntry) {
        let name = entry.name.canonical();
        if self.count > 0 && self.misplaced.is_none() && self.previous.as_str() >= name {
            self.misplaced = Some([self.previous.clone(), entry.name.to_string()]);
        }
        self.previous.clear();
        self.previous.push_str(name);
        self.count += 1;
    }

    /// Checks the rules of the parameters: their number, their order, each once.
    pub(super) fn check(self, summary: &ManifestSummary) -> Result<(), ManifestError> {
        if summary.counts.parameters != self.count {
            let rule = format!("it is {}, and there are {}", summary.counts.parameters, self.count);
            return Err(ManifestError::invalid("counts.parameters", rule));
        }
        match self.misplaced {
            None => Ok(()),
            Some([first, second]) => {
                let rule = format!("{first} stands before {second}");
                Err(ManifestError::invalid("order of parameters", rule))
            }
        }
    }
}

/// Gives each parameter of a list, as JSON, to `each`.
pub(super) fn walk(list: &[u8], mut each: impl FnMut(ParameterEntry)) -> Result<Walked, ManifestError> {
    let mut walked = Walked::default();
    let mut rest = begin(list)?;
    while let Some(at_entry) = next(rest, walked.is_empty())? {
        let (entry, length) = match read(at_entry) {
            Some(read) => read,
            None => by_serde(at_entry)?,
        };
        rest = &at_entry[length..];
        walked.note(&entry);
        each(entry);
    }
    Ok(walked)
}

fn begin(list: &[u8]) -> Result<&[u8], ManifestError> {
    match list.trim_ascii_start().strip_prefix(b"[") {
        Some(rest) => Ok(rest),
        None => {
            serde_json::from_slice::<IgnoredAny>(list).map_err(ManifestError::Content)?;
            Err(damaged("the parameters are no list"))
        }
    }
}

/// Where the next entry begins; none at the end of the list, which is the end of all.
fn next(rest: &[u8], is_first: bool) -> Result<Option<&[u8]>, ManifestError> {
    match rest.trim_ascii_start().split_first() {
        Some((b']', behind)) if behind.trim_ascii().is_empty() => Ok(None),
        Some((b',', behind)) if !is_first => Ok(Some(behind)),
        Some(_) if is_first => Ok(Some(rest)),
        _ => Err(damaged("an entry is followed by neither another one nor the end of the list")),
    }
}

fn damaged(words: &str) -> ManifestError {
    ManifestError::Content(serde_json::Error::custom(words))
}

fn by_serde(bytes: &[u8]) -> Result<(ParameterEntry, usize), ManifestError> {
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter();
    match stream.next() {
        Some(Ok(entry)) => Ok((entry, stream.byte_offset())),
        Some(Err(error)) => Err(ManifestError::Content(error)),
        None => Err(damaged("the list has no end")),
    }
}

/// An entry as it is written, and how many bytes it has; none of one that is not written so.
pub(super) fn read(bytes: &[u8]) -> Option<(ParameterEntry, usize)> {
    let mut json = Cursor::until(bytes, b'}')?;
    let name = json.member(b"{\"name\":\"")?;
    let parameter_type = json.member(b",\"type\":\"")?;
    json.take(b",\"version\":")?;
    let version = json.version()?;
    let last_modified_date = json.member(b",\"last_modified_date\":\"")?;
    let fingerprint = json.member(b",\"fingerprint\":\"")?;
    let metadata = json.member(b",\"metadata\":\"")?;
    let fields = json.optional(b",\"fields\":\"")?;
    json.take(b"}")?;
    let entry = ParameterEntry {
        name: ParameterName::observed(name),
        parameter_type: parameter_type.parse().ok()?,
        version,
        last_modified_date: last_modified_date.parse::<Timestamp>().ok()?,
        fingerprint: fingerprint.parse().ok()?,
        metadata: metadata.parse().ok()?,
        fields: fields.map(str::parse).transpose().ok()?,
    };
    Some((entry, json.taken()))
}

/// Writes an entry as serde does, and in less than half the time.
pub(super) fn write(out: &mut Vec<u8>, entry: &ParameterEntry) {
    const MEMORY: &str = "memory takes what is written to it";
    let ParameterEntry { name, parameter_type, version, last_modified_date, fingerprint, metadata, fields } = entry;
    write_text(out, b"{\"name\":\"", name.as_str()).expect(MEMORY);
    write_text(out, b",\"type\":\"", parameter_type.as_str()).expect(MEMORY);
    write!(out, ",\"version\":{},\"last_modified_date\":\"", version.get()).expect(MEMORY);
    DATES.print_timestamp(last_modified_date, &mut *out).expect(MEMORY);
    let mut bytes = |begin: &[u8], bytes: &[u8]| {
        out.extend_from_slice(begin);
        out.extend_from_slice(base64url(bytes, &mut [0; 43]).as_bytes());
    };
    bytes(b"\",\"fingerprint\":\"", fingerprint.as_bytes());
    bytes(b"\",\"metadata\":\"", metadata.as_bytes());
    if let Some(fields) = fields {
        bytes(b"\",\"fields\":\"", fields.as_bytes());
    }
    out.extend_from_slice(b"\"}");
}

#[cfg(test)]
mod tests {
    use parados_parameter::{ParameterType, Version};
    use proptest::prelude::*;

    use super::*;
    use crate::field::FieldFingerprints;
    use crate::fingerprint::Fingerprint;

    fn entry() -> impl Strategy<Value = ParameterEntry> {
        let types =
            prop::sample::select(vec![ParameterType::String, ParameterType::StringList, ParameterType::SecureString]);
        let stamp =
            (-1_000_000_000_000_i64..10_000_000_000_000).prop_map(|ms| Timestamp::from_millisecond(ms).unwrap());
        let names = prop_oneof!["/[a-z/]{0,20}", any::<String>(), r#"["\\/é\n]{0,5}"#];
        let fingerprints = (any::<[u8; 16]>(), any::<[u8; 16]>(), prop::option::of(any::<[u8; 32]>()));
        (names, types, 1..i64::MAX, stamp, fingerprints).prop_map(
            |(name, parameter_type, version, last_modified_date, (fingerprint, metadata, fields))| ParameterEntry {
                name: ParameterName::observed(name),
                parameter_type,
                version: Version::new(version).unwrap(),
                last_modified_date,
                fingerprint: Fingerprint::from_bytes(fingerprint),
                metadata: Fingerprint::from_bytes(metadata),
                fields: fields.map(FieldFingerprints::from_bytes),
            },
        )
    }

    fn read_all(list: &[u8]) -> Result<Vec<ParameterEntry>, ManifestError> {
        let mut entries = Vec::new();
        walk(list, |entry| entries.push(entry)).map(|_| entries)
    }

    proptest! {
        #[test]
        fn an_entry_is_written_as_serde_writes_it(entry in entry(), nanosecond in 0..1_000_000_000_i32) {
            let last_modified_date = Timestamp::new(entry.last_modified_date.as_second(), nanosecond).unwrap();
            for entry in [ParameterEntry { last_modified_date, ..entry.clone() }, entry] {
                let mut written = Vec::new();
                write(&mut written, &entry);
                prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&entry).unwrap());
            }
        }

        #[test]
        fn entries_are_what_serde_reads_however_they_are_written(
            entries in prop::collection::vec(entry(), 0..4),
            pretty in any::<bool>(),
        ) {
            let list = if pretty { serde_json::to_vec_pretty(&entries) } else { serde_json::to_vec(&entries) }.unwrap();
            prop_assert_eq!(read_all(&list).unwrap(), entries);
        }

        /// A byte that is another, or gone: read as serde reads it, or refused as serde refuses it.
        #[test]
        fn what_serde_refuses_is_refused(
            entries in prop::collection::vec(entry(), 1..3),
            at in any::<prop::sample::Index>(),
            byte in prop::option::of(prop::sample::select(b"\"\\{}[],:0e.- aZ_\x7f\xff\n".to_vec())),
        ) {
            let mut list = serde_json::to_vec(&entries).unwrap();
            let at = at.index(list.len());
            match byte {
                Some(byte) => list[at] = byte,
                None => drop(list.remove(at)),
            }
            let expected = serde_json::from_slice::<Vec<ParameterEntry>>(&list).ok();
            prop_assert_eq!(read_all(&list).ok(), expected);
        }
    }

    #[test]
    fn an_entry_that_is_written_as_ours_needs_no_serde() {
        let text = br#"{"name":"/a","type":"String","version":12,"last_modified_date":"2025-10-15T12:00:45.76Z","fingerprint":"AAAAAAAAAAAAAAAAAAAAAA","metadata":"AAAAAAAAAAAAAAAAAAAAAA"},"#;
        let (entry, length) = read(text).unwrap();
        assert_eq!((entry.name.as_str(), entry.version.get(), length), ("/a", 12, text.len() - 1));
        assert_eq!(serde_json::to_vec(&entry).unwrap(), text[..length]);
    }
}
