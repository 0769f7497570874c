//! Policies as they are stored: a name and a text. Whether the text is good is asked before.

use jiff::Timestamp;
use sqlx::Row as _;

use super::{AccessTables, AccessTablesError, RAISE, failed};
use crate::state::on_pool;

/// A stored policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// Its name.
    pub name: String,
    /// Its text, in Cedar.
    pub text: String,
    /// When it was set.
    pub changed_at: Timestamp,
}

impl AccessTables {
    /// Stores a policy, in place of one of the same name. Its text has to be checked before.
    ///
    /// # Errors
    /// The database failed.
    pub async fn set_policy(&self, name: &str, text: &str, now: Timestamp) -> Result<(), AccessTablesError> {
        let failed = failed("store a policy");
        on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            sqlx::query(
                "INSERT INTO server_policy (name, text, changed_at) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET text = excluded.text, changed_at = excluded.changed_at",
            )
            .bind(name).bind(text).bind(now.as_millisecond())
            .execute(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)
        })
    }

    /// Deletes a policy.
    ///
    /// # Errors
    /// There is no such policy.
    pub async fn delete_policy(&self, name: &str) -> Result<(), AccessTablesError> {
        let failed = failed("delete a policy");
        let done = on_pool!(&self.state, pool => {
            let mut transaction = pool.begin().await.map_err(&failed)?;
            sqlx::query(RAISE).execute(&mut *transaction).await.map_err(&failed)?;
            let done = sqlx::query("DELETE FROM server_policy WHERE name = $1").bind(name)
                .execute(&mut *transaction).await.map_err(&failed)?;
            transaction.commit().await.map_err(&failed)?;
            done.rows_affected()
        });
        if done == 0 { Err(AccessTablesError::NoPolicy(name.to_owned())) } else { Ok(()) }
    }

    /// Every policy, by name.
    ///
    /// # Errors
    /// The database failed.
    pub async fn policies(&self) -> Result<Vec<PolicyRecord>, AccessTablesError> {
        let failed = failed("read the policies");
        let mut policies = Vec::new();
        on_pool!(&self.state, pool => {
            let rows = sqlx::query("SELECT name, text, changed_at FROM server_policy ORDER BY name")
                .fetch_all(pool).await.map_err(&failed)?;
            for row in rows {
                policies.push(PolicyRecord {
                    name: row.try_get(0).map_err(&failed)?,
                    text: row.try_get(1).map_err(&failed)?,
                    changed_at: super::reading::time(row.try_get(2).map_err(&failed)?),
                });
            }
        });
        Ok(policies)
    }
}
