//! The record of changes: written with each change, read in order, forgotten from its beginning.
//!
//! Transactions commit in another order than they began in, so a change is settled when every transaction up to its own has ended:
//! when its transaction's id is below the oldest that still runs (`pg_snapshot_xmin`). A transaction that hangs, of whomever in the
//! whole cluster, holds the settling up; it loses nothing.

use jiff::Timestamp;
use parados_parameter::{AccountRegion, Label, ParameterName, ParameterType, Version};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::row;
use crate::change::{Change, ChangeCursor, ChangeKind, ChangePage, OUT_OF_ORDER};
use crate::failure::Failure;

/// Changes that are kept, unless they are forgotten on request.
pub(super) const KEPT: i64 = 100_000;

const INSERT: &str = "INSERT INTO change (at, account, region, name, kind, type, version, labels, by) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// `$1` and `$2` are the cursor, `$3` how many. A row with what was forgotten comes always, with a change or without.
const PAGE: &str = "SELECT s.is_behind, c.transaction::text::bigint, c.number, c.at, c.account, c.region, c.name, c.kind, c.type, \
     c.version, c.labels, c.by FROM (SELECT forgotten_transaction > $1::text::xid8 \
     OR (forgotten_transaction = $1::text::xid8 AND forgotten_number > $2) OR a.is_unreached AS is_behind, \
     CASE WHEN a.is_unreached THEN '0' ELSE $1::text::xid8 END AS transaction, \
     CASE WHEN a.is_unreached THEN 0 ELSE $2 END AS number \
     FROM store, (SELECT $1::text::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) AS is_unreached) a) s \
     LEFT JOIN LATERAL (SELECT * FROM change WHERE (transaction, number) > (s.transaction, s.number) \
     AND transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY transaction, number LIMIT $3) c ON true \
     ORDER BY c.transaction, c.number";

const NEWEST: &str = "SELECT transaction::text::bigint, number FROM change \
     WHERE transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY change.transaction DESC, change.number DESC LIMIT 1";

const FORGOTTEN: &str = "SELECT forgotten_transaction::text::bigint, forgotten_number FROM store";

/// The settled change behind which there are `$1` others.
const SURPLUS: &str = "SELECT transaction::text::bigint, number FROM change \
     WHERE transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY change.transaction DESC, change.number DESC OFFSET $1 LIMIT 1";

/// Read from the newest one back to the first that is older than `$2`, so that it costs what happened since. The columns are those of [`PAGE`].
const DELETED: &str = "SELECT false, c.transaction::text::bigint, c.number, c.at, c.account, c.region, c.name, c.kind, c.type, c.version, \
     c.labels, c.by FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT transaction, number FROM change \
     WHERE (transaction, number) > ('0', 0) AND at < $2 ORDER BY change.transaction DESC, change.number DESC LIMIT 1) o ON true \
     JOIN LATERAL (SELECT * FROM change WHERE (transaction, number) > (coalesce(o.transaction, '0'), coalesce(o.number, 0))) c \
     ON c.at >= $1 AND c.kind IN ('Delete', 'Expiration') ORDER BY c.transaction, c.number";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] =
    &[(PAGE, "text, bigint, bigint"), (NEWEST, ""), (SURPLUS, "bigint"), (DELETED, "bigint, bigint")];

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
pub(super) async fn record(connection: &mut PgConnection, happened: Happened<'_>) -> Result<(), Failure> {
    let labels = (!happened.labels.is_empty())
        .then(|| serde_json::to_string(happened.labels).expect("labels are texts, which are JSON"));
    let insert = sqlx::query(INSERT)
        .bind(happened.at.as_millisecond())
        .bind(happened.place.account())
        .bind(happened.place.region())
        .bind(happened.name.as_str())
        .bind(happened.kind.as_str())
        .bind(happened.parameter_type.as_str())
        .bind(happened.version.get())
        .bind(labels)
        .bind(happened.user);
    insert.execute(connection).await?;
    Ok(())
}

