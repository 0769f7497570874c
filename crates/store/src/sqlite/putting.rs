//! Put and delete.

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::rules::{Occupancy, Retention, not_found, plan_put, retention};
use parados_parameter::{Operation, ParameterMetadata, ParameterName, Policy, PutOutcome, PutRequest};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::changing::{self, Happened};
use super::queue::{Work, Writing};
use super::row::{self, EXTRA, metadata_columns, place_id};
use super::store::Author;
use crate::change::ChangeKind;
use crate::due::due;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner};

/// `?1` is the place, `?2` the canonical name. Beside the newest version: how many there are, the oldest, and whether that bears a label.
const NEWEST: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", p.id, p.master_key, p.data_key, (SELECT count(*) FROM version WHERE parameter = p.id), \
     (SELECT min(version) FROM version WHERE parameter = p.id), \
     EXISTS (SELECT 1 FROM label l WHERE l.parameter = p.id \
     AND l.version = (SELECT min(version) FROM version WHERE parameter = p.id)) \
     FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2"
);

const INSERT_PARAMETER: &str = concat!(
    "INSERT INTO parameter (place, canonical, name, newest, master_key, data_key) VALUES (",
    place_id!(),
    ", ?2, ?3, 1, ?4, ?5)"
);

const INSERT_VERSION: &str = "INSERT INTO version (parameter, version, type, tier, data_type, key_id, modified_at, modified_by, \
     description, allowed_pattern, policies, sealed_value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const TO_DELETE: &str = concat!(
    "SELECT p.id, p.name, p.newest, v.type FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2"
);

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[NEWEST, TO_DELETE];

/// PutParameter.
pub(super) struct Put {
    pub(super) author: Author,
    pub(super) request: PutRequest,
}

/// Several PutParameters: all of them happen, or none.
pub(super) struct PutAll {
    pub(super) author: Author,
    pub(super) requests: Vec<PutRequest>,
}

/// DeleteParameter.
pub(super) struct Delete {
    pub(super) author: Author,
    pub(super) name: ParameterName,
}

#[async_trait]
impl Work for Put {
    type Outcome = PutOutcome;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<PutOutcome, Failure> {
        put(writing, &self.author, &self.request).await
    }
}

