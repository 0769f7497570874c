//! Reads a document as a stream.

use std::fmt;
use std::io::{self, Read};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::{DocumentHeader, FORMAT_VERSION};
use super::record::ParameterRecord;

const BUFFER_BYTES: usize = 64 * 1024;

/// What a document said beside its parameters, after all of it was read and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentSummary {
    /// What it says of itself.
    pub header: DocumentHeader,
    /// How many parameters it holds: counted, and as many as it says.
    pub parameter_count: u64,
}

/// A document that cannot be read. No error holds a text out of a document, which might be a value.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// The bytes could not be read, or not be opened.
    #[error("reading the document, after {parameters} parameters")]
    Read {
        /// How many came before.
        parameters: u64,
        /// Why.
        source: io::Error,
    },
    /// It ends in the middle.
    #[error("the document is cut off after {parameters} whole parameters")]
    Truncated {
        /// How many came before.
        parameters: u64,
    },
    /// It is not JSON, or not this format.
    #[error("the document is damaged after {parameters} parameters, at line {line}, column {column}: {message}")]
    Damaged {
        /// How many came before.
        parameters: u64,
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// What is wrong there, without a text out of the document.
        message: String,
    },
    /// It holds more or fewer parameters than it says.
    #[error("the document says that it has {said} parameters, and has {found}")]
    Count {
        /// What it says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// It is in a newer format.
    #[error(
        "the document has format version {version}, and this version reads up to {FORMAT_VERSION}: use a newer one"
    )]
    NewerFormat {
        /// Its format.
        version: u32,
    },
    /// The caller wanted no more, so the rest was not checked.
    #[error("reading the document was stopped")]
    Stopped,
}

/// Reads a document to its end, giving each parameter to `each` as it comes. Memory is that of one parameter.
///
/// Reads what [`Writer`](super::Writer) writes, and what the old pipeline wrote: fields in any order, only the AWS CLI's own
/// seven fields a parameter, dates of version 1 or 2 of the AWS CLI. What it does not know it leaves out.
///
/// Parameters are given out before the end was seen: what was made of them counts only when this returns [`Ok`].
///
/// # Errors
/// Every way in which the bytes are not one whole document; see [`DocumentError`]. [`DocumentError::Stopped`] when `each` breaks.
pub fn read(
    reader: impl Read,
    mut each: impl FnMut(ParameterRecord) -> ControlFlow<()>,
) -> Result<DocumentSummary, DocumentError> {
    let mut state = State { each: &mut each, found: 0, stopped: false };
    let mut json = serde_json::Deserializer::from_reader(SecretReader::new(reader));
    let outcome = DocumentSeed(&mut state).deserialize(&mut json).and_then(|read| json.end().map(|()| read));
    let (found, stopped) = (state.found, state.stopped);
    match outcome {
        _ if stopped => Err(DocumentError::Stopped),
        Ok(read) => read.check(found),
        Err(error) => Err(DocumentError::new(error, found)),
    }
}

impl DocumentError {
    fn new(error: serde_json::Error, parameters: u64) -> Self {
        use serde_json::error::Category;

        let (line, column) = (error.line(), error.column());
        match error.classify() {
            Category::Eof => Self::Truncated { parameters },
            Category::Io => Self::Read { parameters, source: error.into() },
            category => {
                let message = match category {
                    Category::Syntax => "not JSON".to_owned(),
                    _ => without_content(&error.to_string()),
                };
                Self::Damaged { parameters, line, column, message }
            }
        }
    }
}

/// What of serde's message holds no text out of the document: which field is missing or there twice, not what a field holds.
fn without_content(message: &str) -> String {
    let names_a_field = ["missing field `", "duplicate field `"].iter().any(|start| message.starts_with(start));
    match message.split_once(" at line ") {
        Some((message, _)) if names_a_field => message.to_owned(),
        _ => "not what the format says".to_owned(),
    }
}

struct State<'a> {
    each: &'a mut dyn FnMut(ParameterRecord) -> ControlFlow<()>,
    found: u64,
    stopped: bool,
}

/// What was read beside the parameters.
#[derive(Default)]
struct Envelope {
    header: DocumentHeader,
    said: Option<u64>,
}

impl Envelope {
    fn check(self, found: u64) -> Result<DocumentSummary, DocumentError> {
        if let Some(version) = self.header.format_version.filter(|version| *version > FORMAT_VERSION) {
            return Err(DocumentError::NewerFormat { version });
        }
        match self.said {
            Some(said) if said != found => Err(DocumentError::Count { said, found }),
            _ => Ok(DocumentSummary { header: self.header, parameter_count: found }),
        }
    }
}

struct DocumentSeed<'s, 'a>(&'s mut State<'a>);

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_, '_> {
    type Value = Envelope;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_, '_> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope::default();
        let header = &mut envelope.header;
        let mut has_parameters = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "backup_date" => header.backup_date = map.next_value()?,
                "backup_timestamp" => header.backup_timestamp = map.next_value()?,
                "environment" => header.environment = map.next_value()?,
                "format_version" => header.format_version = map.next_value()?,
                "project" => header.project = map.next_value()?,
                "account" => header.account = map.next_value()?,
                "region" => header.region = map.next_value()?,
                "snapshot" => header.snapshot = map.next_value()?,
                "tool" => header.tool = map.next_value()?,
                "parameters" if has_parameters => return Err(A::Error::duplicate_field("parameters")),
                "parameters" => {
                    has_parameters = true;
                    // A newer format is refused before its parameters are taken for something that they are not.
                    if header.format_version.is_some_and(|version| version > FORMAT_VERSION) {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        map.next_value_seed(ParametersSeed(self.0))?;
                    }
                }
                "parameter_count" if envelope.said.is_some() => {
                    return Err(A::Error::duplicate_field("parameter_count"));
                }
                "parameter_count" => envelope.said = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !has_parameters {
            return Err(A::Error::missing_field("parameters"));
        }
        if envelope.said.is_none() {
            return Err(A::Error::missing_field("parameter_count"));
        }
        Ok(envelope)
    }
}

