//! A row of the store, read as what it says of a version.

use jiff::Timestamp;
use parados_parameter::{
    AccountRegion, AllowedPattern, Annotations, DataType, Description, KeyId, Label, Parameter, ParameterMetadata,
    ParameterName, Policy, Secret, Tag, Version,
};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::arn::arn;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner, Keyring};

/// What [`metadata`] reads: the first eleven columns of a query over `parameter p` and `version v`.
macro_rules! metadata_columns {
    () => {
        "p.name, v.version, v.type, v.tier, v.data_type, v.key_id, v.modified_at, v.modified_by, v.description, \
         v.allowed_pattern, v.policies"
    };
}
pub(super) use metadata_columns;

/// The number of the first column behind [`metadata_columns`].
pub(super) const EXTRA: usize = 11;

/// The tags of parameter `p`: a JSON list of pairs, null where there are none.
macro_rules! tags_column {
    () => {
        "(SELECT json_agg(json_build_array(key, value))::text FROM tag WHERE parameter = p.id)"
    };
}
pub(super) use tags_column;

/// The labels of all the versions of parameter `p`: a JSON list of pairs, null where there are none.
macro_rules! labels_column {
    () => {
        "(SELECT json_agg(json_build_array(version, label))::text FROM label WHERE parameter = p.id)"
    };
}
pub(super) use labels_column;

/// What [`value`] reads, behind [`metadata_columns`].
macro_rules! sealed_columns {
    () => {
        "v.sealed_value, p.master_key, p.data_key"
    };
}
pub(super) use sealed_columns;

/// The number of the first column behind [`sealed_columns`].
pub(super) const BEHIND_SEALED: usize = EXTRA + 3;

/// The name, which is the first column.
pub(super) fn name(row: &PgRow) -> Result<ParameterName, sqlx::Error> {
    row.try_get::<&str, _>(0).map(ParameterName::observed)
}

/// What is true of a version, with the parameter's ARN and without annotations.
pub(super) fn metadata(row: &PgRow, at: &AccountRegion) -> Result<ParameterMetadata, Failure> {
    let name = name(row)?;
    let policies: Option<&str> = row.try_get(10)?;
    Ok(ParameterMetadata {
        arn: Some(arn(at, &name)),
        name,
        version: version(row.try_get(1)?)?,
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

/// A number of a version.
pub(super) fn version(number: i64) -> Result<Version, Failure> {
    Version::new(number).map_err(Failure::damaged)
}

/// The data key of a parameter: the number of its master key is the column `index`, the wrapped key the one behind it. `version` is the
/// one that it is wanted for.
pub(super) fn data_key(
    row: &PgRow,
    index: usize,
    at: &AccountRegion,
    name: &ParameterName,
    version: Version,
    keys: &Keyring,
) -> Result<DataKey, Failure> {
    let number: i64 = row.try_get(index)?;
    let master_key = keys.get(number).ok_or(Failure::UnknownMasterKey)?;
    let unwrapped = master_key.unwrap(KeyOwner::Parameter(at, name), row.try_get(index + 1)?);
    unwrapped.map_err(|_| Failure::Unreadable(name.clone(), version))
}

/// The value of a version: [`sealed_columns`] are behind the metadata.
pub(super) fn value(
    row: &PgRow,
    at: &AccountRegion,
    metadata: &ParameterMetadata,
    keys: &Keyring,
) -> Result<Secret, Failure> {
    let (name, version) = (&metadata.name, metadata.version);
    let data_key = data_key(row, EXTRA + 1, at, name, version, keys)?;
    let opened = data_key.open(at, name, version, row.try_get(EXTRA)?);
    opened.map_err(|_| Failure::Unreadable(name.clone(), version))
}

/// A version with its value: [`sealed_columns`] are behind the metadata.
pub(super) fn parameter(
    row: &PgRow,
    at: &AccountRegion,
    metadata: ParameterMetadata,
    keys: &Keyring,
) -> Result<Parameter, Failure> {
    let value = value(row, at, &metadata, keys)?;
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
pub(super) fn annotations(row: &PgRow, tags: usize) -> Result<Annotations, Failure> {
    let mut labels: Vec<(Version, Label)> = list(row, tags + 1)?;
    labels.sort_unstable();
    Ok(Annotations { tags: tag_list(row, tags)?, labels })
}

/// A [`tags_column`], sorted by key.
pub(super) fn tag_list(row: &PgRow, index: usize) -> Result<Vec<Tag>, Failure> {
    let pairs: Vec<(Box<str>, Box<str>)> = list(row, index)?;
    let mut tags: Vec<Tag> = pairs.into_iter().map(|(key, value)| Tag::observed(key, value)).collect();
    tags.sort_unstable();
    Ok(tags)
}

/// A column that is a JSON list, or null for an empty one.
pub(super) fn list<T: serde::de::DeserializeOwned>(row: &PgRow, index: usize) -> Result<Vec<T>, Failure> {
    match text(row, index)? {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_str(json).map_err(Failure::damaged),
    }
}

fn text(row: &PgRow, index: usize) -> Result<Option<&str>, sqlx::Error> {
    row.try_get(index)
}