#[async_trait]
impl Work for PutAll {
    type Outcome = Vec<PutOutcome>;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<Vec<PutOutcome>, Failure> {
        let mut outcomes = Vec::with_capacity(self.requests.len());
        for request in &self.requests {
            outcomes.push(put(writing, &self.author, request).await?);
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl Work for Delete {
    type Outcome = ();

    async fn run(&self, writing: &mut Writing<'_>) -> Result<(), Failure> {
        let Author { at, user, now } = &self.author;
        let found = sqlx::query(TO_DELETE).bind(at.to_string()).bind(self.name.canonical());
        let found = found.fetch_optional(&mut *writing.connection).await?;
        let found = found.ok_or_else(|| not_found(Operation::DeleteParameter, &self.name))?;
        delete(writing.connection, found.try_get(0)?).await?;
        let happened = Happened {
            kind: ChangeKind::Delete,
            at: *now,
            place: at,
            name: &ParameterName::observed(found.try_get::<&str, _>(1)?),
            parameter_type: found.try_get::<&str, _>(3)?.parse().map_err(Failure::damaged)?,
            version: row::version(found.try_get(2)?)?,
            labels: &[],
            user: Some(user),
        };
        changing::record(writing, happened).await
    }
}

/// Deletes a parameter with all that is of it.
pub(super) async fn delete(connection: &mut SqliteConnection, id: i64) -> Result<(), Failure> {
    sqlx::query("DELETE FROM parameter WHERE id = ?1").bind(id).execute(connection).await?;
    Ok(())
}

async fn put(writing: &mut Writing<'_>, author: &Author, request: &PutRequest) -> Result<PutOutcome, Failure> {
    let Author { at, user, now } = author;
    let row = sqlx::query(NEWEST).bind(at.to_string()).bind(request.name.canonical());
    let row = row.fetch_optional(&mut *writing.connection).await?;
    let current = row.as_ref().map(|row| row::metadata(row, at)).transpose()?;
    let plan = plan_put(request, current.as_ref(), Occupancy::UNLIMITED)?;
    let outcome = plan.outcome();
    let (id, data_key) = match &row {
        Some(row) => {
            let data_key = row::data_key(row, EXTRA + 1, at, &plan.name, plan.version, writing.keys)?;
            (make_room(writing.connection, row, &request.name).await?, data_key)
        }
        None => create(writing, author, &plan.name).await?,
    };
    for tag in &plan.tags {
        let insert = sqlx::query("INSERT INTO tag (parameter, key, value) VALUES (?1, ?2, ?3)");
        insert.bind(id).bind(tag.key()).bind(tag.value()).execute(&mut *writing.connection).await?;
    }
    let sealed = data_key.seal(at, &plan.name, plan.version, &request.value);
    let metadata = plan.into_metadata(None, *now, Some(user.to_string()));
    insert_version(writing.connection, id, &metadata, sealed).await?;
    if row.is_some() {
        let update = sqlx::query("UPDATE parameter SET newest = ?2 WHERE id = ?1");
        update.bind(id).bind(metadata.version.get()).execute(&mut *writing.connection).await?;
    }
    let policies_before = current.map(|current| current.policies).unwrap_or_default();
    schedule(writing.connection, id, &policies_before, &metadata.policies, *now).await?;
    let happened = Happened {
        kind: if row.is_some() { ChangeKind::Update } else { ChangeKind::Create },
        at: *now,
        place: at,
        name: &metadata.name,
        parameter_type: metadata.parameter_type,
        version: metadata.version,
        labels: &[],
        user: Some(user),
    };
    changing::record(writing, happened).await?;
    Ok(outcome)
}

/// Makes a parameter with a data key of its own; it has no version yet.
async fn create(writing: &mut Writing<'_>, author: &Author, name: &ParameterName) -> Result<(i64, DataKey), Failure> {
    let place = author.at.to_string();
    let connection = &mut *writing.connection;
    let newest = sqlx::query("SELECT max(id), (SELECT id FROM place WHERE place = ?1) FROM master_key").bind(&place);
    let newest = newest.fetch_one(&mut *connection).await?;
    let number: i64 = newest.try_get(0)?;
    let master_key = writing.keys.get(number).ok_or(Failure::UnknownMasterKey)?;
    if newest.try_get::<Option<i64>, _>(1)?.is_none() {
        sqlx::query("INSERT INTO place (place) VALUES (?1)").bind(&place).execute(&mut *connection).await?;
    }
    let data_key = DataKey::generate();
    let wrapped = master_key.wrap(KeyOwner::Parameter(&author.at, name), &data_key);
    let insert = sqlx::query(INSERT_PARAMETER)
        .bind(&place)
        .bind(name.canonical())
        .bind(name.as_str())
        .bind(number)
        .bind(wrapped);
    Ok((insert.execute(connection).await?.last_insert_rowid(), data_key))
}

/// Drops the oldest version where there are as many as can be; gives the parameter's row id.
async fn make_room(
    connection: &mut SqliteConnection,
    newest: &SqliteRow,
    name: &ParameterName,
) -> Result<i64, Failure> {
    let id: i64 = newest.try_get(EXTRA)?;
    let kept = usize::try_from(newest.try_get::<i64, _>(EXTRA + 3)?).map_err(Failure::damaged)?;
    if retention(name, kept, newest.try_get(EXTRA + 5)?)? == Retention::DropOldest {
        let delete = sqlx::query("DELETE FROM version WHERE parameter = ?1 AND version = ?2");
        delete.bind(id).bind(newest.try_get::<i64, _>(EXTRA + 4)?).execute(connection).await?;
    }
    Ok(id)
}

/// Writes a version's row.
pub(super) async fn insert_version(
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

/// Writes down when the policies of a version act that was put at `modified`. Where they are those of the version `before`, what they
/// announced already is not announced again.
pub(super) async fn schedule(
    connection: &mut SqliteConnection,
    id: i64,
    before: &[Policy],
    policies: &[Policy],
    modified: Timestamp,
) -> Result<(), Failure> {
    if before.is_empty() && policies.is_empty() {
        return Ok(());
    }
    let stays = before == policies;
    let delete = match stays {
        true => "DELETE FROM due WHERE parameter = ?1 AND kind = 'NoChangeNotification'",
        false => "DELETE FROM due WHERE parameter = ?1",
    };
    sqlx::query(delete).bind(id).execute(&mut *connection).await?;
    for due in due(policies, modified) {
        if stays && !due.moves_with_the_version() {
            continue;
        }
        let insert = sqlx::query("INSERT INTO due (parameter, position, kind, at) VALUES (?1, ?2, ?3, ?4)")
            .bind(id)
            .bind(i64::try_from(due.position).map_err(Failure::damaged)?)
            .bind(due.kind.as_str())
            .bind(due.at.as_millisecond());
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}
