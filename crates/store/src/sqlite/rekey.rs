//! A new master key for a database that is in use: its data keys are wrapped anew, some at a time; no value is touched.
//!
//! 1. The new key is made and kept beside the old one, read back, and made known to the database. From here both are of use, and
//!    whatever is made is made under the new one.
//! 2. Data keys are wrapped anew in transactions of their own, with pauses in which others write.
//! 3. In one transaction, when none is left under the old key, the database forgets it. From here it opens nothing.
//! 4. The new key's file takes the place of the old one's, and the log is emptied, in which data keys lie as they were wrapped before.
//!
//! Whatever ends it, doing it again goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parados_parameter::{AccountRegion, ParameterName};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::database::SqliteDatabase;
use super::engine::DATABASE_FILE;
use super::queue::{Work, Writing};
use super::schema::{self, Durability};
use crate::failure::Failure;
use crate::master_key::{self, MasterKeySource};
use crate::rekey::{RekeyError, RekeyReport, RekeyStep};
use crate::seal::{KeyOwner, MasterKey};

/// Data keys that are wrapped anew in one transaction.
const AT_ONCE: i64 = 250;
/// In which other processes get their turn to write.
const PAUSE: Duration = Duration::from_millis(10);

const LEFT: &str = "SELECT count(*) FROM parameter WHERE master_key < ?1";
const SOME: &str = "SELECT p.id, l.place, p.name, p.master_key, p.data_key FROM parameter p JOIN place l ON l.id = p.place \
     WHERE p.master_key < ?1 LIMIT ?2";

#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[LEFT, SOME];

impl SqliteDatabase {
    /// Gives the database a new master key, kept as `to` says, while this and other processes read and write it. `observer` is told
    /// each step when it is on the disk.
    ///
    /// # Errors
    /// [`RekeyError`]. What was done stays, and all values are readable; doing it again, with the same `to`, goes on with it.
    pub async fn rekey(
        &self,
        to: &MasterKeySource,
        observer: &mut (dyn FnMut(RekeyStep) + Send),
    ) -> Result<RekeyReport, RekeyError> {
        let engine = &self.0;
        let directory = engine.kept_directory().ok_or(RekeyError::ThrownAway)?;
        if !engine.has_all_keys().await.map_err(RekeyError::of)? {
            return Err(RekeyError::WrongMasterKey { place: directory.display().to_string() });
        }
        if self.is_in_use(to).await? {
            return Err(RekeyError::SameKey);
        }
        let key = Arc::new(master_key::next::stage(directory, to).await?);
        observer(RekeyStep::KeyKept);
        engine.know(key.clone()).await;
        let number = engine.write(Begin { key: key.clone() }).await.map_err(RekeyError::of)?;
        engine.refresh_keys().await.map_err(RekeyError::of)?;
        let left = self.left_under(number).await?;
        observer(RekeyStep::Begun { left });
        let mut report = RekeyReport { wrapped: 0, damaged: 0, nothing_is_left: false };
        loop {
            let some = engine.write(WrapSome { key: key.clone(), number }).await.map_err(RekeyError::of)?;
            report.wrapped += some.wrapped;
            report.damaged += some.damaged;
            if some.wrapped + some.damaged > 0 {
                observer(RekeyStep::Wrapped { wrapped: report.wrapped });
                tokio::time::sleep(PAUSE).await;
            } else if engine.write(End { key: key.clone(), number }).await.map_err(RekeyError::of)? {
                break;
            }
        }
        observer(RekeyStep::OldKeyForgotten);
        master_key::next::promote(directory)?;
        observer(RekeyStep::KeyReplaced);
        report.nothing_is_left = self.empty_log().await?;
        Ok(report)
    }

    /// Whether the key that `to` names is one that the database has, and not by a rekey that did not come to its end.
    async fn is_in_use(&self, to: &MasterKeySource) -> Result<bool, RekeyError> {
        let MasterKeySource::FileAt(path) = to else { return Ok(false) };
        if !path.exists() || master_key::next::is_staged(self.directory()) {
            return Ok(false);
        }
        let key = master_key::load_path(path, None).await?;
        let checks = self.0.key_checks().await.map_err(RekeyError::of)?;
        Ok(checks.iter().any(|(_, check)| key.is_checked_by(check)))
    }

