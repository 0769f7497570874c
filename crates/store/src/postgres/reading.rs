//! The reads of parameters that are named: get, history, tags. Each is one statement, which sees one state of the database.

use std::collections::{BTreeMap, BTreeSet};

use parados_parameter::rules::{
    check_get_many, check_history, check_tags, decode_token, encode_token, no_such_resource, not_found,
    version_not_found,
};
use parados_parameter::{
    AccountRegion, GetManyOutcome, HistoryEntry, HistoryRequest, Operation, Page, Parameter, ParameterName,
    ParameterReference, Tag, VersionReference,
};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::row::{self, BEHIND_SEALED, metadata_columns, sealed_columns, tags_column};
use crate::failure::Failure;
use crate::seal::Keyring;

/// `$1` and `$2` are account and Region, `$3` the canonical name; `$4` the version and `$5` the label asked for, or null. No row: no
/// parameter. A row without a version: no such version.
const GET: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version = CASE \
     WHEN $4::bigint IS NOT NULL THEN $4 \
     WHEN $5::text IS NOT NULL THEN (SELECT version FROM label WHERE parameter = p.id AND label = $5) \
     ELSE p.newest END WHERE p.account = $1 AND p.region = $2 AND p.canonical = $3"
);

/// `$3` is a list of canonical names.
const GET_MANY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    " FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical = ANY($3)"
);

/// `$3` is the canonical name, `$4` the version behind which to begin, `$5` how many. No row: no parameter.
const HISTORY: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", ",
    sealed_columns!(),
    ", (SELECT json_agg(label)::text FROM label WHERE parameter = p.id AND version = v.version) \
     FROM parameter p LEFT JOIN version v ON v.parameter = p.id AND v.version > $4 \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical = $3 ORDER BY v.version LIMIT $5"
);

const TAGS: &str = concat!(
    "SELECT p.name, ",
    tags_column!(),
    " FROM parameter p WHERE p.account = $1 AND p.region = $2 AND p.canonical = ANY($3)"
);

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[
    (GET, "text, text, text, bigint, text"),
    (GET_MANY, "text, text, text[]"),
    (HISTORY, "text, text, text, bigint, bigint"),
    (TAGS, "text, text, text[]"),
];

/// GetParameter.
pub(super) async fn get(
    connection: &mut PgConnection,
    at: &AccountRegion,
    keys: &Keyring,
    reference: &ParameterReference,
) -> Result<Parameter, Failure> {
    const OPERATION: Operation = Operation::GetParameter;
    let (version, label) = match &reference.at {
        None => (None, None),
        Some(VersionReference::Version(version)) => (Some(version.get()), None),
        Some(VersionReference::Label(label)) => (None, Some(storable(label.as_str()))),
    };
    let query = sqlx::query(GET).bind(at.account()).bind(at.region()).bind(storable(reference.name.canonical()));
    let row = query.bind(version).bind(label).fetch_optional(connection).await?;
    let row = row.ok_or_else(|| not_found(OPERATION, &reference.name))?;
    if !has_version(&row)? {
        return Err(match &reference.at {
            Some(VersionReference::Version(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            Some(VersionReference::Label(at)) => version_not_found(OPERATION, &reference.name, at).into(),
            None => Failure::damaged(format_args!("{} has no newest version", reference.name)),
        });
    }
    row::parameter(&row, at, row::metadata(&row, at)?, keys)
}

/// GetParameters.
pub(super) async fn get_many(
    connection: &mut PgConnection,
    at: &AccountRegion,
    keys: &Keyring,
    names: &[ParameterName],
) -> Result<GetManyOutcome, Failure> {
    check_get_many(names)?;
    let query = sqlx::query(GET_MANY).bind(at.account()).bind(at.region()).bind(canonical(names));
    let rows = query.fetch_all(connection).await?;
    let parameter = |row: &PgRow| row::parameter(row, at, row::metadata(row, at)?, keys);
    let parameters: Vec<Parameter> = rows.iter().map(parameter).collect::<Result<_, Failure>>()?;
    let found: BTreeSet<&ParameterName> = parameters.iter().map(|parameter| &parameter.name).collect();
    let invalid = names.iter().filter(|name| !found.contains(name)).cloned().collect();
    Ok(GetManyOutcome { parameters, invalid })
}

/// GetParameterHistory.
pub(super) async fn history(
    connection: &mut PgConnection,
    at: &AccountRegion,
    keys: &Keyring,
    request: &HistoryRequest,
) -> Result<Page<HistoryEntry>, Failure> {
    const OPERATION: Operation = Operation::GetParameterHistory;
    check_history(request)?;
    let parse = |token: &str| token.parse::<i64>().ok();
    let behind = decode_token(OPERATION, request.name.as_str(), request.next_token.as_deref(), parse)?.unwrap_or(0);
    let limit = i64::try_from(request.max_results + 1).unwrap_or(i64::MAX);
    let query = sqlx::query(HISTORY).bind(at.account()).bind(at.region()).bind(storable(request.name.canonical()));
    let mut rows = query.bind(behind).bind(limit).fetch_all(connection).await?;
    match rows.first() {
        None => return Err(not_found(OPERATION, &request.name).into()),
        Some(row) if !has_version(row)? => rows.clear(),
        Some(_) => {}
    }
    let more = rows.len() > request.max_results;
    rows.truncate(request.max_results);
    let items: Vec<HistoryEntry> = rows.iter().map(|row| entry(row, at, keys)).collect::<Result<_, Failure>>()?;
    let last = items.last().filter(|_| more);
    let next_token = last.map(|last| encode_token(OPERATION, &last.metadata.version.to_string()));
    Ok(Page::new(items, next_token))
}

fn entry(row: &PgRow, at: &AccountRegion, keys: &Keyring) -> Result<HistoryEntry, Failure> {
    let mut metadata = row::metadata(row, at)?;
    metadata.arn = None;
    let mut labels = row::list(row, BEHIND_SEALED)?;
    labels.sort_unstable();
    Ok(HistoryEntry { value: row::value(row, at, &metadata, keys)?, metadata, labels })
}

/// GetResources.
pub(super) async fn tags(
    connection: &mut PgConnection,
    at: &AccountRegion,
    names: &[ParameterName],
) -> Result<BTreeMap<ParameterName, Vec<Tag>>, Failure> {
    check_tags(names)?;
    let query = sqlx::query(TAGS).bind(at.account()).bind(at.region()).bind(canonical(names));
    let mut tags = BTreeMap::new();
    for row in query.fetch_all(connection).await? {
        let of_one = row::tag_list(&row, 1)?;
        if !of_one.is_empty() {
            tags.insert(row::name(&row)?, of_one);
        }
    }
    Ok(tags)
}

/// ListTagsForResource.
pub(super) async fn list_tags(
    connection: &mut PgConnection,
    at: &AccountRegion,
    name: &ParameterName,
) -> Result<Vec<Tag>, Failure> {
    let names = canonical(std::slice::from_ref(name));
    let query = sqlx::query(TAGS).bind(at.account()).bind(at.region()).bind(names);
    let row = query.fetch_optional(connection).await?;
    row::tag_list(&row.ok_or_else(|| no_such_resource(Operation::ListTagsForResource, name))?, 1)
}

fn has_version(row: &PgRow) -> Result<bool, sqlx::Error> {
    row.try_get::<Option<i64>, _>(1).map(|version| version.is_some())
}

fn canonical(names: &[ParameterName]) -> Vec<String> {
    names.iter().map(|name| storable(name.canonical())).collect()
}

/// A text that is looked for, without NUL, which PostgreSQL's texts cannot hold: what stands in its place is in no name and no label.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
