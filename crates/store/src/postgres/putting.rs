//! Put and delete. Every function works in the transaction of its caller, which holds the lock of the name.

use jiff::Timestamp;
use parados_parameter::policy::are_same;
use parados_parameter::rules::{Occupancy, Retention, TierLimits, may_take_a_place, not_found, plan_put, retention};
use parados_parameter::{
    AccountRegion, Operation, ParameterMetadata, ParameterName, Policy, PutOutcome, PutRequest, Tag, Tier,
};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::changing::{self, Happened};
use super::reading::storable;
use super::row::{self, EXTRA, metadata_columns};
use super::schema;
use crate::change::ChangeKind;
use crate::due::due;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner, Keyring};

/// `$1` and `$2` are account and Region, `$3` the canonical name. Always one row: the number of the newest master key, and beside the newest
/// version how many there are, the oldest, and whether that bears a label.
const NEWEST: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", p.id, p.master_key, p.data_key, (SELECT count(*) FROM version WHERE parameter = p.id), \
     (SELECT min(version) FROM version WHERE parameter = p.id), \
     EXISTS (SELECT 1 FROM label l WHERE l.parameter = p.id \
     AND l.version = (SELECT min(version) FROM version WHERE parameter = p.id)), m.newest \
     FROM (SELECT max(id) AS newest FROM master_key) m \
     LEFT JOIN parameter p ON p.account = $1 AND p.region = $2 AND p.canonical = $3 \
     LEFT JOIN version v ON v.parameter = p.id AND v.version = p.newest"
);

const INSERT_PARAMETER: &str = "INSERT INTO parameter (account, region, canonical, name, newest, master_key, data_key) \
     VALUES ($1, $2, $3, $4, 1, $5, $6) RETURNING id";

const INSERT_VERSION: &str = "INSERT INTO version (parameter, version, type, tier, data_type, key_id, modified_at, modified_by, \
     description, allowed_pattern, policies, sealed_value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const TO_DELETE: &str = "SELECT p.id, p.name, p.newest, v.type FROM parameter p \
     JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND p.canonical = $3";

/// A row where there is one of the tier `$3` behind the first `$4`.
const OF_TIER: &str = "SELECT 1 FROM parameter p JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE p.account = $1 AND p.region = $2 AND v.tier = $3 LIMIT 1 OFFSET $4";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] =
    &[(NEWEST, "text, text, text"), (TO_DELETE, "text, text, text"), (OF_TIER, "text, text, text, bigint")];

/// Who writes, where and when.
pub(super) struct Author<'a> {
    pub(super) at: &'a AccountRegion,
    pub(super) user: &'a str,
    pub(super) now: Timestamp,
    pub(super) tier_limits: Option<TierLimits>,
}

/// PutParameter.
pub(super) async fn put(
    connection: &mut PgConnection,
    author: &Author<'_>,
    keys: &Keyring,
    request: &PutRequest,
) -> Result<PutOutcome, Failure> {
    let at = author.at;
    let query = sqlx::query(NEWEST).bind(at.account()).bind(at.region());
    let row = query.bind(storable(request.name.canonical())).fetch_one(&mut *connection).await?;
    let found: Option<i64> = row.try_get(EXTRA)?;
    let current = found.map(|_| row::metadata(&row, at)).transpose()?;
    let occupancy = match author.tier_limits {
        Some(limits) if may_take_a_place(request, current.as_ref()) => occupancy(connection, at, limits).await?,
        _ => Occupancy::UNLIMITED,
    };
    let plan = plan_put(request, current.as_ref(), occupancy)?;
    let outcome = plan.outcome();
    let (id, data_key) = match found {
        Some(id) => {
            let data_key = row::data_key(&row, EXTRA + 1, at, &plan.name, plan.version, keys)?;
            make_room(connection, id, &row, &request.name).await?;
            (id, data_key)
        }
        None => create(connection, at, keys, row.try_get(EXTRA + 6)?, &plan.name).await?,
    };
    insert_tags(connection, id, &plan.tags).await?;
    let sealed = data_key.seal(at, &plan.name, plan.version, &request.value);
    let metadata = plan.into_metadata(None, author.now, Some(author.user.to_owned()));
    insert_version(connection, id, &metadata, sealed).await?;
    if found.is_some() {
        let update = sqlx::query("UPDATE parameter SET newest = $2 WHERE id = $1");
        update.bind(id).bind(metadata.version.get()).execute(&mut *connection).await?;
    }
    let policies_before = current.map(|current| current.policies).unwrap_or_default();
    schedule(connection, id, &policies_before, &metadata.policies, author.now).await?;
    let happened = Happened {
        kind: if found.is_some() { ChangeKind::Update } else { ChangeKind::Create },
        at: author.now,
        place: at,
        name: &metadata.name,
        parameter_type: metadata.parameter_type,
        version: metadata.version,
        labels: &[],
        user: Some(author.user),
    };
    changing::record(connection, happened).await?;
    Ok(outcome)
}

