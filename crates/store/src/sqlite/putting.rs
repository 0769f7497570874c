//! Put and delete.

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::policy::are_same;
use parados_parameter::rules::{Occupancy, Retention, TierLimits, may_take_a_place, not_found, plan_put, retention};
use parados_parameter::{Operation, ParameterMetadata, ParameterName, Policy, PutOutcome, PutRequest, Tier};
use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};

use super::changing::{self, Happened};
use super::queue::{Work, Writing};
use super::row::{self, EXTRA, metadata_columns, place_id};
use super::store::Author;
use crate::change::ChangeKind;
use crate::due::due;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner};

/// `?1` is the place, `?2` the canonical name. Beside the newest version of the parameter, or nulls where there is none: how many
/// there are, the oldest, whether that bears a label, and the newest master key.
const NEWEST: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", p.id, p.master_key, p.data_key, (SELECT count(*) FROM version WHERE parameter = p.id), \
     (SELECT min(version) FROM version WHERE parameter = p.id), \
     EXISTS (SELECT 1 FROM label l WHERE l.parameter = p.id \
     AND l.version = (SELECT min(version) FROM version WHERE parameter = p.id)), m.id \
     FROM master_key m LEFT JOIN parameter p ON p.place = ",
    place_id!(),
    " AND p.canonical = ?2 LEFT JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE m.id = (SELECT max(id) FROM master_key)"
);

macro_rules! insert_version {
    () => {
        "INSERT INTO version (parameter, version, type, tier, data_type, key_id, modified_at, modified_by, description, \
         allowed_pattern, policies, sealed_value) "
    };
}
pub(super) use insert_version;

/// The statements of a put go to SQLite together, since each way there and back takes longer than what is done there. The driver gives
/// each of them the arguments behind those of the one before.
macro_rules! insert_change {
    () => {
        "INSERT INTO change (place, at, name, kind, type, version, user) \
         VALUES ((SELECT id FROM place WHERE place = ?), ?, ?, ?, ?, ?, ?)"
    };
}

/// What a table without row ids is given leaves `last_insert_rowid` as it is.
const CREATE: &str = concat!(
    "INSERT INTO place (place) VALUES (?) ON CONFLICT DO NOTHING; \
     INSERT INTO parameter (place, canonical, name, newest, master_key, data_key) \
     VALUES ((SELECT id FROM place WHERE place = ?), ?, ?, 1, ?, ?); \
     INSERT INTO tag (parameter, key, value) SELECT last_insert_rowid(), value ->> 0, value ->> 1 FROM json_each(?); ",
    insert_version!(),
    "VALUES (last_insert_rowid(), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); ",
    insert_change!()
);

const UPDATE: &str = concat!(
    "UPDATE parameter SET newest = ? WHERE id = ?; DELETE FROM version WHERE parameter = ? AND version = ?; ",
    insert_version!(),
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); ",
    insert_change!()
);

const ID: &str = concat!("SELECT id FROM parameter WHERE place = ", place_id!(), " AND canonical = ?2");

const TO_DELETE: &str = concat!(
    "SELECT p.id, p.name, p.newest, v.type FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.place = ",
    place_id!(),
    " AND p.canonical = ?2"
);

/// A row where there is one of the tier `?2` behind the first `?3`.
const OF_TIER: &str = concat!(
    "SELECT 1 FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest WHERE p.place = ",
    place_id!(),
    " AND v.tier = ?2 LIMIT 1 OFFSET ?3"
);

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[NEWEST, ID, TO_DELETE, OF_TIER];

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
    const REFUSES_BEFORE_IT_WRITES: bool = false;
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
        let Author { at, user, now, .. } = &self.author;
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

/// Which tiers of a place are full.
async fn occupancy(connection: &mut SqliteConnection, place: &str, limits: TierLimits) -> Result<Occupancy, Failure> {
    let mut is_full = async |tier: Tier, limit: u32| {
        let last = sqlx::query(OF_TIER).bind(place).bind(tier.as_str()).bind(limit.saturating_sub(1));
        Ok::<_, Failure>(limit == 0 || last.fetch_optional(&mut *connection).await?.is_some())
    };
    Ok(Occupancy {
        standard_is_full: is_full(Tier::Standard, limits.standard).await?,
        advanced_is_full: is_full(Tier::Advanced, limits.advanced).await?,
    })
}

