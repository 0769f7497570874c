//! Principals and keys, read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parados_parameter::Secret;
use sqlx::Row as _;
use zeroize::Zeroize as _;

use super::{AccessKeyRecord, AccessTables, AccessTablesError, PolicyRecord, PrincipalRecord, failed, seal_context};
use crate::principal::{AccessKeyId, KeyState, Principal};
use crate::state::on_pool;

/// An active key as a server needs it.
#[derive(Clone, Debug)]
pub(in crate::principal) struct StoredKey {
    pub(in crate::principal) id: AccessKeyId,
    pub(in crate::principal) principal: Principal,
    pub(in crate::principal) user_id: String,
    pub(in crate::principal) sealed: Vec<u8>,
    pub(in crate::principal) last_used_at: Option<i64>,
}

/// Everything that decides who may call, and what that may do, as of one revision.
#[derive(Debug)]
pub(in crate::principal) struct Stored {
    pub(in crate::principal) revision: i64,
    pub(in crate::principal) keys: Vec<StoredKey>,
    pub(in crate::principal) policies: Vec<PolicyRecord>,
}

impl AccessTables {
    /// Every principal with its keys, by account and name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn principals(&self) -> Result<Vec<PrincipalRecord>, AccessTablesError> {
        let failed = failed("read the principals");
        let mut records = BTreeMap::new();
        on_pool!(&self.state, pool => {
            let rows = sqlx::query("SELECT account, name, user_id, created_at FROM server_principal")
                .fetch_all(pool).await.map_err(&failed)?;
            for row in rows {
                let principal = Principal::new(row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?)?;
                records.insert(principal.clone(), PrincipalRecord {
                    principal,
                    user_id: row.try_get(2).map_err(&failed)?,
                    created_at: time(row.try_get(3).map_err(&failed)?),
                    keys: Vec::new(),
                });
            }
            let rows = sqlx::query(
                "SELECT account, name, id, created_at, revoked_at, last_used_at FROM server_access_key ORDER BY created_at, id",
            )
            .fetch_all(pool).await.map_err(&failed)?;
            for row in rows {
                let principal = Principal::new(row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?)?;
                let (revoked_at, last_used_at): (Option<i64>, Option<i64>) =
                    (row.try_get(4).map_err(&failed)?, row.try_get(5).map_err(&failed)?);
                let key = AccessKeyRecord {
                    id: AccessKeyId::new(row.try_get(2).map_err(&failed)?)?,
                    state: if revoked_at.is_some() { KeyState::Revoked } else { KeyState::Active },
                    created_at: time(row.try_get(3).map_err(&failed)?),
                    revoked_at: revoked_at.map(time),
                    last_used_at: last_used_at.map(time),
                };
                if let Some(record) = records.get_mut(&principal) {
                    record.keys.push(key);
                }
            }
        });
        Ok(records.into_values().collect())
    }

    /// What changes with every change.
    ///
    /// # Errors
    /// The database failed.
    pub(in crate::principal) async fn revision(&self) -> Result<i64, AccessTablesError> {
        let failed = failed("read the revision of the access tables");
        on_pool!(&self.state, pool => {
            let row = sqlx::query("SELECT revision FROM server_access").fetch_one(pool).await.map_err(&failed)?;
            Ok(row.try_get(0).map_err(&failed)?)
        })
    }

    /// The active keys and the policies. The revision is read first: what is changed meanwhile is read again with the next one.
    ///
    /// # Errors
    /// The database failed.
    pub(in crate::principal) async fn load(&self) -> Result<Stored, AccessTablesError> {
        let failed = failed("read the access keys");
        let revision = self.revision().await?;
        let mut keys = Vec::new();
        on_pool!(&self.state, pool => {
            let rows = sqlx::query(
                "SELECT k.id, k.account, k.name, p.user_id, k.sealed, k.last_used_at FROM server_access_key k
                 JOIN server_principal p ON p.account = k.account AND p.name = k.name WHERE k.revoked_at IS NULL",
            )
            .fetch_all(pool).await.map_err(&failed)?;
            for row in rows {
                keys.push(StoredKey {
                    id: AccessKeyId::new(row.try_get(0).map_err(&failed)?)?,
                    principal: Principal::new(row.try_get(1).map_err(&failed)?, row.try_get(2).map_err(&failed)?)?,
                    user_id: row.try_get(3).map_err(&failed)?,
                    sealed: row.try_get(4).map_err(&failed)?,
                    last_used_at: row.try_get(5).map_err(&failed)?,
                });
            }
        });
        Ok(Stored { revision, keys, policies: self.policies().await? })
    }

    /// Opens the secret of a key.
    ///
    /// # Errors
    /// It does not open, or the database failed.
    pub(in crate::principal) async fn open_secret(&self, key: &StoredKey) -> Result<Secret, AccessTablesError> {
        let mut bytes = self.seal.open(&seal_context(&key.id, &key.principal), &key.sealed).await?;
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(parados_parameter::Invalid::new("secret", "", "it is text").into())
            }
        }
    }
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
