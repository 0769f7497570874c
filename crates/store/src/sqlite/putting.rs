//! Put and delete.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::policy::are_same;
use parados_parameter::rules::{Occupancy, Retention, TierLimits, may_take_a_place, not_found, plan_put, retention};
use parados_parameter::{Operation, ParameterMetadata, ParameterName, Policy, PutOutcome, PutRequest, Tier};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::changing::{self, Happened};
use super::queue::{Work, Writing};
use super::row::{self, EXTRA, metadata_columns, place_id};
use super::store::Author;
use crate::change::ChangeKind;
use crate::due::due;
use crate::failure::Failure;
use crate::seal::{DataKey, KeyOwner};

/// Most puts that go to SQLite together. For each number of them there is a statement, which the driver keeps prepared.
const TOGETHER: usize = 16;

/// `?1` is a list of pairs of a place and a canonical name. Beside the newest version of each of these parameters, or nulls where there is none: how many there are,
/// the oldest, whether that bears a label, the newest master key, which of the list it is, and the number of the newest change.
const NEWEST: &str = concat!(
    "SELECT ",
    metadata_columns!(),
    ", p.id, p.master_key, p.data_key, (SELECT count(*) FROM version WHERE parameter = p.id), \
     (SELECT min(version) FROM version WHERE parameter = p.id), \
     EXISTS (SELECT 1 FROM label l WHERE l.parameter = p.id \
     AND l.version = (SELECT min(version) FROM version WHERE parameter = p.id)), m.id, json_each.key, \
     (SELECT seq FROM sqlite_sequence WHERE name = 'change') \
     FROM json_each(?1) CROSS JOIN master_key m \
     LEFT JOIN parameter p ON p.place = (SELECT id FROM place WHERE place = json_each.value ->> 0) \
     AND p.canonical = json_each.value ->> 1 \
     LEFT JOIN version v ON v.parameter = p.id AND v.version = p.newest \
     WHERE m.id = (SELECT max(id) FROM master_key)"
);

macro_rules! insert_version {
    () => {
        "INSERT INTO version (parameter, version, type, tier, data_type, key_id, modified_at, modified_by, description, \
         allowed_pattern, policies, sealed_value) "
    };
}
pub(super) use insert_version;

/// The columns of `incoming` that are a version's.
macro_rules! new_version {
    () => {
        "NEW.version, NEW.type, NEW.tier, NEW.data_type, NEW.key_id, NEW.modified_at, NEW.modified_by, NEW.description, \
         NEW.allowed_pattern, NEW.policies, NEW.sealed_value"
    };
}

/// The change that a row of `incoming` is.
macro_rules! insert_change {
    ($kind:literal) => {
        concat!(
            "INSERT INTO change (place, at, name, kind, type, version, user) \
             VALUES ((SELECT id FROM place WHERE place = NEW.place), NEW.modified_at, NEW.name, '",
            $kind,
            "', NEW.type, NEW.version, NEW.modified_by)"
        )
    };
}

/// What a writing connection has, so that puts are one statement: a row of `incoming` is a put. Each way to SQLite and back, and each statement on it, takes longer than
/// what is done there.
pub(super) const CONNECTION: &str = concat!(
    "CREATE TEMP VIEW incoming AS SELECT NULL AS id, NULL AS dropped, NULL AS place, NULL AS canonical, NULL AS name, \
     NULL AS master_key, NULL AS data_key, NULL AS tags, NULL AS version, NULL AS type, NULL AS tier, NULL AS data_type, \
     NULL AS key_id, NULL AS modified_at, NULL AS modified_by, NULL AS description, NULL AS allowed_pattern, \
     NULL AS policies, NULL AS sealed_value; \
     CREATE TEMP TRIGGER incoming_new INSTEAD OF INSERT ON incoming WHEN NEW.id IS NULL BEGIN \
     INSERT INTO place (place) VALUES (NEW.place) ON CONFLICT DO NOTHING; \
     INSERT INTO parameter (place, canonical, name, newest, master_key, data_key) \
     VALUES ((SELECT id FROM place WHERE place = NEW.place), NEW.canonical, NEW.name, 1, NEW.master_key, NEW.data_key); \
     INSERT INTO tag (parameter, key, value) \
     SELECT last_insert_rowid(), value ->> 0, value ->> 1 FROM json_each(NEW.tags); ",
    insert_version!(),
    "VALUES (last_insert_rowid(), ",
    new_version!(),
    "); ",
    insert_change!("Create"),
    "; END; \
     CREATE TEMP TRIGGER incoming_there INSTEAD OF INSERT ON incoming WHEN NEW.id IS NOT NULL BEGIN \
     UPDATE parameter SET newest = NEW.version WHERE id = NEW.id; \
     DELETE FROM version WHERE parameter = NEW.id AND version = NEW.dropped; ",
    insert_version!(),
    "VALUES (NEW.id, ",
    new_version!(),
    "); ",
    insert_change!("Update"),
    "; END"
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

/// So many rows into `incoming`, less one.
static PUTS: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| {
    let row = format!("({})", ["?"; COLUMNS].join(", "));
    (1..=TOGETHER)
        .map(|count| format!("INSERT INTO incoming VALUES {}", vec![&*row; count].join(", ")).into())
        .collect()
});
/// The columns of `incoming`.
const COLUMNS: usize = 19;

