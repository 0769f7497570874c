//! Resource policies of parameters.

use aws_lc_rs::digest::{SHA256, digest};
use parados_parameter::{AccountRegion, ParameterName};

use super::ServiceTables;
use crate::state::{StateError, on_pool};

/// A policy that is attached to a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePolicy {
    pub(crate) id: String,
    /// Changes with the policy: what a writer has to name.
    pub(crate) hash: String,
    pub(crate) policy: String,
}

impl ResourcePolicy {
    /// `policy` under `id`.
    pub(crate) fn new(id: String, policy: String) -> Self {
        let hash = hex::encode(digest(&SHA256, policy.as_bytes()));
        Self { id, hash, policy }
    }
}

/// Why a policy was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyRefusal {
    /// There is none of that id.
    NotFound,
    /// It is another than the hash says.
    Conflict,
}

impl ServiceTables {
    /// The policies of a parameter behind the id `after`, in order of their ids.
    pub(crate) async fn policies(
        &self,
        place: &AccountRegion,
        name: &ParameterName,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ResourcePolicy>, StateError> {
        const SQL: &str = "SELECT id, hash, policy FROM server_resource_policy \
             WHERE place = $1 AND name = $2 AND id > $3 ORDER BY id LIMIT $4";
        let failed = StateError::database("read resource policies");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            let query = sqlx::query(SQL).bind(&place).bind(name.canonical()).bind(after).bind(limit);
            let rows = query.fetch_all(pool).await.map_err(&failed)?;
            let read = |row: &_| Ok(ResourcePolicy { id: get(row, 0)?, hash: get(row, 1)?, policy: get(row, 2)? });
            rows.iter().map(read).collect::<Result<_, sqlx::Error>>().map_err(&failed)
        })
    }

    /// Attaches a policy.
    pub(crate) async fn add_policy(
        &self,
        place: &AccountRegion,
        name: &ParameterName,
        policy: &ResourcePolicy,
    ) -> Result<(), StateError> {
        const SQL: &str =
            "INSERT INTO server_resource_policy (place, name, id, hash, policy) VALUES ($1, $2, $3, $4, $5)";
        let failed = StateError::database("add a resource policy");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            let add = sqlx::query(SQL).bind(&place).bind(name.canonical()).bind(&policy.id);
            add.bind(&policy.hash).bind(&policy.policy).execute(pool).await.map(drop).map_err(&failed)
        })
    }

    /// Changes the policy `policy.id`, where it still is what `hash` says.
    pub(crate) async fn replace_policy(
        &self,
        place: &AccountRegion,
        name: &ParameterName,
        hash: &str,
        policy: &ResourcePolicy,
    ) -> Result<Result<(), PolicyRefusal>, StateError> {
        const SQL: &str = "UPDATE server_resource_policy SET hash = $5, policy = $6 \
             WHERE place = $1 AND name = $2 AND id = $3 AND hash = $4";
        let failed = StateError::database("change a resource policy");
        let at = place.to_string();
        let changed = on_pool!(&self.state, pool => {
            let update = sqlx::query(SQL).bind(&at).bind(name.canonical()).bind(&policy.id).bind(hash);
            let update = update.bind(&policy.hash).bind(&policy.policy);
            update.execute(pool).await.map_err(&failed)?.rows_affected()
        });
        self.judge(place, name, &policy.id, changed).await
    }

    /// Takes a policy off, where it still is what `hash` says.
    pub(crate) async fn remove_policy(
        &self,
        place: &AccountRegion,
        name: &ParameterName,
        id: &str,
        hash: &str,
    ) -> Result<Result<(), PolicyRefusal>, StateError> {
        const SQL: &str = "DELETE FROM server_resource_policy WHERE place = $1 AND name = $2 AND id = $3 AND hash = $4";
        let failed = StateError::database("remove a resource policy");
        let at = place.to_string();
        let changed = on_pool!(&self.state, pool => {
            let delete = sqlx::query(SQL).bind(&at).bind(name.canonical()).bind(id).bind(hash);
            delete.execute(pool).await.map_err(&failed)?.rows_affected()
        });
        self.judge(place, name, id, changed).await
    }

    /// Takes all policies off a parameter that was deleted.
    pub(crate) async fn forget_policies(&self, place: &AccountRegion, name: &ParameterName) -> Result<(), StateError> {
        const SQL: &str = "DELETE FROM server_resource_policy WHERE place = $1 AND name = $2";
        let failed = StateError::database("remove resource policies");
        let place = place.to_string();
        on_pool!(&self.state, pool => {
            sqlx::query(SQL).bind(&place).bind(name.canonical()).execute(pool).await.map(drop).map_err(&failed)
        })
    }

    /// Why nothing was changed, where nothing was.
    async fn judge(
        &self,
        place: &AccountRegion,
        name: &ParameterName,
        id: &str,
        changed: u64,
    ) -> Result<Result<(), PolicyRefusal>, StateError> {
        if changed > 0 {
            return Ok(Ok(()));
        }
        let policies = self.policies(place, name, "", i64::MAX).await?;
        Ok(Err(match policies.iter().any(|policy| policy.id == id) {
            true => PolicyRefusal::Conflict,
            false => PolicyRefusal::NotFound,
        }))
    }
}

fn get<'r, R: sqlx::Row>(row: &'r R, column: usize) -> Result<String, sqlx::Error>
where
    usize: sqlx::ColumnIndex<R>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    row.try_get(column)
}
