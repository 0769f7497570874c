//! What a document says before its parameters.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a document says of itself. The first three fields are those of the pipeline that Parados replaces, in which the
/// others are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentHeader {
    /// `2025-10-15`: the day on which the backup started, in UTC.
    pub backup_date: String,
    /// `20251015_120045`: when it started, in UTC.
    pub backup_timestamp: String,
    /// The environment that was backed up.
    pub environment: String,
    /// [`FORMAT_VERSION`]; absent from a document of the old pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format_version: Option<u32>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The account that the parameters are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The Region that they are from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The id of the snapshot that this is the document of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// What wrote it: `parados 0.1.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

impl DocumentHeader {
    /// The header of a backup of `environment` that started at `started_at`; the other fields are to be filled in.
    pub fn new(environment: impl Into<String>, started_at: Timestamp) -> Self {
        let started_at = Offset::UTC.to_datetime(started_at);
        Self {
            backup_date: started_at.date().to_string(),
            backup_timestamp: started_at.strftime("%Y%m%d_%H%M%S").to_string(),
            environment: environment.into(),
            format_version: Some(FORMAT_VERSION),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_old_pipeline_s() {
        let header = DocumentHeader::new("dev", "2025-10-15T12:00:45.76Z".parse().unwrap());
        assert_eq!(
            serde_json::to_string(&header).unwrap(),
            r#"{"backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev","format_version":1}"#,
        );
    }
}
