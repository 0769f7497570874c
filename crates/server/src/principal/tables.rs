//! Principals, access keys and policies as they are stored, and each change of them.
//!
//! Every change raises the revision in the same transaction, and does so first: so changes come one after the other in either database, and
//! whoever sees an unchanged revision has the newest of everything.

mod policies;
mod reading;

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use jiff::Timestamp;
use parados_parameter::{Invalid, Secret};
use parados_store::DatabaseError;
use sqlx::Row as _;
use thiserror::Error;

use super::access_key::{random_secret, random_user_id};
use super::{AccessKeyId, KeyState, Principal, SecretSeal};
use crate::state::{Component, ServerState, StateError, on_pool};

pub use policies::PolicyRecord;
pub(super) use reading::StoredKey;

/// Most active keys of a principal: one in use, and one that takes over.
pub const MAX_ACTIVE_KEYS: i64 = 2;

const ACCESS: Component = Component {
    name: "access",
    steps: &[&[
        "CREATE TABLE server_access (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT",
        "INSERT INTO server_access VALUES (1, 0)",
        "CREATE TABLE server_principal (
            account TEXT NOT NULL,
            name TEXT NOT NULL,
            user_id TEXT NOT NULL UNIQUE,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (account, name)
        ) STRICT",
        "CREATE TABLE server_access_key (
            id TEXT PRIMARY KEY,
            account TEXT NOT NULL,
            name TEXT NOT NULL,
            sealed BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            revoked_at INTEGER,
            last_used_at INTEGER,
            FOREIGN KEY (account, name) REFERENCES server_principal (account, name)
        ) STRICT",
        "CREATE TABLE server_policy (
            name TEXT PRIMARY KEY,
            text TEXT NOT NULL,
            changed_at INTEGER NOT NULL
        ) STRICT",
    ]],
};

/// Principals, keys or policies could not be read or changed as asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccessTablesError {
    /// The principal has as many active keys as it may have.
    #[error("{principal} has {MAX_ACTIVE_KEYS} active access keys already: {}; revoke one of them first: parados store key revoke {}", list(keys), keys[0])]
    TooManyKeys {
        /// The principal.
        principal: Principal,
        /// Its active keys, oldest first. Never empty.
        keys: Vec<AccessKeyId>,
    },
    /// There is no such principal.
    #[error("there is no principal {0}; 'parados store key list' shows all")]
    NoPrincipal(Principal),
    /// There is no such key.
    #[error("there is no access key {0}; 'parados store key list' shows all")]
    NoKey(AccessKeyId),
    /// Only a key that is of no use any more is deleted.
    #[error("access key {0} is active; revoke it first: parados store key revoke {0}")]
    KeyIsActive(AccessKeyId),
    /// There is no such policy.
    #[error("there is no policy {0:?}; 'parados store policy list' shows all")]
    NoPolicy(String),
    /// The database of the server's own tables failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The secret could not be sealed or opened.
    #[error("the secret of an access key cannot be sealed or opened")]
    Seal(#[from] DatabaseError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// A stored text is not what it has to be.
    #[error("the server's own tables are damaged")]
    Damaged(#[from] Invalid),
}

impl From<Unspecified> for AccessTablesError {
    fn from(_: Unspecified) -> Self {
        Self::Random
    }
}

fn list(keys: &[AccessKeyId]) -> String {
    keys.iter().map(AccessKeyId::as_str).collect::<Vec<_>>().join(" and ")
}

fn failed(operation: &'static str) -> impl Fn(sqlx::Error) -> AccessTablesError {
    move |source| StateError::database(operation)(source).into()
}

/// A key that was just made. Its secret is nowhere else in the clear.
#[derive(Debug)]
pub struct NewAccessKey {
    /// Whose.
    pub principal: Principal,
    /// The id.
    pub id: AccessKeyId,
    /// The secret.
    pub secret: Secret,
    /// The principal's other active keys.
    pub others: Vec<AccessKeyId>,
}

/// A principal and its keys, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalRecord {
    /// Who.
    pub principal: Principal,
    /// Its unique id.
    pub user_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its keys.
    pub keys: Vec<AccessKeyRecord>,
}

/// What is known of a key, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// The id.
    pub id: AccessKeyId,
    /// Whether it may be used.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used, to about a quarter of an hour.
    pub last_used_at: Option<Timestamp>,
}

/// The tables. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct AccessTables {
    state: ServerState,
    seal: Arc<dyn SecretSeal>,
}

const RAISE: &str = "UPDATE server_access SET revision = revision + 1";
const REVOKE: &str = "UPDATE server_access_key SET revoked_at = $1 WHERE revoked_at IS NULL AND ";

impl AccessTables {
    /// Brings the tables in `state` up to date. `seal` keeps the secrets.
    ///
    /// # Errors
    /// They are of a newer release, or the database failed.
    pub async fn open(state: ServerState, seal: Arc<dyn SecretSeal>) -> Result<Self, StateError> {
        ACCESS.migrate(&state).await?;
        Ok(Self { state, seal })
    }

