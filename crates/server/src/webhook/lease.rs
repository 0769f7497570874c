//! Who delivers: the one server whose name is in the lease, until its time is over by the database's clock.

use std::time::Duration;

use crate::state::{ServerState, StateError, on_pool};

const SQLITE_NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const POSTGRES_NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

/// A lease that several servers would like to have.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    state: ServerState,
    name: &'static str,
    holder: String,
}

impl Lease {
    /// The lease `name`, for whoever makes this.
    pub(super) fn new(state: &ServerState, name: &'static str) -> Self {
        Self { state: state.clone(), name, holder: hex::encode(rand::random::<[u8; 8]>()) }
    }

    /// Takes it, or keeps it, for so long from now; false where another one has it.
    pub(super) async fn hold(&self, length: Duration) -> Result<bool, StateError> {
        let now = match &self.state {
            ServerState::Sqlite(_) => SQLITE_NOW,
            ServerState::Postgres(_) => POSTGRES_NOW,
        };
        let sql = format!(
            "INSERT INTO server_lease (name, holder, until) VALUES ($1, $2, {now} + $3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE server_lease.holder = excluded.holder OR server_lease.until < {now}"
        );
        let milliseconds = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        on_pool!(&self.state, pool => {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(self.name).bind(self.holder.as_str()).bind(milliseconds);
            query.execute(pool).await.map(|done| done.rows_affected() == 1)
        })
        .map_err(StateError::database("hold a lease"))
    }

    /// Gives it back, so that another one need not wait.
    pub(super) async fn release(&self) -> Result<(), StateError> {
        on_pool!(&self.state, pool => {
            let query = sqlx::query("DELETE FROM server_lease WHERE name = $1 AND holder = $2");
            query.bind(self.name).bind(self.holder.as_str()).execute(pool).await.map(drop)
        })
        .map_err(StateError::database("give a lease back"))
    }
}