struct ParametersSeed<'s, 'a>(&'s mut State<'a>);

impl<'de> DeserializeSeed<'de> for ParametersSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ParametersSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of parameters")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let state = self.0;
        while let Some(record) = sequence.next_element::<ParameterRecord>()? {
            state.found += 1;
            if (state.each)(record).is_break() {
                state.stopped = true;
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// A buffered reader whose buffer is zeroed. The JSON reader asks it for one byte at a time.
struct SecretReader<R> {
    inner: R,
    bytes: Zeroizing<Vec<u8>>,
    at: usize,
    filled: usize,
}

impl<R: Read> SecretReader<R> {
    fn new(inner: R) -> Self {
        Self { inner, bytes: Zeroizing::new(vec![0; BUFFER_BYTES]), at: 0, filled: 0 }
    }

    #[cold]
    fn fill(&mut self) -> io::Result<()> {
        self.at = 0;
        self.filled = 0;
        self.filled = loop {
            match self.inner.read(&mut self.bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        Ok(())
    }
}

impl<R: Read> Read for SecretReader<R> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.filled {
            self.fill()?;
        }
        let left = &self.bytes[self.at..self.filled];
        // One byte is what the JSON reader asks for, each time; a copy of any length would cost a call.
        if let ([byte], [next, ..]) = (&mut *buffer, left) {
            *byte = *next;
            self.at += 1;
            return Ok(1);
        }
        let count = buffer.len().min(left.len());
        buffer[..count].copy_from_slice(&left[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ONE: &str = r#"{"Name":"/a","Type":"String","Value":"hunter2","Version":1,"LastModifiedDate":0}"#;

    fn read_text(text: &str) -> Result<(DocumentSummary, Vec<ParameterRecord>), DocumentError> {
        let mut records = Vec::new();
        let summary = read(text.as_bytes(), |record| {
            records.push(record);
            ControlFlow::Continue(())
        })?;
        Ok((summary, records))
    }

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_are_left_out() {
        let text = format!(
            r#" {{ "parameter_count": 2, "x": [{{"parameters": []}}], "parameters": [ {ONE},
            {ONE} ], "environment": "dev", "project": null, "backup_date": "2025-10-15" }} "#
        );
        let (summary, records) = read_text(&text).unwrap();
        assert_eq!((summary.parameter_count, records.len()), (2, 2));
        assert_eq!((summary.header.environment.as_str(), summary.header.project), ("dev", None));
        assert_eq!(records[0].value.reveal(), "hunter2");
    }

    #[rstest]
    #[case::count(&format!(r#"{{"parameters":[{ONE}],"parameter_count":2}}"#), "says that it has 2 parameters, and has 1")]
    #[case::no_count(&format!(r#"{{"parameters":[{ONE}]}}"#), "missing field `parameter_count`")]
    #[case::no_parameters(r#"{"parameter_count":0}"#, "missing field `parameters`")]
    #[case::twice(r#"{"parameters":[],"parameters":[],"parameter_count":0}"#, "duplicate field `parameters`")]
    #[case::count_twice(
        r#"{"parameters":[],"parameter_count":0,"parameter_count":0}"#,
        "duplicate field `parameter_count`"
    )]
    #[case::after_it(r#"{"parameters":[],"parameter_count":0}{}"#, "line 1, column 38: not JSON")]
    #[case::empty("", "cut off after 0")]
    #[case::not_json("hunter2", "not JSON")]
    #[case::list("[]", "not what the format says")]
    #[case::parameter_without_value(
        r#"{"parameters":[{"Name":"/a","Type":"String","Version":1,"LastModifiedDate":0}],"parameter_count":1}"#,
        "missing field `Value`"
    )]
    #[case::newer(r#"{"format_version":2,"parameters":{"hunter2":1},"parameter_count":7}"#, "format version 2")]
    #[case::newer_said_late(&format!(r#"{{"parameters":[{ONE}],"parameter_count":1,"format_version":2}}"#), "format version 2")]
    fn refuses(#[case] text: &str, #[case] expected: &str) {
        let message = read_text(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[rstest]
    #[case(r#""Value":"hunter2""#, r#""Value":{"hunter2":1}"#)]
    #[case(r#""Version":1"#, r#""Version":"hunter2""#)]
    #[case(r#""Type":"String""#, r#""Type":"hunter2""#)]
    #[case(r#""LastModifiedDate":0"#, r#""LastModifiedDate":"hunter2""#)]
    #[case(r#""Value":"hunter2""#, r#""Value":"hunter2\x""#)]
    fn no_error_shows_what_a_field_holds(#[case] from: &str, #[case] to: &str) {
        let text = format!(r#"{{"parameters":[{ONE}],"parameter_count":1}}"#);
        assert!(text.contains(from));
        let error = read_text(&text.replace(from, to)).unwrap_err();
        assert!(matches!(error, DocumentError::Damaged { parameters: 0, line: 1, .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn stops_when_told_to() {
        let text = format!(r#"{{"parameters":[{ONE},{ONE}],"parameter_count":2}}"#);
        let mut seen = 0;
        let outcome = read(text.as_bytes(), |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert!(matches!(outcome, Err(DocumentError::Stopped)));
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_read_error_is_passed_on() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset"))
            }
        }
        let error = read(br#"{"parameters":["#.chain(Failing), |_| ControlFlow::Continue(())).unwrap_err();
        let DocumentError::Read { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    }
}
