//! A row of the store, read as what it says of a version.

use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, Annotations, DataType, Description, KeyId, Label, Parameter, ParameterMetadata, ParameterName,
    Policy, Secret, Tag, Version,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::failure::Failure;
use crate::sqlite::seal_1::Seal;

/// What [`metadata`] reads: the first eleven columns of a query over `parameter p` and `version v`.
macro_rules! metadata_columns {
    () => {
        "p.name, v.version, v.type, v.tier, v.data_type, v.key_id, v.modified_at, v.modified_by, v.description, \
         v.allowed_pattern, v.policies"
    };
}
pub(crate) use metadata_columns;

/// The number of the first column behind [`metadata_columns`].
pub(crate) const EXTRA: usize = 11;

/// The tags of parameter `p`: a JSON list of pairs.
macro_rules! tags_column {
    () => {
        "(SELECT json_group_array(json_array(key, value)) FROM tag WHERE parameter = p.id)"
    };
}
pub(crate) use tags_column;

/// The labels of all the versions of parameter `p`: a JSON list of pairs.
macro_rules! labels_column {
    () => {
        "(SELECT json_group_array(json_array(version, label)) FROM label WHERE parameter = p.id)"
    };
}
pub(crate) use labels_column;

/// The ARN of a parameter of this store.
pub(crate) fn arn(name: &ParameterName) -> String {
    name.arn("parados", "embedded", "000000000000")
}

/// The name, which is the first column.
pub(crate) fn name(row: &SqliteRow) -> Result<ParameterName, sqlx::Error> {
    row.try_get::<&str, _>(0).map(ParameterName::observed)
}

/// What is true of a version, with the parameter's ARN and without annotations.
pub(crate) fn metadata(row: &SqliteRow) -> Result<ParameterMetadata, Failure> {
    let name = name(row)?;
    let policies: Option<&str> = row.try_get(10)?;
    Ok(ParameterMetadata {
        arn: Some(arn(&name)),
        name,
        version: Version::new(row.try_get(1)?).map_err(Failure::damaged)?,
        parameter_type: row.try_get::<&str, _>(2)?.parse().map_err(Failure::damaged)?,
        tier: row.try_get::<&str, _>(3)?.parse().map_err(Failure::damaged)?,
        data_type: DataType::observed(row.try_get::<&str, _>(4)?),
        key_id: text(row, 5)?.map(KeyId::observed),
        last_modified_date: Timestamp::from_millisecond(row.try_get(6)?).map_err(Failure::damaged)?,
        last_modified_user: text(row, 7)?.map(str::to_owned),
        description: text(row, 8)?.map(Description::observed),
        allowed_pattern: text(row, 9)?.map(AllowedPattern::observed),
        policies: match policies {
            Some(json) => serde_json::from_str::<Vec<Policy>>(json).map_err(Failure::damaged)?,
            None => Vec::new(),
        },
        annotations: None,
    })
}

/// The value of a version, whose sealed form is the column behind the metadata.
pub(crate) fn value(row: &SqliteRow, metadata: &ParameterMetadata, seal: &Seal) -> Result<Secret, Failure> {
    seal.open(&metadata.name, metadata.version, row.try_get(EXTRA)?)
        .map_err(|_| Failure::Unreadable(metadata.name.clone(), metadata.version))
}

/// A version with its value, whose sealed form is the column behind the metadata.
pub(crate) fn parameter(row: &SqliteRow, metadata: ParameterMetadata, seal: &Seal) -> Result<Parameter, Failure> {
    let value = value(row, &metadata, seal)?;
    Ok(Parameter {
        name: metadata.name,
        parameter_type: metadata.parameter_type,
        value,
        version: metadata.version,
        last_modified_date: metadata.last_modified_date,
        arn: metadata.arn,
        data_type: metadata.data_type,
    })
}

/// The tags and labels, whose columns are `tags` and the one behind it.
pub(crate) fn annotations(row: &SqliteRow, tags: usize) -> Result<Annotations, Failure> {
    Ok(Annotations { tags: tag_list(row, tags)?, labels: label_list(row, tags + 1)? })
}

/// A [`tags_column`], sorted by key.
pub(crate) fn tag_list(row: &SqliteRow, index: usize) -> Result<Vec<Tag>, Failure> {
    let pairs: Vec<(Box<str>, Box<str>)> = list(row, index)?;
    let mut tags: Vec<Tag> = pairs.into_iter().map(|(key, value)| Tag::observed(key, value)).collect();
    tags.sort_unstable();
    Ok(tags)
}

fn label_list(row: &SqliteRow, index: usize) -> Result<Vec<(Version, Label)>, Failure> {
    let mut labels: Vec<(Version, Label)> = list(row, index)?;
    labels.sort_unstable();
    Ok(labels)
}

/// A column that is a JSON list.
pub(crate) fn list<T: serde::de::DeserializeOwned>(row: &SqliteRow, index: usize) -> Result<Vec<T>, Failure> {
    match row.try_get(index)? {
        "[]" => Ok(Vec::new()),
        json => serde_json::from_str(json).map_err(Failure::damaged),
    }
}

fn text(row: &SqliteRow, index: usize) -> Result<Option<&str>, sqlx::Error> {
    row.try_get(index)
}
