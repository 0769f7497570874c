//! A parameter in a document.
//!
//! The names of the fields are the AWS CLI's. Records can be deserialised by anybody and serialised only by
//! [`Writer`](super::Writer), so that no report or log can let a value out by accident.

use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, DataType, Description, HistoryEntry, KeyId, Label, Parameter, ParameterMetadata, ParameterName,
    ParameterType, Policy, Secret, Tag, Tier, Version,
};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::date;

/// Everything that a snapshot holds of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ParameterRecord {
    /// The name.
    pub name: ParameterName,
    /// The type.
    #[serde(rename = "Type")]
    pub parameter_type: ParameterType,
    /// The value of this version.
    pub value: Secret,
    /// The version that `value` is of.
    pub version: Version,
    /// When that version was put.
    #[serde(with = "date")]
    pub last_modified_date: Timestamp,
    /// The ARN.
    #[serde(rename = "ARN", default)]
    pub arn: Option<String>,
    /// What the value means. `text` where the document does not say.
    #[serde(default)]
    pub data_type: DataType,
    /// What the parameter is for.
    #[serde(default)]
    pub description: Option<Description>,
    /// The key of a SecureString. A document of the old pipeline does not say.
    #[serde(default)]
    pub key_id: Option<KeyId>,
    /// The tier; [`None`] in a document of the old pipeline, which does not say.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// The policies. A document of the old pipeline does not say.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// What values must match.
    #[serde(default)]
    pub allowed_pattern: Option<AllowedPattern>,
    /// Who put this version.
    #[serde(default)]
    pub last_modified_user: Option<String>,
    /// The tags; [`None`] when they were not read, which is not the same as that there are none.
    #[serde(default)]
    pub tags: Option<Vec<Tag>>,
    /// The labels of this version; [`None`] when they were not read.
    #[serde(default)]
    pub labels: Option<Vec<Label>>,
    /// Older versions, the oldest first: all of them when history was asked for, otherwise those that bear a label, because a
    /// label cannot be restored without the value that it stands on; [`None`] when no history was read.
    #[serde(default)]
    pub history: Option<Vec<HistoryRecord>>,
}

/// Everything that a snapshot holds of an older version of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryRecord {
    /// The version.
    pub version: Version,
    /// The type that it had.
    #[serde(rename = "Type")]
    pub parameter_type: ParameterType,
    /// Its value.
    pub value: Secret,
    /// When it was put.
    #[serde(with = "date")]
    pub last_modified_date: Timestamp,
    /// Who put it.
    #[serde(default)]
    pub last_modified_user: Option<String>,
    /// What its value meant.
    #[serde(default)]
    pub data_type: DataType,
    /// What it was for.
    #[serde(default)]
    pub description: Option<Description>,
    /// The key that it was encrypted under.
    #[serde(default)]
    pub key_id: Option<KeyId>,
    /// The tier that it was in.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// The policies that it had.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// What it had to match.
    #[serde(default)]
    pub allowed_pattern: Option<AllowedPattern>,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
}

impl ParameterRecord {
    /// Joins what describe said with what a get said. Where the two disagree because the parameter was put between them,
    /// everything that goes with the value (version, date, type, data type) is the get's. Tags and labels are those of
    /// the metadata's annotations, and [`None`] where it has none.
    pub fn join(metadata: ParameterMetadata, parameter: Parameter) -> Self {
        let (tags, labels) = match metadata.annotations {
            None => (None, None),
            Some(annotations) => {
                let of_this = annotations.labels.into_iter().filter(|(version, _)| *version == parameter.version);
                (Some(annotations.tags), Some(of_this.map(|(_, label)| label).collect()))
            }
        };
        Self {
            name: parameter.name,
            parameter_type: parameter.parameter_type,
            value: parameter.value,
            version: parameter.version,
            last_modified_date: parameter.last_modified_date,
            arn: parameter.arn.or(metadata.arn),
            data_type: parameter.data_type,
            description: metadata.description,
            key_id: metadata.key_id,
            tier: Some(metadata.tier),
            policies: metadata.policies,
            allowed_pattern: metadata.allowed_pattern,
            last_modified_user: metadata.last_modified_user,
            tags,
            labels,
            history: None,
        }
    }
}

