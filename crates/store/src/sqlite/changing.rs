//! The record of changes: written with each change, read in order, forgotten from its beginning.
//!
//! There is one writer at a time, so that changes are numbered in the order in which they are committed and without gaps.

use jiff::Timestamp;
use parados_parameter::{AccountRegion, Label, ParameterName, ParameterType, Version};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::queue::Writing;
use crate::change::{Change, ChangeCursor, ChangeKind, ChangePage, OUT_OF_ORDER};
use crate::failure::Failure;

/// Changes that are kept at the least, unless they are forgotten on request.
const KEPT: i64 = 100_000;
/// After how many changes those beyond are forgotten.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

const INSERT: &str = "INSERT INTO change (at, place, name, kind, type, version, labels, user) \
     VALUES (?1, (SELECT id FROM place WHERE place = ?2), ?3, ?4, ?5, ?6, ?7, ?8)";

const PAGE: &str = "SELECT c.id, c.at, p.place, c.name, c.kind, c.type, c.version, c.labels, c.user \
     FROM change c JOIN place p ON p.id = c.place WHERE c.id > ?1 ORDER BY c.id LIMIT ?2";

const NEWEST: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'change'";

/// Read from the newest one back to the first that is older than `?1`, so that it costs what happened since.
const DELETED: &str = "SELECT c.id, c.at, p.place, c.name, c.kind, c.type, c.version, c.labels, c.user \
     FROM change c JOIN place p ON p.id = c.place WHERE c.at >= ?1 AND c.kind IN ('Delete', 'Expiration') \
     AND c.id > coalesce((SELECT id FROM change WHERE id > 0 AND at < ?2 ORDER BY id DESC LIMIT 1), 0) ORDER BY c.id";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[PAGE, DELETED];

/// Something that happened, before it has a place in the order.
pub(super) struct Happened<'a> {
    pub(super) kind: ChangeKind,
    pub(super) at: Timestamp,
    pub(super) place: &'a AccountRegion,
    pub(super) name: &'a ParameterName,
    pub(super) parameter_type: ParameterType,
    pub(super) version: Version,
    pub(super) labels: &'a [Label],
    pub(super) user: Option<&'a str>,
}

/// Records it, in the transaction that does it.
pub(super) async fn record(writing: &mut Writing<'_>, happened: Happened<'_>) -> Result<(), Failure> {
    let labels = (!happened.labels.is_empty())
        .then(|| serde_json::to_string(happened.labels).expect("labels are texts, which are JSON"));
    let insert = sqlx::query(INSERT)
        .bind(happened.at.as_millisecond())
        .bind(happened.place.to_string())
        .bind(happened.name.as_str())
        .bind(happened.kind.as_str())
        .bind(happened.parameter_type.as_str())
        .bind(happened.version.get())
        .bind(labels)
        .bind(happened.user);
    let id = insert.execute(&mut *writing.connection).await?.last_insert_rowid();
    note(writing, id, happened.place, happened.name).await
}

/// Notes that the change numbered `id` was recorded.
pub(super) async fn note(
    writing: &mut Writing<'_>,
    id: i64,
    place: &AccountRegion,
    name: &ParameterName,
) -> Result<(), Failure> {
    if id % FORGOTTEN_AT_ONCE == 0 {
        forget(writing.connection, id - KEPT).await?;
    }
    writing.recorded.push(id, place, name);
    Ok(())
}

/// Forgets changes up to and including `until`.
pub(super) async fn forget(connection: &mut SqliteConnection, until: i64) -> Result<(), Failure> {
    sqlx::query("DELETE FROM change WHERE id <= ?1").bind(until).execute(connection).await?;
    Ok(())
}

/// The number of the newest change; 0 where there never was one.
pub(super) async fn newest(readers: &SqlitePool) -> Result<i64, Failure> {
    Ok(sqlx::query(NEWEST).fetch_optional(readers).await?.map_or(Ok(0), |row| row.try_get(0))?)
}

/// At most `limit` changes behind `after`.
pub(super) async fn page(readers: &SqlitePool, after: &ChangeCursor, limit: usize) -> Result<ChangePage, Failure> {
    // Before the changes are read, so that none that comes between is taken for a gap.
    let newest = newest(readers).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(PAGE).bind(after.major).bind(limit).fetch_all(readers).await?;
    let changes: Vec<Change> = rows.iter().map(change).collect::<Result<_, _>>()?;
    let is_behind_a_gap = match changes.first() {
        Some(first) => first.cursor.major > after.major + 1,
        None => limit > 0 && newest > after.major,
    };
    Ok(ChangePage { changes, is_behind_a_gap })
}

/// What was deleted or expired at `since` or later.
pub(super) async fn deleted_since(readers: &SqlitePool, since: Timestamp) -> Result<Vec<Change>, Failure> {
    let since = since.as_millisecond();
    let deleted = sqlx::query(DELETED).bind(since).bind(since - OUT_OF_ORDER).fetch_all(readers).await?;
    deleted.iter().map(change).collect()
}

fn change(row: &SqliteRow) -> Result<Change, Failure> {
    let labels: Option<&str> = row.try_get(7)?;
    Ok(Change {
        cursor: ChangeCursor { major: row.try_get(0)?, minor: 0 },
        at: Timestamp::from_millisecond(row.try_get(1)?).map_err(Failure::damaged)?,
        place: row.try_get::<&str, _>(2)?.parse().map_err(Failure::damaged)?,
        name: ParameterName::observed(row.try_get::<&str, _>(3)?),
        kind: kind(row.try_get(4)?)?,
        parameter_type: row.try_get::<&str, _>(5)?.parse().map_err(Failure::damaged)?,
        version: Version::new(row.try_get(6)?).map_err(Failure::damaged)?,
        labels: labels.map_or_else(|| Ok(Vec::new()), serde_json::from_str).map_err(Failure::damaged)?,
        user: row.try_get::<Option<&str>, _>(8)?.map(str::to_owned),
    })
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Result<ChangeKind, Failure> {
    ChangeKind::from_name(name).ok_or_else(|| Failure::damaged(format_args!("a change of the kind {name:?}")))
}
