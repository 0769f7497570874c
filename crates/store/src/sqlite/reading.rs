//! The reads of parameters that are named: get, history, tags.

use std::collections::{BTreeMap, BTreeSet};

use parados_parameter::rules::{
    check_get_many, check_history, check_tags, decode_token, encode_token, no_such_resource, not_found,
    version_not_found,
};
use parados_parameter::{
    GetManyOutcome, HistoryEntry, HistoryRequest, Operation, Page, Parameter, ParameterName, ParameterReference, Tag,
    VersionReference,
};
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::failure::Failure;
use crate::sqlite::row::{self, EXTRA, metadata_columns, tags_column};
use crate::sqlite::seal_1::Seal;

/// `?1` is the canonical name; `?2` the version and `?3` the label asked for, or null. No row: no parameter. A row without
/// a version: no such version.
const GET: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", v.sealed FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version = CASE \
     WHEN ?2 IS NOT NULL THEN ?2 \
     WHEN ?3 IS NOT NULL THEN (SELECT version FROM label WHERE parameter = p.id AND label = ?3) \
     ELSE p.newest END WHERE p.canonical = ?1"
);

/// `?1` is a JSON list of canonical names.
const GET_MANY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", v.sealed FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.canonical IN (SELECT value FROM json_each(?1))"
);

/// `?1` is the canonical name, `?2` the version behind which to begin, `?3` how many. No row: no parameter.
const HISTORY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", v.sealed, (SELECT json_group_array(label) FROM label WHERE parameter = p.id AND version = v.version) \
     FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version > ?2 \
     WHERE p.canonical = ?1 ORDER BY v.version LIMIT ?3"
);

const TAGS: &str = concat!(
    "SELECT p.name, ",
    tags_column!(),
    " FROM parameter p WHERE p.canonical IN (SELECT value FROM json_each(?1))"
);

#[cfg(test)]
pub(crate) const QUERIES: &[&str] = &[GET, GET_MANY, HISTORY, TAGS];

/// GetParameter.
pub(crate) async fn get(
    readers: &SqlitePool,
    seal: &Seal,
    reference: &ParameterReference,
) -> Result<Parameter, Failure> {
    const OPERATION: Operation = Operation::GetParameter;
    let (version, label) = match &reference.at {
        None => (None, None),
        Some(VersionReference::Version(version)) => (Some(version.get()), None),
        Some(VersionReference::Label(label)) => (None, Some(label.as_str())),
    };
    let row = sqlx::query(GET).bind(reference.name.canonical()).bind(version).bind(label);
    let row = row.fetch_optional(readers).await?.ok_or_else(|| not_found(OPERATION, &reference.name))?;
    if !has_version(&row)? {
        return Err(match &reference.at {
            Some(VersionReference::Version(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            Some(VersionReference::Label(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            None => Failure::damaged(format_args!("{} has no newest version", reference.name)),
        });
    }
    row::parameter(&row, row::metadata(&row)?, seal)
}

/// GetParameters.
pub(crate) async fn get_many(
    readers: &SqlitePool,
    seal: &Seal,
    names: &[ParameterName],
) -> Result<GetManyOutcome, Failure> {
    check_get_many(names)?;
    let rows = sqlx::query(GET_MANY).bind(json_of(names)).fetch_all(readers).await?;
    let parameters: Vec<Parameter> =
        rows.iter().map(|row| row::parameter(row, row::metadata(row)?, seal)).collect::<Result<_, Failure>>()?;
    let found: BTreeSet<&ParameterName> = parameters.iter().map(|parameter| &parameter.name).collect();
    let invalid = names.iter().filter(|name| !found.contains(name)).cloned().collect();
    Ok(GetManyOutcome { parameters, invalid })
}

/// GetParameterHistory.
pub(crate) async fn history(
    readers: &SqlitePool,
    seal: &Seal,
    request: &HistoryRequest,
) -> Result<Page<HistoryEntry>, Failure> {
    const OPERATION: Operation = Operation::GetParameterHistory;
    check_history(request)?;
    let parse = |token: &str| token.parse::<i64>().ok();
    let behind = decode_token(OPERATION, request.name.as_str(), request.next_token.as_deref(), parse)?.unwrap_or(0);
    let limit = i64::try_from(request.max_results + 1).unwrap_or(i64::MAX);
    let query = sqlx::query(HISTORY).bind(request.name.canonical()).bind(behind).bind(limit);
    let mut rows = query.fetch_all(readers).await?;
    match rows.first() {
        None => return Err(not_found(OPERATION, &request.name).into()),
        Some(row) if !has_version(row)? => rows.clear(),
        Some(_) => {}
    }
    let more = rows.len() > request.max_results;
    rows.truncate(request.max_results);
    let items: Vec<HistoryEntry> = rows.iter().map(|row| entry(row, seal)).collect::<Result<_, Failure>>()?;
    let last = items.last().filter(|_| more);
    let next_token = last.map(|last| encode_token(OPERATION, &last.metadata.version.to_string()));
    Ok(Page { items, next_token })
}

fn entry(row: &SqliteRow, seal: &Seal) -> Result<HistoryEntry, Failure> {
    let mut metadata = row::metadata(row)?;
    metadata.arn = None;
    let mut labels = row::list(row, EXTRA + 1)?;
    labels.sort_unstable();
    Ok(HistoryEntry { value: row::value(row, &metadata, seal)?, metadata, labels })
}

/// GetResources.
pub(crate) async fn tags(
    readers: &SqlitePool,
    names: &[ParameterName],
) -> Result<BTreeMap<ParameterName, Vec<Tag>>, Failure> {
    check_tags(names)?;
    let rows = sqlx::query(TAGS).bind(json_of(names)).fetch_all(readers).await?;
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
pub(crate) async fn list_tags(readers: &SqlitePool, name: &ParameterName) -> Result<Vec<Tag>, Failure> {
    let names = json_of(std::slice::from_ref(name));
    let row = sqlx::query(TAGS).bind(names).fetch_optional(readers).await?;
    row::tag_list(&row.ok_or_else(|| no_such_resource(Operation::ListTagsForResource, name))?, 1)
}

fn has_version(row: &SqliteRow) -> Result<bool, sqlx::Error> {
    row.try_get::<Option<i64>, _>(1).map(|version| version.is_some())
}

fn json_of(names: &[ParameterName]) -> String {
    let canonical: Vec<&str> = names.iter().map(ParameterName::canonical).collect();
    serde_json::to_string(&canonical).expect("texts are JSON")
}
