//! A new master key for a database that any number of servers use: its data keys are wrapped anew, some at a time; no value is touched.
//!
//! 1. The new key is made and kept beside the old one, in a file whose name ends in `.next`, of which every server has to have a copy.
//! 2. Every server is asked whether it has it ([`holding`](super::holding)). While one says that it has not, nothing comes under the new key.
//! 3. The new key is made known to the database. From here both are of use, and whatever is made is made under the new one. A server that has
//!    come meanwhile and does not have it, refuses what is under it and says why.
//! 4. Data keys are wrapped anew in transactions of their own, that wait for nobody and pass over what somebody writes just now.
//! 5. In one transaction, when none is left under the old key, the database forgets it. From here it opens nothing.
//! 6. The new key's file takes the place of the old one's, here; on the other servers whoever runs them does that.
//!
//! The new key does not go through the database, not even sealed under the old one: a leaked old key is why one is changed.
//!
//! Whatever ends it, doing it again goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use parados_parameter::{AccountRegion, ParameterName};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};

use super::database::PostgresDatabase;
use super::{holding, schema};
use crate::failure::Failure;
use crate::master_key::{self, MasterKeySource};
use crate::rekey::{RekeyError, RekeyReport, RekeyStep};
use crate::seal::{KeyOwner, Keyring, MasterKey};

/// Data keys that are wrapped anew in one transaction.
const AT_ONCE: i64 = 250;
/// Between two transactions.
const PAUSE: Duration = Duration::from_millis(10);

const LEFT: &str = "SELECT count(*) FROM parameter WHERE master_key < $1";
/// Also the number of the newest master key would do, but whatever is written just now is left for later.
const SOME: &str = "SELECT id, account, region, name, master_key, data_key FROM parameter WHERE master_key < $1 \
     LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED";
const WRAP: &str = "UPDATE parameter p SET master_key = $1, data_key = t.data_key \
     FROM unnest($2::bigint[], $3::bytea[]) AS t (id, data_key) WHERE p.id = t.id";

#[cfg(test)]
pub(super) const QUERIES: &[(&str, &str)] = &[(LEFT, "bigint"), (SOME, "bigint, bigint")];

