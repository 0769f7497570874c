//! A row of the store, read as what it says of a version: the same columns of either engine.

use jiff::Timestamp;
use parados_parameter::{
    AccountRegion, AllowedPattern, Annotations, DataType, Description, KeyId, Label, Parameter, ParameterMetadata,
    ParameterName, Policy, Secret, Tag, Version,
};

use crate::arn::arn;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner, Keyring};

/// A row of an engine's own, read column by column.
pub(crate) trait StoreRow {
    /// A text, or null.
    fn text(&self, index: usize) -> Result<Option<&str>, sqlx::Error>;
    /// A number.
    fn number(&self, index: usize) -> Result<i64, sqlx::Error>;
    /// Bytes.
    fn bytes(&self, index: usize) -> Result<&[u8], sqlx::Error>;
}

/// Reads the rows of an engine as [`StoreRow`] has it.
macro_rules! store_row {
    ($row:ty) => {
        impl crate::row::StoreRow for $row {
            fn text(&self, index: usize) -> Result<Option<&str>, sqlx::Error> {
                sqlx::Row::try_get(self, index)
            }

            fn number(&self, index: usize) -> Result<i64, sqlx::Error> {
                sqlx::Row::try_get(self, index)
            }

            fn bytes(&self, index: usize) -> Result<&[u8], sqlx::Error> {
                sqlx::Row::try_get(self, index)
            }
        }
    };
}
pub(crate) use store_row;

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

/// What [`value`] reads, behind [`metadata_columns`].
macro_rules! sealed_columns {
    () => {
        "v.sealed_value, p.master_key, p.data_key"
    };
}
pub(crate) use sealed_columns;

/// The number of the first column behind [`sealed_columns`].
pub(crate) const BEHIND_SEALED: usize = EXTRA + 3;

/// The name, which is the first column.
pub(crate) fn name(row: &impl StoreRow) -> Result<ParameterName, Failure> {
    some(row, 0).map(ParameterName::observed)
}

/// What is true of a version, with the parameter's ARN and without annotations.
pub(crate) fn metadata(row: &impl StoreRow, at: &AccountRegion) -> Result<ParameterMetadata, Failure> {
    let name = name(row)?;
    let policies = row.text(10)?;
    Ok(ParameterMetadata {
        arn: Some(arn(at, &name)),
        name,
        version: version(row.number(1)?)?,
        parameter_type: some(row, 2)?.parse().map_err(Failure::damaged)?,
        tier: some(row, 3)?.parse().map_err(Failure::damaged)?,
        data_type: DataType::observed(some(row, 4)?),
        key_id: row.text(5)?.map(KeyId::observed),
        last_modified_date: Timestamp::from_millisecond(row.number(6)?).map_err(Failure::damaged)?,
        last_modified_user: row.text(7)?.map(str::to_owned),
        description: row.text(8)?.map(Description::observed),
        allowed_pattern: row.text(9)?.map(AllowedPattern::observed),
        policies: match policies {
            Some(json) => serde_json::from_str::<Vec<Policy>>(json).map_err(Failure::damaged)?,
            None => Vec::new(),
        },
        annotations: None,
    })
}

/// A number of a version.
pub(crate) fn version(number: i64) -> Result<Version, Failure> {
    Version::new(number).map_err(Failure::damaged)
}

/// The data key of a parameter: the number of its master key is the column `index`, the wrapped key the one behind it. `version` is the
/// one that it is wanted for.
pub(crate) fn data_key(
    row: &impl StoreRow,
    index: usize,
    at: &AccountRegion,
    name: &ParameterName,
    version: Version,
    keys: &Keyring,
) -> Result<DataKey, Failure> {
    let number = row.number(index)?;
    let master_key = keys.get(number).ok_or(Failure::UnknownMasterKey)?;
    let unwrapped = master_key.unwrap(KeyOwner::Parameter(at, name), row.bytes(index + 1)?);
    unwrapped.map_err(|_| Failure::Unreadable(name.clone(), version))
}

/// The value of a version: [`sealed_columns`] are behind the metadata.
pub(crate) fn value(
    row: &impl StoreRow,
    at: &AccountRegion,
    metadata: &ParameterMetadata,
    keys: &Keyring,
) -> Result<Secret, Failure> {
    let (name, version) = (&metadata.name, metadata.version);
    let data_key = data_key(row, EXTRA + 1, at, name, version, keys)?;
    let opened = data_key.open(at, name, version, row.bytes(EXTRA)?);
    opened.map_err(|_| Failure::Unreadable(name.clone(), version))
}

/// A version with its value: [`sealed_columns`] are behind the metadata.
pub(crate) fn parameter(
    row: &impl StoreRow,
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
pub(crate) fn annotations(row: &impl StoreRow, tags: usize) -> Result<Annotations, Failure> {
    let mut labels: Vec<(Version, Label)> = list(row, tags + 1)?;
    labels.sort_unstable();
    Ok(Annotations { tags: tag_list(row, tags)?, labels })
}

/// A [`tags_column`], sorted by key.
pub(crate) fn tag_list(row: &impl StoreRow, index: usize) -> Result<Vec<Tag>, Failure> {
    let pairs: Vec<(Box<str>, Box<str>)> = list(row, index)?;
    let mut tags: Vec<Tag> = pairs.into_iter().map(|(key, value)| Tag::observed(key, value)).collect();
    tags.sort_unstable();
    Ok(tags)
}

/// A column that is a JSON list, or null for an empty one.
pub(crate) fn list<T: serde::de::DeserializeOwned>(row: &impl StoreRow, index: usize) -> Result<Vec<T>, Failure> {
    match row.text(index)? {
        None | Some("[]") => Ok(Vec::new()),
        Some(json) => serde_json::from_str(json).map_err(Failure::damaged),
    }
}

/// A text that is never null.
fn some(row: &impl StoreRow, index: usize) -> Result<&str, Failure> {
    row.text(index)?.ok_or_else(|| Failure::damaged(format_args!("column {index} is empty")))
}