async fn put(writing: &mut Writing<'_>, author: &Author, request: &PutRequest) -> Result<PutOutcome, Failure> {
    let Author { at, user, now, tier_limits } = author;
    let row = sqlx::query(NEWEST).bind(at.to_string()).bind(request.name.canonical());
    let row = row.fetch_one(&mut *writing.connection).await?;
    let id: Option<i64> = row.try_get(EXTRA)?;
    let current = id.map(|_| row::metadata(&row, at)).transpose()?;
    let occupancy = match tier_limits {
        Some(limits) if may_take_a_place(request, current.as_ref()) => {
            occupancy(writing.connection, &at.to_string(), *limits).await?
        }
        _ => Occupancy::UNLIMITED,
    };
    let plan = plan_put(request, current.as_ref(), occupancy)?;
    let outcome = plan.outcome();
    let place = at.to_string();
    let (data_key, write) = match id {
        Some(id) => {
            let dropped = make_room(&row, &request.name)?;
            let data_key = row::data_key(&row, EXTRA + 1, at, &plan.name, plan.version, writing.keys)?;
            (data_key, sqlx::query(UPDATE).bind(plan.version.get()).bind(id).bind(id).bind(dropped).bind(id))
        }
        None => {
            let number: i64 = row.try_get(EXTRA + 6)?;
            let master_key = writing.keys.get(number).ok_or(Failure::UnknownMasterKey)?;
            let data_key = DataKey::generate();
            let wrapped = master_key.wrap(KeyOwner::Parameter(at, &plan.name), &data_key);
            let tags: Vec<(&str, &str)> = plan.tags.iter().map(|tag| (tag.key(), tag.value())).collect();
            let write = sqlx::query(CREATE)
                .bind(place.clone())
                .bind(place.clone())
                .bind(plan.name.canonical().to_owned())
                .bind(plan.name.as_str().to_owned())
                .bind(number)
                .bind(wrapped)
                .bind(serde_json::to_string(&tags).expect("texts are JSON"));
            (data_key, write)
        }
    };
    let sealed = data_key.seal(at, &plan.name, plan.version, &request.value);
    let metadata = plan.into_metadata(None, *now, Some(user.to_string()));
    let kind = if id.is_some() { ChangeKind::Update } else { ChangeKind::Create };
    let write = bind_version(write, &metadata, sealed)
        .bind(place)
        .bind(now.as_millisecond())
        .bind(metadata.name.as_str().to_owned())
        .bind(kind.as_str())
        .bind(metadata.parameter_type.as_str())
        .bind(metadata.version.get())
        .bind(user.to_string());
    let change = write.execute(&mut *writing.connection).await?.last_insert_rowid();
    let policies_before = current.map(|current| current.policies).unwrap_or_default();
    if !(policies_before.is_empty() && metadata.policies.is_empty()) {
        let id = sqlx::query(ID).bind(at.to_string()).bind(metadata.name.canonical());
        let id = id.fetch_one(&mut *writing.connection).await?.try_get(0)?;
        schedule(writing.connection, id, &policies_before, &metadata.policies, *now).await?;
    }
    changing::note(writing, change, at, &metadata.name).await?;
    Ok(outcome)
}

/// The version that has to go, where there are as many as can be.
fn make_room(newest: &SqliteRow, name: &ParameterName) -> Result<Option<i64>, Failure> {
    let kept = usize::try_from(newest.try_get::<i64, _>(EXTRA + 3)?).map_err(Failure::damaged)?;
    match retention(name, kept, newest.try_get(EXTRA + 5)?)? {
        Retention::DropOldest => Ok(Some(newest.try_get(EXTRA + 4)?)),
        Retention::KeepAll => Ok(None),
    }
}

/// Binds a version, from its number to its sealed value.
pub(super) fn bind_version<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    metadata: &ParameterMetadata,
    sealed: Vec<u8>,
) -> Query<'q, Sqlite, SqliteArguments> {
    let policies = (!metadata.policies.is_empty())
        .then(|| serde_json::to_string(&metadata.policies).expect("policies are texts, which are JSON"));
    query
        .bind(metadata.version.get())
        .bind(metadata.parameter_type.as_str())
        .bind(metadata.tier.as_str())
        .bind(metadata.data_type.as_str().to_owned())
        .bind(metadata.key_id.as_ref().map(|key| key.as_str().to_owned()))
        .bind(metadata.last_modified_date.as_millisecond())
        .bind(metadata.last_modified_user.clone())
        .bind(metadata.description.as_ref().map(|text| text.as_str().to_owned()))
        .bind(metadata.allowed_pattern.as_ref().map(|text| text.as_str().to_owned()))
        .bind(policies)
        .bind(sealed)
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
    let stays = are_same(before, policies);
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