/// At most `limit` settled changes behind `after`. A cursor of another cluster, whose transactions this one has not reached, is behind a
/// gap, and begins at the beginning.
pub(super) async fn page(
    connection: &mut PgConnection,
    after: &ChangeCursor,
    limit: usize,
) -> Result<ChangePage, Failure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = sqlx::query(PAGE).bind(after.major.to_string()).bind(after.minor).bind(limit);
    let rows = query.fetch_all(connection).await?;
    let is_behind_a_gap = rows.first().map_or(Ok(false), |row| row.try_get(0))?;
    let is_change = |row: &&PgRow| row.try_get::<Option<i64>, _>(1).is_ok_and(|transaction| transaction.is_some());
    Ok(ChangePage { changes: rows.iter().filter(is_change).map(change).collect::<Result<_, _>>()?, is_behind_a_gap })
}

/// What was deleted or expired at `since` or later.
pub(super) async fn deleted_since(connection: &mut PgConnection, since: Timestamp) -> Result<Vec<Change>, Failure> {
    let since = since.as_millisecond();
    let deleted = sqlx::query(DELETED).bind(since).bind(since - OUT_OF_ORDER).fetch_all(connection).await?;
    deleted.iter().map(change).collect()
}

fn change(row: &PgRow) -> Result<Change, Failure> {
    let account_region = AccountRegion::new(row.try_get(4)?, row.try_get(5)?);
    Ok(Change {
        cursor: ChangeCursor { major: row.try_get(1)?, minor: row.try_get(2)? },
        at: Timestamp::from_millisecond(row.try_get(3)?).map_err(Failure::damaged)?,
        place: account_region.map_err(Failure::damaged)?,
        name: ParameterName::observed(row.try_get::<&str, _>(6)?),
        kind: kind(row.try_get(7)?)?,
        parameter_type: row.try_get::<&str, _>(8)?.parse().map_err(Failure::damaged)?,
        version: row::version(row.try_get(9)?)?,
        labels: row::list(row, 10)?,
        user: row.try_get::<Option<&str>, _>(11)?.map(str::to_owned),
    })
}

/// The kind of this name.
pub(super) fn kind(name: &str) -> Result<ChangeKind, Failure> {
    ChangeKind::from_name(name).ok_or_else(|| Failure::damaged(format_args!("a change of the kind {name:?}")))
}

/// Where the newest settled change is.
pub(super) async fn newest(connection: &mut PgConnection) -> Result<ChangeCursor, Failure> {
    let row = match sqlx::query(NEWEST).fetch_optional(&mut *connection).await? {
        Some(row) => row,
        None => sqlx::query(FORGOTTEN).fetch_one(connection).await?,
    };
    cursor(&row)
}

/// Forgets changes up to and including `until`, as far as they are settled.
pub(super) async fn forget(connection: &mut PgConnection, until: &ChangeCursor) -> Result<(), Failure> {
    let forget = "WITH until AS (SELECT transaction, number FROM change WHERE (transaction, number) <= ($1::text::xid8, $2) \
         AND transaction < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY transaction DESC, number DESC LIMIT 1), \
         gone AS (DELETE FROM change c USING until u WHERE (c.transaction, c.number) <= (u.transaction, u.number)) \
         UPDATE store SET forgotten_transaction = u.transaction, forgotten_number = u.number FROM until u \
         WHERE (forgotten_transaction, forgotten_number) < (u.transaction, u.number)";
    let forget = sqlx::query(forget).bind(until.major.to_string()).bind(until.minor);
    forget.execute(connection).await?;
    Ok(())
}

/// The newest change of those that are more than [`KEPT`].
pub(super) async fn surplus(connection: &mut PgConnection) -> Result<Option<ChangeCursor>, Failure> {
    let row = sqlx::query(SURPLUS).bind(KEPT).fetch_optional(connection).await?;
    row.as_ref().map(cursor).transpose()
}

fn cursor(row: &PgRow) -> Result<ChangeCursor, Failure> {
    Ok(ChangeCursor { major: row.try_get(0)?, minor: row.try_get(1)? })
}
