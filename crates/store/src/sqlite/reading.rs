//! The reads of parameters that are named: get, history, tags.

use std::collections::{BTreeMap, BTreeSet};

use parados_parameter::rules::{
    check_get_many, check_history, check_tags, decode_token, encode_token, no_such_resource, not_found,
    version_not_found,
};
use parados_parameter::{
    AccountRegion, GetManyOutcome, HistoryEntry, HistoryRequest, Operation, Page, Parameter, ParameterMetadata,
    ParameterName, ParameterReference, Tag, VersionReference,
};
use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqlitePool, SqliteRow};

use super::row::{self, BEHIND_SEALED, metadata_columns, place_id, sealed_columns, tags_column};
use crate::failure::Failure;
use crate::seal::Keyring;

/// `?1` is the place, as in all of these; `?2` the canonical name; `?3` the version and `?4` the label asked for, or null. No row: no parameter. A row without
/// a version: no such version.
const GET: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version = CASE \
     WHEN ?3 IS NOT NULL THEN ?3 \
     WHEN ?4 IS NOT NULL THEN (SELECT version FROM label WHERE parameter = p.id AND label = ?4) \
     ELSE p.newest END WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2"
);

/// `?2` is a JSON list of canonical names.
const GET_MANY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical IN (SELECT value FROM json_each(?2))"
);

/// `?2` is the canonical name, `?3` the version behind which to begin, `?4` how many. No row: no parameter.
const HISTORY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    ", (SELECT json_group_array(label) FROM label WHERE parameter = p.id AND version = v.version) \
     FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version > ?3 \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2 ORDER BY v.version LIMIT ?4"
);

const TAGS: &str = concat!(
    "SELECT p.name, ",
    tags_column!(),
    " FROM parameter p WHERE p.place = ",
    place_id!(),
    " AND p.canonical IN (SELECT value FROM json_each(?2))"
);

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[GET, GET_MANY, HISTORY, TAGS];

/// What a read is done with.
pub(super) struct Reading<'a> {
    pub(super) readers: &'a SqlitePool,
    pub(super) keys: &'a Keyring,
    pub(super) at: &'a AccountRegion,
}

impl Reading<'_> {
    /// A query whose `?1` is the place.
    pub(super) fn query(&self, sql: &'static str) -> Query<'static, Sqlite, SqliteArguments> {
        sqlx::query(sql).bind(self.at.to_string())
    }

    pub(super) fn metadata(&self, row: &SqliteRow) -> Result<ParameterMetadata, Failure> {
        row::metadata(row, self.at)
    }

    pub(super) fn parameter(&self, row: &SqliteRow, metadata: ParameterMetadata) -> Result<Parameter, Failure> {
        row::parameter(row, self.at, metadata, self.keys)
    }
}

/// GetParameter.
pub(super) async fn get(reading: &Reading<'_>, reference: &ParameterReference) -> Result<Parameter, Failure> {
    const OPERATION: Operation = Operation::GetParameter;
    let (version, label) = match &reference.at {
        None => (None, None),
        Some(VersionReference::Version(version)) => (Some(version.get()), None),
        Some(VersionReference::Label(label)) => (None, Some(label.as_str())),
    };
    let row = reading.query(GET).bind(reference.name.canonical()).bind(version).bind(label);
    let row = row.fetch_optional(reading.readers).await?.ok_or_else(|| not_found(OPERATION, &reference.name))?;
    if !has_version(&row)? {
        return Err(match &reference.at {
            Some(VersionReference::Version(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            Some(VersionReference::Label(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            None => Failure::damaged(format_args!("{} has no newest version", reference.name)),
        });
    }
    reading.parameter(&row, reading.metadata(&row)?)
}

/// GetParameters.
pub(super) async fn get_many(reading: &Reading<'_>, names: &[ParameterName]) -> Result<GetManyOutcome, Failure> {
    check_get_many(names)?;
    let rows = reading.query(GET_MANY).bind(json_of(names)).fetch_all(reading.readers).await?;
    let parameters: Vec<Parameter> =
        rows.iter().map(|row| reading.parameter(row, reading.metadata(row)?)).collect::<Result<_, Failure>>()?;
    let found: BTreeSet<&ParameterName> = parameters.iter().map(|parameter| &parameter.name).collect();
    let invalid = names.iter().filter(|name| !found.contains(name)).cloned().collect();
    Ok(GetManyOutcome { parameters, invalid })
}

/// GetParameterHistory.
pub(super) async fn history(reading: &Reading<'_>, request: &HistoryRequest) -> Result<Page<HistoryEntry>, Failure> {
    const OPERATION: Operation = Operation::GetParameterHistory;
    check_history(request)?;
    let parse = |token: &str| token.parse::<i64>().ok();
    let behind = decode_token(OPERATION, request.name.as_str(), request.next_token.as_deref(), parse)?.unwrap_or(0);
    let limit = i64::try_from(request.max_results + 1).unwrap_or(i64::MAX);
    let query = reading.query(HISTORY).bind(request.name.canonical()).bind(behind).bind(limit);
    let mut rows = query.fetch_all(reading.readers).await?;
    match rows.first() {
        None => return Err(not_found(OPERATION, &request.name).into()),
        Some(row) if !has_version(row)? => rows.clear(),
        Some(_) => {}
    }
    let more = rows.len() > request.max_results;
    rows.truncate(request.max_results);
    let items: Vec<HistoryEntry> = rows.iter().map(|row| entry(reading, row)).collect::<Result<_, Failure>>()?;
    let last = items.last().filter(|_| more);
    let next_token = last.map(|last| encode_token(OPERATION, &last.metadata.version.to_string()));
    Ok(Page::new(items, next_token))
}

fn entry(reading: &Reading<'_>, row: &SqliteRow) -> Result<HistoryEntry, Failure> {
    let mut metadata = reading.metadata(row)?;
    metadata.arn = None;
    let mut labels = row::list(row, BEHIND_SEALED)?;
    labels.sort_unstable();
    Ok(HistoryEntry { value: row::value(row, reading.at, &metadata, reading.keys)?, metadata, labels })
}

/// GetResources.
pub(super) async fn tags(
    reading: &Reading<'_>,
    names: &[ParameterName],
) -> Result<BTreeMap<ParameterName, Vec<Tag>>, Failure> {
    check_tags(names)?;
    let rows = reading.query(TAGS).bind(json_of(names)).fetch_all(reading.readers).await?;
    let mut tags = BTreeMap::new();
    for row in rows {
        let of_one = row::tag_list(&row, 1)?;
        if !of_one.is_empty() {
            tags.insert(row::name(&row)?, of_one);
        }
    }
    Ok(tags)
}

/// ListTagsForResource.
pub(super) async fn list_tags(reading: &Reading<'_>, name: &ParameterName) -> Result<Vec<Tag>, Failure> {
    let names = json_of(std::slice::from_ref(name));
    let row = reading.query(TAGS).bind(names).fetch_optional(reading.readers).await?;
    row::tag_list(&row.ok_or_else(|| no_such_resource(Operation::ListTagsForResource, name))?, 1)
}

fn has_version(row: &SqliteRow) -> Result<bool, sqlx::Error> {
    row.try_get::<Option<i64>, _>(1).map(|version| version.is_some())
}

fn json_of(names: &[ParameterName]) -> String {
    let canonical: Vec<&str> = names.iter().map(ParameterName::canonical).collect();
    serde_json::to_string(&canonical).expect("texts are JSON")
}