impl PostgresDatabase {
    /// Gives the database a new master key, kept as `to` says beside the old one's file, while servers read and write it. Servers are given
    /// the time `wait` to say whether they have the new key: more than they take from one sweep to the next. `observer` is told each step
    /// when it is done.
    ///
    /// # Errors
    /// [`RekeyError`]. What was done stays, and all values are readable; doing it again, with the same `to`, goes on with it.
    pub async fn rekey(
        &self,
        to: &MasterKeySource,
        wait: Duration,
        observer: &mut (dyn FnMut(RekeyStep) + Send),
    ) -> Result<RekeyReport, RekeyError> {
        let keys = &self.engine.keys;
        let checks = self.key_checks().await?;
        keys.refresh(&self.engine.pool).await.map_err(RekeyError::of)?;
        if is_in_use(to, keys.file(), &checks).await? {
            return Err(RekeyError::SameKey);
        }
        let key = Arc::new(master_key::next::stage_beside(keys.file(), to).await?);
        observer(RekeyStep::KeyKept);
        keys.know(key.clone()).await;
        if !checks.iter().any(|(_, check)| key.is_checked_by(check)) {
            self.ask_servers(&key, wait, observer).await?;
        }
        let number = self.change(async |connection| begin(connection, &key).await).await?;
        let ring = keys.refresh(&self.engine.pool).await.map_err(RekeyError::of)?;
        let left = self.change(async |connection| left_under(connection, number).await).await?;
        observer(RekeyStep::Begun { left });
        let mut report = RekeyReport { wrapped: 0, damaged: 0, nothing_is_left: false };
        loop {
            let some = self.change(async |connection| wrap_some(connection, &ring, &key, number).await).await?;
            report.wrapped += some.wrapped;
            report.damaged += some.damaged;
            if some.wrapped + some.damaged > 0 {
                observer(RekeyStep::Wrapped { wrapped: report.wrapped });
            } else if self.change(async |connection| end(connection, &ring, &key, number).await).await? {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        observer(RekeyStep::OldKeyForgotten);
        master_key::next::promote_beside(keys.file())?;
        observer(RekeyStep::KeyReplaced);
        Ok(report)
    }

    /// Refuses to go on while a server does not have `key`.
    async fn ask_servers(
        &self,
        key: &MasterKey,
        wait: Duration,
        observer: &mut (dyn FnMut(RekeyStep) + Send),
    ) -> Result<(), RekeyError> {
        let check = key.key_check();
        self.change(async |connection| holding::ask(connection, &check).await).await?;
        observer(RekeyStep::Asked { wait });
        tokio::time::sleep(wait).await;
        let servers = self.change(async |connection| holding::without(connection, &check).await).await?;
        match servers.is_empty() {
            true => Ok(()),
            false => Err(RekeyError::NotHeld { servers, staged: master_key::next::beside(self.engine.keys.file()) }),
        }
    }

    async fn key_checks(&self) -> Result<Vec<(i64, Vec<u8>)>, RekeyError> {
        self.change(async |connection: &mut PgConnection| Ok(schema::key_checks(connection).await?)).await
    }

    async fn change<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failure>,
    ) -> Result<T, RekeyError> {
        Ok(self.call("change the master key", work).await?)
    }
}

/// Whether the key that `to` names is one that the database has, and not by a rekey that did not come to its end.
async fn is_in_use(
    to: &MasterKeySource,
    file: &std::path::Path,
    checks: &[(i64, Vec<u8>)],
) -> Result<bool, RekeyError> {
    let MasterKeySource::FileAt(path) = to else { return Ok(false) };
    if !path.exists() || master_key::next::is_named(&master_key::next::beside(file)) {
        return Ok(false);
    }
    let key = master_key::load_path(path, None).await?;
    Ok(checks.iter().any(|(_, check)| key.is_checked_by(check)))
}

/// Makes the new key known to the database, and gives its number.
async fn begin(connection: &mut PgConnection, key: &MasterKey) -> Result<i64, Failure> {
    let mut transaction = connection.begin().await?;
    schema::lock(&mut transaction).await?;
    let checks = schema::key_checks(&mut transaction).await?;
    if let Some((number, _)) = checks.iter().find(|(_, check)| key.is_checked_by(check)) {
        return Ok(*number);
    }
    let number = checks.last().map_or(1, |(newest, _)| newest + 1);
    let insert = sqlx::query("INSERT INTO master_key (id, key_check) VALUES ($1, $2)");
    insert.bind(number).bind(key.key_check()).execute(&mut *transaction).await?;
    holding::forget(&mut transaction).await?;
    transaction.commit().await?;
    Ok(number)
}

async fn left_under(connection: &mut PgConnection, number: i64) -> Result<u64, Failure> {
    let row = sqlx::query(LEFT).bind(number).fetch_one(connection).await?;
    u64::try_from(row.try_get::<i64, _>(0)?).map_err(Failure::damaged)
}

/// What became of some data keys.
#[derive(Default)]
struct WrappedSome {
    wrapped: u64,
    damaged: u64,
}

/// Wraps some data keys anew.
async fn wrap_some(
    connection: &mut PgConnection,
    ring: &Keyring,
    key: &MasterKey,
    number: i64,
) -> Result<WrappedSome, Failure> {
    let mut transaction = connection.begin().await?;
    let rows = sqlx::query(SOME).bind(number).bind(AT_ONCE).fetch_all(&mut *transaction).await?;
    let mut some = WrappedSome::default();
    let (mut ids, mut data_keys) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in &rows {
        ids.push(row.try_get::<i64, _>(0)?);
        data_keys.push(match wrapped_anew(row, ring, key)? {
            Some(wrapped) => {
                some.wrapped += 1;
                wrapped
            }
            // What did not open before does not open now.
            None => {
                some.damaged += 1;
                row.try_get(5)?
            }
        });
    }
    if !ids.is_empty() {
        sqlx::query(WRAP).bind(number).bind(ids).bind(data_keys).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(some)
}

fn wrapped_anew(row: &PgRow, ring: &Keyring, key: &MasterKey) -> Result<Option<Vec<u8>>, Failure> {
    let at = AccountRegion::new(row.try_get(1)?, row.try_get(2)?).map_err(Failure::damaged)?;
    let name = ParameterName::observed(row.try_get::<&str, _>(3)?);
    let old = ring.get(row.try_get(4)?).ok_or(Failure::UnknownMasterKey)?;
    let owner = KeyOwner::Parameter(&at, &name);
    Ok(old.unwrap(owner, row.try_get(5)?).ok().map(|data_key| key.wrap(owner, &data_key)))
}

/// Makes the database forget the old key. It does not where something is under it still, or comes under it just now.
async fn end(connection: &mut PgConnection, ring: &Keyring, key: &MasterKey, number: i64) -> Result<bool, Failure> {
    let mut transaction = connection.begin().await?;
    if left_under(&mut transaction, number).await? > 0 {
        return Ok(false);
    }
    let own = sqlx::query("SELECT master_key, data_key FROM store FOR UPDATE").fetch_one(&mut *transaction).await?;
    let old = ring.get(own.try_get(0)?).ok_or(Failure::UnknownMasterKey)?;
    // One that is damaged opens nothing under any key.
    if let Ok(data_key) = old.unwrap(KeyOwner::Database, own.try_get(1)?) {
        let update = sqlx::query("UPDATE store SET data_key = $1").bind(key.wrap(KeyOwner::Database, &data_key));
        update.execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE store SET master_key = $1").bind(number).execute(&mut *transaction).await?;
    let forgotten = sqlx::query("DELETE FROM master_key WHERE id <> $1").bind(number).execute(&mut *transaction).await;
    match forgotten {
        Ok(_) => transaction.commit().await?,
        Err(error) if schema::is_referred_to(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}