    /// Makes a key for a principal, and the principal if it is not there.
    ///
    /// # Errors
    /// It has [`MAX_ACTIVE_KEYS`] already.
    pub async fn create_key(&self, principal: &Principal, now: Timestamp) -> Result<NewAccessKey, AccessTablesError> {
        let (id, secret, user_id) = (AccessKeyId::random()?, random_secret()?, random_user_id()?);
        let sealed = self.seal.seal(&seal_context(&id, principal), secret.reveal().as_bytes()).await?;
        let failed = failed("make an access key");
        let now = now.as_millisecond();
        let others = on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            sqlx::query(
                "INSERT INTO server_principal (account, name, user_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(principal.account()).bind(principal.name()).bind(user_id).bind(now)
            .execute(&mut *transaction).await.map_err(&failed)?;
            let rows = sqlx::query(
                "SELECT id FROM server_access_key WHERE account = $1 AND name = $2 AND revoked_at IS NULL ORDER BY created_at, id",
            )
            .bind(principal.account()).bind(principal.name())
            .fetch_all(&mut *transaction).await.map_err(&failed)?;
            let mut others = Vec::new();
            for row in rows {
                others.push(AccessKeyId::new(row.try_get(0).map_err(&failed)?)?);
            }
            if i64::try_from(others.len()).is_ok_and(|count| count >= MAX_ACTIVE_KEYS) {
                return Err(AccessTablesError::TooManyKeys { principal: principal.clone(), keys: others });
            }
            sqlx::query("INSERT INTO server_access_key (id, account, name, sealed, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(id.as_str()).bind(principal.account()).bind(principal.name()).bind(sealed).bind(now)
                .execute(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)?;
            others
        });
        Ok(NewAccessKey { principal: principal.clone(), id, secret, others })
    }

    /// Revokes a key, for good. One that is revoked already is left as it is.
    ///
    /// # Errors
    /// There is no such key.
    pub async fn revoke_key(&self, id: &AccessKeyId, now: Timestamp) -> Result<(), AccessTablesError> {
        let failed = failed("revoke an access key");
        let is_there = on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            let sql = sqlx::AssertSqlSafe(format!("{REVOKE} id = $2"));
            sqlx::query(sql).bind(now.as_millisecond()).bind(id.as_str()).execute(&mut *transaction).await.map_err(&failed)?;
            let row = sqlx::query("SELECT 1 FROM server_access_key WHERE id = $1").bind(id.as_str())
                .fetch_optional(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)?;
            row.is_some()
        });
        if is_there { Ok(()) } else { Err(AccessTablesError::NoKey(id.clone())) }
    }

    /// Revokes every key of a principal, and says how many were active.
    ///
    /// # Errors
    /// There is no such principal.
    pub async fn revoke_principal(&self, principal: &Principal, now: Timestamp) -> Result<u64, AccessTablesError> {
        let failed = failed("revoke the access keys of a principal");
        let (is_there, revoked) = on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            let row = sqlx::query("SELECT 1 FROM server_principal WHERE account = $1 AND name = $2")
                .bind(principal.account()).bind(principal.name())
                .fetch_optional(&mut *transaction).await.map_err(&failed)?;
            let sql = sqlx::AssertSqlSafe(format!("{REVOKE} account = $2 AND name = $3"));
            let done = sqlx::query(sql).bind(now.as_millisecond()).bind(principal.account()).bind(principal.name())
                .execute(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)?;
            (row.is_some(), done.rows_affected())
        });
        if is_there { Ok(revoked) } else { Err(AccessTablesError::NoPrincipal(principal.clone())) }
    }

    /// Deletes a revoked key, and its principal with the last one of it.
    ///
    /// # Errors
    /// There is no such key, or it is active.
    pub async fn delete_key(&self, id: &AccessKeyId) -> Result<(), AccessTablesError> {
        let failed = failed("delete an access key");
        on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            let row = sqlx::query("SELECT account, name, revoked_at FROM server_access_key WHERE id = $1").bind(id.as_str())
                .fetch_optional(&mut *transaction).await.map_err(&failed)?;
            let row = row.ok_or_else(|| AccessTablesError::NoKey(id.clone()))?;
            let (account, name, revoked_at): (String, String, Option<i64>) = (
                row.try_get(0).map_err(&failed)?,
                row.try_get(1).map_err(&failed)?,
                row.try_get(2).map_err(&failed)?,
            );
            if revoked_at.is_none() {
                return Err(AccessTablesError::KeyIsActive(id.clone()));
            }
            sqlx::query("DELETE FROM server_access_key WHERE id = $1").bind(id.as_str())
                .execute(&mut *transaction).await.map_err(&failed)?;
            sqlx::query(
                "DELETE FROM server_principal WHERE account = $1 AND name = $2 AND NOT EXISTS
                 (SELECT 1 FROM server_access_key k WHERE k.account = $1 AND k.name = $2)",
            )
            .bind(account).bind(name).execute(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)
        })
    }

    /// Notes when keys were used. It changes no revision.
    ///
    /// # Errors
    /// The database failed.
    pub(super) async fn note_used(&self, used: &[(AccessKeyId, i64)]) -> Result<(), AccessTablesError> {
        let failed = failed("note when access keys were used");
        on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            for (id, at) in used {
                sqlx::query("UPDATE server_access_key SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)")
                    .bind(*at).bind(id.as_str()).execute(&mut *transaction).await.map_err(&failed)?;
            }
            transaction.commit().await.map_err(&failed)
        })
    }
}

/// What the secret of a key is sealed with beside it: it opens for this key of this principal alone.
fn seal_context(id: &AccessKeyId, principal: &Principal) -> String {
    format!("access-key/{id}/{}/{}", principal.account(), principal.name())
}
