//! What policies do when their moment has come.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::policy::FINISHED;
use parados_parameter::{AccountRegion, ParameterName};
use sqlx::Row as _;

use super::changing::{self, Happened};
use super::putting;
use super::queue::{Work, Writing};
use super::row;
use crate::change::ChangeKind;
use crate::database::SweepReport;
use crate::failure::Failure;

/// Policies that act in one transaction, so that other writers get in between.
const AT_ONCE: usize = 500;

const DUE: &str = "SELECT d.parameter, d.position, d.kind, l.place, p.name, v.type, p.newest FROM due d \
     JOIN parameter p ON p.id = d.parameter JOIN place l ON l.id = p.place \
     JOIN version v ON v.parameter = p.id AND v.version = p.newest WHERE d.at <= ?1 ORDER BY d.at LIMIT ?2";

/// The status of a policy of the newest version.
const STATUS: &str = "UPDATE version SET policies = json_set(policies, '$[' || ?2 || '].PolicyStatus', ?4) \
     WHERE parameter = ?1 AND version = ?3";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[DUE, STATUS];

/// Some of what is due.
pub(super) struct Sweep {
    pub(super) now: Timestamp,
}

#[async_trait]
impl Work for Sweep {
    /// What was done, and whether there may be more.
    type Outcome = (SweepReport, bool);

    async fn run(&self, writing: &mut Writing<'_>) -> Result<Self::Outcome, Failure> {
        let limit = i64::try_from(AT_ONCE).map_err(Failure::damaged)?;
        let due = sqlx::query(DUE).bind(self.now.as_millisecond()).bind(limit);
        let due = due.fetch_all(&mut *writing.connection).await?;
        let (mut report, mut gone) = (SweepReport::default(), BTreeSet::new());
        for row in &due {
            let parameter: i64 = row.try_get(0)?;
            if gone.contains(&parameter) {
                continue;
            }
            let kind = changing::kind(row.try_get(2)?)?;
            if kind == ChangeKind::Expiration {
                putting::delete(writing.connection, parameter).await?;
                gone.insert(parameter);
                report.expired += 1;
            } else {
                let (position, newest) = (row.try_get::<i64, _>(1)?, row.try_get::<i64, _>(6)?);
                let done = sqlx::query("DELETE FROM due WHERE parameter = ?1 AND position = ?2");
                done.bind(parameter).bind(position).execute(&mut *writing.connection).await?;
                let status = sqlx::query(STATUS).bind(parameter).bind(position).bind(newest).bind(FINISHED);
                status.execute(&mut *writing.connection).await?;
                report.notified += 1;
            }
            let place: AccountRegion = row.try_get::<&str, _>(3)?.parse().map_err(Failure::damaged)?;
            let happened = Happened {
                kind,
                at: self.now,
                place: &place,
                name: &ParameterName::observed(row.try_get::<&str, _>(4)?),
                parameter_type: row.try_get::<&str, _>(5)?.parse().map_err(Failure::damaged)?,
                version: row::version(row.try_get(6)?)?,
                labels: &[],
                user: None,
            };
            changing::record(writing, happened).await?;
        }
        Ok((report, due.len() == AT_ONCE))
    }
}