/// Which tiers of a place are full. Two names that are made at once see nothing of one another, so that a limit may be passed by as many as are.
async fn occupancy(
    connection: &mut PgConnection,
    at: &AccountRegion,
    limits: TierLimits,
) -> Result<Occupancy, Failure> {
    let mut is_full = async |tier: Tier, limit: u32| {
        let last = sqlx::query(OF_TIER).bind(at.account()).bind(at.region()).bind(tier.as_str());
        let last = last.bind(i64::from(limit.saturating_sub(1))).fetch_optional(&mut *connection).await?;
        Ok::<_, Failure>(limit == 0 || last.is_some())
    };
    Ok(Occupancy {
        standard_is_full: is_full(Tier::Standard, limits.standard).await?,
        advanced_is_full: is_full(Tier::Advanced, limits.advanced).await?,
    })
}

/// DeleteParameter.
pub(super) async fn delete(
    connection: &mut PgConnection,
    author: &Author<'_>,
    name: &ParameterName,
) -> Result<(), Failure> {
    let at = author.at;
    let query = sqlx::query(TO_DELETE).bind(at.account()).bind(at.region()).bind(storable(name.canonical()));
    let found = query.fetch_optional(&mut *connection).await?;
    let found = found.ok_or_else(|| not_found(Operation::DeleteParameter, name))?;
    delete_row(connection, found.try_get(0)?).await?;
    let happened = Happened {
        kind: ChangeKind::Delete,
        at: author.now,
        place: at,
        name: &ParameterName::observed(found.try_get::<&str, _>(1)?),
        parameter_type: found.try_get::<&str, _>(3)?.parse().map_err(Failure::damaged)?,
        version: row::version(found.try_get(2)?)?,
        labels: &[],
        user: Some(author.user),
    };
    changing::record(connection, happened).await
}

/// Deletes a parameter with all that is of it.
pub(super) async fn delete_row(connection: &mut PgConnection, id: i64) -> Result<(), Failure> {
    sqlx::query("DELETE FROM parameter WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}

/// Makes a parameter with a data key of its own; it has no version yet.
async fn create(
    connection: &mut PgConnection,
    at: &AccountRegion,
    keys: &Keyring,
    newest_key: Option<i64>,
    name: &ParameterName,
) -> Result<(i64, DataKey), Failure> {
    let number = newest_key.ok_or_else(|| Failure::damaged("it has no master key"))?;
    let master_key = keys.get(number).ok_or(Failure::UnknownMasterKey)?;
    let data_key = DataKey::generate();
    let wrapped = master_key.wrap(KeyOwner::Parameter(at, name), &data_key);
    let insert = sqlx::query(INSERT_PARAMETER)
        .bind(at.account())
        .bind(at.region())
        .bind(name.canonical())
        .bind(name.as_str())
        .bind(number)
        .bind(wrapped);
    match insert.fetch_one(connection).await {
        Ok(row) => Ok((row.try_get(0)?, data_key)),
        // The database has got a new master key, and forgot this one, since the number was read.
        Err(error) if schema::is_referred_to(&error) => Err(Failure::UnknownMasterKey),
        Err(error) => Err(error.into()),
    }
}

/// Drops the oldest version where there are as many as can be.
async fn make_room(
    connection: &mut PgConnection,
    id: i64,
    newest: &PgRow,
    name: &ParameterName,
) -> Result<(), Failure> {
    let kept = usize::try_from(newest.try_get::<i64, _>(EXTRA + 3)?).map_err(Failure::damaged)?;
    if retention(name, kept, newest.try_get(EXTRA + 5)?)? == Retention::DropOldest {
        let delete = sqlx::query("DELETE FROM version WHERE parameter = $1 AND version = $2");
        delete.bind(id).bind(newest.try_get::<i64, _>(EXTRA + 4)?).execute(connection).await?;
    }
    Ok(())
}

async fn insert_tags(connection: &mut PgConnection, id: i64, tags: &[Tag]) -> Result<(), Failure> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<&str>, Vec<&str>) = tags.iter().map(|tag| (tag.key(), tag.value())).unzip();
    let insert = "INSERT INTO tag (parameter, key, value) SELECT $1, key, value FROM unnest($2::text[], $3::text[]) AS t (key, value)";
    sqlx::query(insert).bind(id).bind(keys).bind(values).execute(connection).await?;
    Ok(())
}

async fn insert_version(
    connection: &mut PgConnection,
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
async fn schedule(
    connection: &mut PgConnection,
    id: i64,
    before: &[Policy],
    policies: &[Policy],
    modified: Timestamp,
) -> Result<(), Failure> {
    if before.is_empty() && policies.is_empty() {
        return Ok(());
    }
    let stays = are_same(before, policies);
    let delete = match stays {
        true => "DELETE FROM due WHERE parameter = $1 AND kind = 'NoChangeNotification'",
        false => "DELETE FROM due WHERE parameter = $1",
    };
    sqlx::query(delete).bind(id).execute(&mut *connection).await?;
    for due in due(policies, modified) {
        if stays && !due.moves_with_the_version() {
            continue;
        }
        let insert = sqlx::query("INSERT INTO due (parameter, position, kind, at) VALUES ($1, $2, $3, $4)")
            .bind(id)
            .bind(i64::try_from(due.position).map_err(Failure::damaged)?)
            .bind(due.kind.as_str())
            .bind(due.at.as_millisecond());
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}