    async fn left_under(&self, number: i64) -> Result<u64, RekeyError> {
        let left = async {
            let row = sqlx::query(LEFT).bind(number).fetch_one(self.0.readers()).await?;
            u64::try_from(row.try_get::<i64, _>(0)?).map_err(Failure::damaged)
        };
        left.await.map_err(RekeyError::of)
    }

    async fn empty_log(&self) -> Result<bool, RekeyError> {
        let path = self.directory().join(DATABASE_FILE);
        let emptied = async {
            let mut connection = schema::connection(&path, Durability::Synced).connect().await?;
            let emptied = schema::empty_log(&mut connection).await?;
            connection.close().await?;
            Ok(emptied)
        };
        emptied.await.map_err(|error: sqlx::Error| RekeyError::of(error.into()))
    }
}

/// Makes the new key known to the database.
struct Begin {
    key: Arc<MasterKey>,
}

#[async_trait]
impl Work for Begin {
    /// Its number.
    type Outcome = i64;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<i64, Failure> {
        let checks = schema::key_checks(writing.connection).await?;
        if let Some((number, _)) = checks.iter().find(|(_, check)| self.key.is_checked_by(check)) {
            return Ok(*number);
        }
        let number = checks.last().map_or(1, |(newest, _)| newest + 1);
        let insert = sqlx::query("INSERT INTO master_key (id, key_check) VALUES (?1, ?2)");
        insert.bind(number).bind(self.key.key_check()).execute(&mut *writing.connection).await?;
        Ok(number)
    }
}

/// Wraps some data keys anew.
struct WrapSome {
    key: Arc<MasterKey>,
    number: i64,
}

/// What became of some data keys.
struct WrappedSome {
    wrapped: u64,
    damaged: u64,
}

#[async_trait]
impl Work for WrapSome {
    type Outcome = WrappedSome;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<WrappedSome, Failure> {
        let rows = sqlx::query(SOME).bind(self.number).bind(AT_ONCE).fetch_all(&mut *writing.connection).await?;
        let mut some = WrappedSome { wrapped: 0, damaged: 0 };
        for row in &rows {
            let at: AccountRegion = row.try_get::<&str, _>(1)?.parse().map_err(Failure::damaged)?;
            let name = ParameterName::observed(row.try_get::<&str, _>(2)?);
            let old = writing.keys.get(row.try_get(3)?).ok_or(Failure::UnknownMasterKey)?;
            let owner = KeyOwner::Parameter(&at, &name);
            let wrapped = match old.unwrap(owner, row.try_get(4)?) {
                Ok(data_key) => {
                    some.wrapped += 1;
                    self.key.wrap(owner, &data_key)
                }
                Err(_) => {
                    some.damaged += 1;
                    row.try_get(4)?
                }
            };
            let update = sqlx::query("UPDATE parameter SET master_key = ?2, data_key = ?3 WHERE id = ?1");
            let update = update.bind(row.try_get::<i64, _>(0)?).bind(self.number).bind(wrapped);
            update.execute(&mut *writing.connection).await?;
        }
        Ok(some)
    }
}

/// Makes the database forget the old key.
struct End {
    key: Arc<MasterKey>,
    number: i64,
}

#[async_trait]
impl Work for End {
    /// Whether it did: not where somebody made a parameter under the old key meanwhile.
    type Outcome = bool;

    async fn run(&self, writing: &mut Writing<'_>) -> Result<bool, Failure> {
        let connection = &mut *writing.connection;
        if sqlx::query(LEFT).bind(self.number).fetch_one(&mut *connection).await?.try_get::<i64, _>(0)? > 0 {
            return Ok(false);
        }
        let own = sqlx::query("SELECT master_key, data_key FROM store").fetch_one(&mut *connection).await?;
        let old = writing.keys.get(own.try_get(0)?).ok_or(Failure::UnknownMasterKey)?;
        // One that is damaged opens nothing under any key.
        if let Ok(data_key) = old.unwrap(KeyOwner::Database, own.try_get(1)?) {
            let update =
                sqlx::query("UPDATE store SET data_key = ?1").bind(self.key.wrap(KeyOwner::Database, &data_key));
            update.execute(&mut *connection).await?;
        }
        sqlx::query("UPDATE store SET master_key = ?1").bind(self.number).execute(&mut *connection).await?;
        sqlx::query("DELETE FROM master_key WHERE id <> ?1").bind(self.number).execute(connection).await?;
        Ok(true)
    }
}
