//! Put and delete. Every function works in the transaction of its caller.

use jiff::Timestamp;
use parados_parameter::rules::{Occupancy, Retention, not_found, plan_put, retention};
use parados_parameter::{Operation, ParameterMetadata, ParameterName, PutOutcome, PutRequest};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::failure::Failure;
use crate::sqlite::row::{self, EXTRA, metadata_columns};
use crate::sqlite::seal_1::Seal;

/// `?1` is the canonical name.
const NEWEST: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", p.id FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest WHERE p.canonical = ?1"
);

/// How many versions of a parameter there are, the oldest, and whether that bears a label.
const OLDEST: &str = "SELECT count(*), min(version), EXISTS (SELECT 1 FROM label l WHERE l.parameter = ?1 \
     AND l.version = (SELECT min(version) FROM version WHERE parameter = ?1)) FROM version WHERE parameter = ?1";

const INSERT_VERSION: &str = "INSERT INTO version (parameter, version, type, tier, data_type, key_id, modified_at, \
     modified_by, description, allowed_pattern, policies, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

/// What a put is done with.
pub(crate) struct Writer<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) now: Timestamp,
    pub(crate) user: &'a str,
}

impl Writer<'_> {
    /// PutParameter.
    pub(crate) async fn put(
        &self,
        connection: &mut SqliteConnection,
        request: &PutRequest,
    ) -> Result<PutOutcome, Failure> {
        let row = sqlx::query(NEWEST).bind(request.name.canonical()).fetch_optional(&mut *connection).await?;
        let current = row.as_ref().map(row::metadata).transpose()?;
        let plan = plan_put(request, current.as_ref(), Occupancy::UNLIMITED)?;
        let outcome = plan.outcome();
        let id = match &row {
            Some(row) => make_room(connection, row, &request.name).await?,
            None => {
                let insert = sqlx::query("INSERT INTO parameter (canonical, name, newest) VALUES (?1, ?2, 1)");
                let insert = insert.bind(plan.name.canonical()).bind(plan.name.as_str());
                insert.execute(&mut *connection).await?.last_insert_rowid()
            }
        };
        for tag in &plan.tags {
            let insert = sqlx::query("INSERT INTO tag (parameter, key, value) VALUES (?1, ?2, ?3)");
            insert.bind(id).bind(tag.key()).bind(tag.value()).execute(&mut *connection).await?;
        }
        let sealed = self.seal.seal(&plan.name, plan.version, &request.value);
        let metadata = plan.into_metadata(None, self.now, Some(self.user.to_owned()));
        insert_version(connection, id, &metadata, sealed).await?;
        if row.is_some() {
            let update = sqlx::query("UPDATE parameter SET newest = ?2 WHERE id = ?1");
            update.bind(id).bind(metadata.version.get()).execute(connection).await?;
        }
        Ok(outcome)
    }
}

/// DeleteParameter.
pub(crate) async fn delete(connection: &mut SqliteConnection, name: &ParameterName) -> Result<(), Failure> {
    let delete = sqlx::query("DELETE FROM parameter WHERE canonical = ?1").bind(name.canonical());
    match delete.execute(connection).await?.rows_affected() {
        0 => Err(not_found(Operation::DeleteParameter, name).into()),
        _ => Ok(()),
    }
}

/// Drops the oldest version where there are as many as can be; gives the parameter's row id.
async fn make_room(
    connection: &mut SqliteConnection,
    newest: &SqliteRow,
    name: &ParameterName,
) -> Result<i64, Failure> {
    let id: i64 = newest.try_get(EXTRA)?;
    let row = sqlx::query(OLDEST).bind(id).fetch_one(&mut *connection).await?;
    let kept = usize::try_from(row.try_get::<i64, _>(0)?).map_err(Failure::damaged)?;
    if retention(name, kept, row.try_get(2)?)? == Retention::DropOldest {
        let delete = sqlx::query("DELETE FROM version WHERE parameter = ?1 AND version = ?2");
        delete.bind(id).bind(row.try_get::<i64, _>(1)?).execute(connection).await?;
    }
    Ok(id)
}

async fn insert_version(
    connection: &mut SqliteConnection,
    id: i64,
    metadata: &ParameterMetadata,
    sealed: Vec<u8>,
) -> Result<(), Failure> {
    let policies = (!metadata.policies.is_empty())
        .then(|| serde_json::to_string(&metadata.policies).expect("policies are texts, which are JSON"));
    let insert = sqlx::query(INSERT_VERSION)
        .bind(id)
        .bind(metadata.version.get())
        .bind(metadata.parameter_type.as_str())
        .bind(metadata.tier.as_str())
        .bind(metadata.data_type.as_str())
        .bind(metadata.key_id.as_ref().map(|key| key.as_str()))
        .bind(metadata.last_modified_date.as_millisecond())
        .bind(metadata.last_modified_user.as_deref())
        .bind(metadata.description.as_ref().map(|text| text.as_str()))
        .bind(metadata.allowed_pattern.as_ref().map(|text| text.as_str()))
        .bind(policies)
        .bind(sealed);
    insert.execute(connection).await?;
    Ok(())
}
