//! Reads a document as a stream.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use serde::de::IgnoredAny;
use thiserror::Error;

use super::header::{DocumentHeader, FORMAT_VERSION};
use super::record::ParameterRecord;
use super::written;
use crate::json::{JsonError, JsonReader};

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

/// Reads a document to its end, giving each parameter to `each` as it comes. Memory is that of one parameter, and of
/// the reader's buffer, in which parameters are parsed: one of some 128 KiB serves best.
///
/// Reads what [`Writer`](super::Writer) writes, and what the old pipeline wrote: fields in any order, only the AWS CLI's own
/// seven fields a parameter, dates of version 1 or 2 of the AWS CLI. What it does not know it leaves out.
///
/// Parameters are given out before the end was seen: what was made of them counts only when this returns [`Ok`].
///
/// # Errors
/// Every way in which the bytes are not one whole document; see [`DocumentError`]. [`DocumentError::Stopped`] when `each` breaks.
pub fn read(
    reader: impl BufRead,
    mut each: impl FnMut(ParameterRecord) -> ControlFlow<()>,
) -> Result<DocumentSummary, DocumentError> {
    let mut parameters = 0;
    read_all(reader, &mut each, &mut parameters).map_err(|end| end.after(parameters))
}

/// Why a document was not read to its end.
enum End {
    Json(JsonError),
    Other(DocumentError),
}

impl From<JsonError> for End {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl End {
    fn after(self, parameters: u64) -> DocumentError {
        match self {
            Self::Json(JsonError::Truncated) => DocumentError::Truncated { parameters },
            Self::Json(JsonError::Read(source)) => DocumentError::Read { parameters, source },
            Self::Json(JsonError::Damaged { line, column, message }) => {
                DocumentError::Damaged { parameters, line, column, message }
            }
            Self::Other(error) => error,
        }
    }
}

/// `found` counts the parameters, whatever comes of the rest.
fn read_all(
    reader: impl BufRead,
    each: &mut dyn FnMut(ParameterRecord) -> ControlFlow<()>,
    found: &mut u64,
) -> Result<DocumentSummary, End> {
    let mut json = JsonReader::new(reader);
    let mut header = DocumentHeader::default();
    let (mut said, mut has_parameters) = (None, false);
    let mut is_first = true;
    json.begin_object()?;
    while let Some(name) = json.member(is_first)? {
        is_first = false;
        match name.as_str() {
            "backup_date" => header.backup_date = json.value()?,
            "backup_timestamp" => header.backup_timestamp = json.value()?,
            "environment" => header.environment = json.value()?,
            "format_version" => header.format_version = json.value()?,
            "project" => header.project = json.value()?,
            "account" => header.account = json.value()?,
            "region" => header.region = json.value()?,
            "snapshot" => header.snapshot = json.value()?,
            "tool" => header.tool = json.value()?,
            "parameters" if has_parameters => return Err(json.damaged("duplicate field `parameters`").into()),
            "parameters" => {
                has_parameters = true;
                // A newer format is refused before its parameters are taken for something that they are not.
                check_format(&header)?;
                read_parameters(&mut json, each, found)?;
            }
            "parameter_count" if said.is_some() => {
                return Err(json.damaged("duplicate field `parameter_count`").into());
            }
            "parameter_count" => said = Some(json.value()?),
            _ => drop(json.value::<IgnoredAny>()?),
        }
    }
    if !has_parameters {
        return Err(json.damaged("missing field `parameters`").into());
    }
    let Some(said) = said else { return Err(json.damaged("missing field `parameter_count`").into()) };
    json.end()?;
    check_format(&header)?;
    match said == *found {
        true => Ok(DocumentSummary { header, parameter_count: *found }),
        false => Err(End::Other(DocumentError::Count { said, found: *found })),
    }
}

fn read_parameters(
    json: &mut JsonReader<impl BufRead>,
    each: &mut dyn FnMut(ParameterRecord) -> ControlFlow<()>,
    found: &mut u64,
) -> Result<(), End> {
    json.begin_list()?;
    let mut is_first = true;
    while json.element(is_first)? {
        is_first = false;
        let record = json.value_by(written::read)?;
        *found += 1;
        if each(record).is_break() {
            return Err(End::Other(DocumentError::Stopped));
        }
    }
    Ok(())
}

fn check_format(header: &DocumentHeader) -> Result<(), End> {
    match header.format_version {
        Some(version) if version > FORMAT_VERSION => Err(End::Other(DocumentError::NewerFormat { version })),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use rstest::rstest;
    use testkit::FailingReader;

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
        let text = BufReader::new(br#"{"parameters":["#.chain(FailingReader(io::ErrorKind::ConnectionReset)));
        let error = read(text, |_| ControlFlow::Continue(())).unwrap_err();
        let DocumentError::Read { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    }
}