/// PutParameter.
pub(super) struct Put {
    pub(super) author: Author,
    pub(super) request: PutRequest,
}

/// A put, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    author: &'a Author,
    request: &'a PutRequest,
}

impl Put {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { author: &self.author, request: &self.request }
    }
}

impl Asked<'_> {
    /// Whether it may not be planned before `other` is done.
    fn depends_on(self, other: Asked<'_>) -> bool {
        let is_counted = self.author.tier_limits.is_some() || other.author.tier_limits.is_some();
        let key = |asked: Asked<'_>| (asked.author.at.clone(), asked.request.name.canonical().to_owned());
        is_counted || key(self) == key(other)
    }
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
        put_together(writing, &[self.asked()]).await?.remove(0)
    }
}

#[async_trait]
impl Work for PutAll {
    const REFUSES_BEFORE_IT_WRITES: bool = false;
    type Outcome = Vec<PutOutcome>;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<Vec<PutOutcome>, Failure> {
        let mut outcomes = Vec::with_capacity(self.requests.len());
        for requests in self.requests.chunks(TOGETHER) {
            let asked: Vec<_> = requests.iter().map(|request| Asked { author: &self.author, request }).collect();
            for outcome in put_together(writing, &asked).await? {
                outcomes.push(outcome?);
            }
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

/// Does puts, each as if they were done one after the other; gives the outcome of each, which may be a refusal.
///
/// # Errors
/// What breaks the transaction.
pub(super) async fn put_together(
    writing: &mut Writing<'_>,
    puts: &[Asked<'_>],
) -> Result<Vec<Result<PutOutcome, Failure>>, Failure> {
    let mut outcomes = Vec::with_capacity(puts.len());
    let mut rest = puts;
    while !rest.is_empty() {
        let is_free = |end: &usize| !rest[..*end].iter().any(|earlier| rest[*end].depends_on(*earlier));
        let free = 1 + (1..rest.len().min(TOGETHER)).take_while(is_free).count();
        let (free, others) = rest.split_at(free);
        let newest = newest(writing.connection, free).await?;
        // Changes are numbered without gaps.
        let newest_change: Option<i64> = newest[0].try_get(EXTRA + 8)?;
        let mut planned = Vec::with_capacity(free.len());
        for (put, row) in free.iter().zip(newest) {
            match plan(writing, *put, &row).await {
                Ok((outcome, one)) => {
                    outcomes.push(Ok(outcome));
                    planned.push(one);
                }
                Err(failure) if failure.is_refusal() => outcomes.push(Err(failure)),
                Err(failure) => return Err(failure),
            }
        }
        write(writing, &planned, newest_change).await?;
        rest = others;
    }
    Ok(outcomes)
}

/// The newest versions of the parameters of `puts`, in their order.
async fn newest(connection: &mut SqliteConnection, puts: &[Asked<'_>]) -> Result<Vec<SqliteRow>, Failure> {
    let wanted = puts.iter().map(|put| (put.author.at.to_string(), put.request.name.canonical()));
    let wanted = serde_json::to_string(&wanted.collect::<Vec<_>>()).expect("texts are JSON");
    let mut rows = sqlx::query(NEWEST).bind(wanted).fetch_all(connection).await?;
    if rows.len() != puts.len() {
        return Err(Failure::damaged("it has no master key"));
    }
    rows.sort_by_cached_key(|row| row.try_get::<i64, _>(EXTRA + 7).unwrap_or_default());
    Ok(rows)
}

/// A put that is going to be done.
struct Planned<'a> {
    author: &'a Author,
    target: Target,
    metadata: ParameterMetadata,
    sealed: Vec<u8>,
    policies_before: Vec<Policy>,
}

/// What a put makes a version of.
enum Target {
    /// A new parameter, with its data key, the number of the master key that this is wrapped under, and tags as a list of pairs.
    New { master_key: i64, data_key: Vec<u8>, tags: String },
    /// The parameter of this id, which loses a version.
    There { id: i64, dropped: Option<i64> },
}

/// What a put does and answers, where `newest` is what is there.
async fn plan<'a>(
    writing: &mut Writing<'_>,
    put: Asked<'a>,
    newest: &SqliteRow,
) -> Result<(PutOutcome, Planned<'a>), Failure> {
    let Asked { author, request } = put;
    let Author { at, user, now, tier_limits } = author;
    let id: Option<i64> = newest.try_get(EXTRA)?;
    let current = id.map(|_| row::metadata(newest, at)).transpose()?;
    let occupancy = match tier_limits {
        Some(limits) if may_take_a_place(request, current.as_ref()) => {
            occupancy(writing.connection, &at.to_string(), *limits).await?
        }
        _ => Occupancy::UNLIMITED,
    };
    let plan = plan_put(request, current.as_ref(), occupancy)?;
    let outcome = plan.outcome();
    let (data_key, target) = match id {
        Some(id) => {
            let dropped = make_room(newest, &request.name)?;
            let data_key = row::data_key(newest, EXTRA + 1, at, &plan.name, plan.version, writing.keys)?;
            (data_key, Target::There { id, dropped })
        }
        None => {
            let number: i64 = newest.try_get(EXTRA + 6)?;
            let master_key = writing.keys.get(number).ok_or(Failure::UnknownMasterKey)?;
            let data_key = DataKey::generate();
            let wrapped = master_key.wrap(KeyOwner::Parameter(at, &plan.name), &data_key);
            let tags: Vec<(&str, &str)> = plan.tags.iter().map(|tag| (tag.key(), tag.value())).collect();
            let tags = serde_json::to_string(&tags).expect("texts are JSON");
            (data_key, Target::New { master_key: number, data_key: wrapped, tags })
        }
    };
    let sealed = data_key.seal(at, &plan.name, plan.version, &request.value);
    let metadata = plan.into_metadata(None, *now, Some(user.to_string()));
    let policies_before = current.map(|current| current.policies).unwrap_or_default();
    Ok((outcome, Planned { author, target, metadata, sealed, policies_before }))
}

/// Writes puts; `newest_change` is the number of the last change before them.
async fn write(writing: &mut Writing<'_>, planned: &[Planned<'_>], newest_change: Option<i64>) -> Result<(), Failure> {
    let Some(last) = planned.len().checked_sub(1) else { return Ok(()) };
    let query = sqlx::query(AssertSqlSafe(PUTS[last].clone()));
    let query = planned.iter().fold(query, |query, one| one.bind(query));
    query.execute(&mut *writing.connection).await?;
    let mut change = newest_change.unwrap_or_default();
    for Planned { author, metadata, policies_before, .. } in planned {
        if !(policies_before.is_empty() && metadata.policies.is_empty()) {
            let id = sqlx::query(ID).bind(author.at.to_string()).bind(metadata.name.canonical());
            let id = id.fetch_one(&mut *writing.connection).await?.try_get(0)?;
            schedule(writing.connection, id, policies_before, &metadata.policies, author.now).await?;
        }
        change += 1;
        changing::note(writing, change, &author.at, &metadata.name).await?;
    }
    Ok(())
}

impl Planned<'_> {
    /// Binds its row of `incoming`.
    fn bind<'q>(&self, query: Query<'q, Sqlite, SqliteArguments>) -> Query<'q, Sqlite, SqliteArguments> {
        let Self { author, metadata, .. } = self;
        let query = match &self.target {
            Target::New { .. } => query.bind(None::<i64>).bind(None::<i64>),
            Target::There { id, dropped } => query.bind(*id).bind(*dropped),
        };
        let query = query
            .bind(author.at.to_string())
            .bind(metadata.name.canonical().to_owned())
            .bind(metadata.name.as_str().to_owned());
        let query = match &self.target {
            Target::New { master_key, data_key, tags } => {
                query.bind(*master_key).bind(data_key.clone()).bind(tags.clone())
            }
            Target::There { .. } => query.bind(None::<i64>).bind(None::<Vec<u8>>).bind(None::<String>),
        };
        bind_version(query, metadata, self.sealed.clone())
    }
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
