//! What policies do when their moment has come.

use jiff::Timestamp;
use parados_parameter::policy::FINISHED;
use parados_parameter::{AccountRegion, ParameterName};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::changing::{self, Happened};
use super::{putting, row};
use crate::change::ChangeKind;
use crate::failure::Failure;

/// Policies that are looked at together.
const AT_ONCE: i64 = 500;

const DUE: &str = "SELECT d.parameter, d.position, p.account, p.region, p.name FROM due d \
     JOIN parameter p ON p.id = d.parameter WHERE d.at <= $1 ORDER BY d.at LIMIT $2";

/// What is due of one policy still, when its name is locked.
const STILL_DUE: &str = "SELECT d.kind, v.type, p.newest FROM due d JOIN parameter p ON p.id = d.parameter \
     JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE d.parameter = $1 AND d.position = $2 AND d.at <= $3";

/// The status of a policy of the newest version.
const STATUS: &str = "UPDATE version \
     SET policies = jsonb_set(policies::jsonb, ARRAY[$2::bigint::text, 'PolicyStatus'], to_jsonb($4::text))::text \
     WHERE parameter = $1 AND version = $3";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] =
    &[(DUE, "bigint, bigint"), (STILL_DUE, "bigint, bigint, bigint"), (STATUS, "bigint, bigint, bigint, text")];

/// A policy that has to act.
pub(super) struct DuePolicy {
    parameter: i64,
    position: i64,
    pub(super) place: AccountRegion,
    pub(super) name: ParameterName,
}

/// Some of those that have to act by `now`, and whether there may be more.
pub(super) async fn due(connection: &mut PgConnection, now: Timestamp) -> Result<(Vec<DuePolicy>, bool), Failure> {
    let rows = sqlx::query(DUE).bind(now.as_millisecond()).bind(AT_ONCE).fetch_all(connection).await?;
    let read = |row: &PgRow| {
        Ok::<_, Failure>(DuePolicy {
            parameter: row.try_get(0)?,
            position: row.try_get(1)?,
            place: AccountRegion::new(row.try_get(2)?, row.try_get(3)?).map_err(Failure::damaged)?,
            name: ParameterName::observed(row.try_get::<&str, _>(4)?),
        })
    };
    let due: Vec<DuePolicy> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let may_be_more = i64::try_from(due.len()).is_ok_and(|found| found == AT_ONCE);
    Ok((due, may_be_more))
}

/// Does what `policy` asks for, in the transaction of its caller, which holds the lock of the name; nothing where another server was
/// first, or the policy was changed meanwhile.
pub(super) async fn act(
    connection: &mut PgConnection,
    policy: &DuePolicy,
    now: Timestamp,
) -> Result<Option<ChangeKind>, Failure> {
    let query = sqlx::query(STILL_DUE).bind(policy.parameter).bind(policy.position).bind(now.as_millisecond());
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let kind = changing::kind(row.try_get(0)?)?;
    if kind == ChangeKind::Expiration {
        putting::delete_row(connection, policy.parameter).await?;
    } else {
        let done = sqlx::query("DELETE FROM due WHERE parameter = $1 AND position = $2");
        done.bind(policy.parameter).bind(policy.position).execute(&mut *connection).await?;
        let status = sqlx::query(STATUS).bind(policy.parameter).bind(policy.position);
        status.bind(row.try_get::<i64, _>(2)?).bind(FINISHED).execute(&mut *connection).await?;
    }
    let happened = Happened {
        kind,
        at: now,
        place: &policy.place,
        name: &policy.name,
        parameter_type: row.try_get::<&str, _>(1)?.parse().map_err(Failure::damaged)?,
        version: row::version(row.try_get(2)?)?,
        labels: &[],
        user: None,
    };
    changing::record(connection, happened).await?;
    Ok(Some(kind))
}