impl From<HistoryEntry> for HistoryRecord {
    fn from(HistoryEntry { metadata, value, labels }: HistoryEntry) -> Self {
        Self {
            version: metadata.version,
            parameter_type: metadata.parameter_type,
            value,
            last_modified_date: metadata.last_modified_date,
            last_modified_user: metadata.last_modified_user,
            data_type: metadata.data_type,
            description: metadata.description,
            key_id: metadata.key_id,
            tier: Some(metadata.tier),
            policies: metadata.policies,
            allowed_pattern: metadata.allowed_pattern,
            labels,
        }
    }
}

/// A record as it stands in a document, its value revealed.
pub(super) struct Line<'a>(pub(super) &'a ParameterRecord);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut line = serializer.serialize_struct("ParameterRecord", 16)?;
        line.serialize_field("Name", &record.name)?;
        line.serialize_field("Type", &record.parameter_type)?;
        line.serialize_field("Value", record.value.reveal())?;
        line.serialize_field("Version", &record.version)?;
        line.serialize_field("LastModifiedDate", &Date(&record.last_modified_date))?;
        optional(&mut line, "ARN", record.arn.as_ref())?;
        line.serialize_field("DataType", &record.data_type)?;
        optional(&mut line, "Description", record.description.as_ref())?;
        optional(&mut line, "KeyId", record.key_id.as_ref())?;
        optional(&mut line, "Tier", record.tier.as_ref())?;
        optional(&mut line, "Policies", Some(&record.policies).filter(|policies| !policies.is_empty()))?;
        optional(&mut line, "AllowedPattern", record.allowed_pattern.as_ref())?;
        optional(&mut line, "LastModifiedUser", record.last_modified_user.as_ref())?;
        optional(&mut line, "Tags", record.tags.as_ref())?;
        optional(&mut line, "Labels", record.labels.as_ref())?;
        optional(&mut line, "History", record.history.as_deref().map(HistoryLines).as_ref())?;
        line.end()
    }
}

struct HistoryLines<'a>(&'a [HistoryRecord]);

impl Serialize for HistoryLines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(HistoryLine))
    }
}

struct HistoryLine<'a>(&'a HistoryRecord);

impl Serialize for HistoryLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut line = serializer.serialize_struct("HistoryRecord", 12)?;
        line.serialize_field("Version", &record.version)?;
        line.serialize_field("Type", &record.parameter_type)?;
        line.serialize_field("Value", record.value.reveal())?;
        line.serialize_field("LastModifiedDate", &Date(&record.last_modified_date))?;
        optional(&mut line, "LastModifiedUser", record.last_modified_user.as_ref())?;
        line.serialize_field("DataType", &record.data_type)?;
        optional(&mut line, "Description", record.description.as_ref())?;
        optional(&mut line, "KeyId", record.key_id.as_ref())?;
        optional(&mut line, "Tier", record.tier.as_ref())?;
        optional(&mut line, "Policies", Some(&record.policies).filter(|policies| !policies.is_empty()))?;
        optional(&mut line, "AllowedPattern", record.allowed_pattern.as_ref())?;
        optional(&mut line, "Labels", Some(&record.labels).filter(|labels| !labels.is_empty()))?;
        line.end()
    }
}

struct Date<'a>(&'a Timestamp);

impl Serialize for Date<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        date::serialize(self.0, serializer)
    }
}

/// A field that is left out where there is none.
fn optional<S: SerializeStruct, T: Serialize>(
    line: &mut S,
    name: &'static str,
    field: Option<&T>,
) -> Result<(), S::Error> {
    match field {
        Some(field) => line.serialize_field(name, field),
        None => line.skip_field(name),
    }
}
