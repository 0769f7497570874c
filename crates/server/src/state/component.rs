//! Tables of one owner, and their schema version.

use sqlx::{AssertSqlSafe, Row as _};

use super::{ServerState, StateError};

/// What makes PostgreSQL's migrations wait for one another: any number that nobody else uses.
const MIGRATION_LOCK: i64 = 0x5052_4453_0001;

/// Tables of one owner: their name, and for each schema version the statements that lead to it from the one before.
///
/// Statements are written with SQLite's types (`INTEGER`, `TEXT`, `BLOB`, and `STRICT` at the end); PostgreSQL gets `BIGINT`, `TEXT` and
/// `BYTEA`. A released step is never changed.
#[derive(Debug)]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [&'static [&'static str]],
}

const COMPONENTS: &str =
    "CREATE TABLE IF NOT EXISTS server_component (name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT";

/// The same steps in either database's transaction.
macro_rules! steps {
    ($component:ident, $transaction:ident, $dialect:path, $failed:ident) => {{
        let table = AssertSqlSafe($dialect(COMPONENTS));
        sqlx::query(table).execute(&mut *$transaction).await.map_err(&$failed)?;
        let found = sqlx::query("SELECT version FROM server_component WHERE name = $1")
            .bind($component.name)
            .fetch_optional(&mut *$transaction)
            .await
            .map_err(&$failed)?;
        let found: i64 = found.map_or(Ok(0), |row| row.try_get(0)).map_err(&$failed)?;
        let known = $component.known();
        if found > known {
            return Err(StateError::NewerSchema { component: $component.name, found, known });
        }
        for step in $component.steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
            for sql in *step {
                let sql = AssertSqlSafe($dialect(sql));
                sqlx::query(sql).execute(&mut *$transaction).await.map_err(&$failed)?;
            }
        }
        let set = "INSERT INTO server_component (name, version) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET version = excluded.version";
        sqlx::query(set).bind($component.name).bind(known).execute(&mut *$transaction).await.map_err(&$failed)?;
    }};
}
impl Component {
    /// Brings the tables up to this release, in one transaction.
    ///
    /// # Errors
    /// They are of a newer release, or the database failed; nothing was done.
    pub(crate) async fn migrate(&self, state: &ServerState) -> Result<(), StateError> {
        let failed = StateError::database("bring the server's own tables up to date");
        match state {
            ServerState::Sqlite(pool) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
                steps!(self, transaction, str::to_owned, failed);
                transaction.commit().await.map_err(&failed)
            }
            ServerState::Postgres(pool) => {
                let mut transaction = pool.begin().await.map_err(&failed)?;
                sqlx::query("SELECT pg_advisory_xact_lock($1)")
                    .bind(MIGRATION_LOCK)
                    .execute(&mut *transaction)
                    .await
                    .map_err(&failed)?;
                steps!(self, transaction, for_postgres, failed);
                transaction.commit().await.map_err(&failed)
            }
        }
    }

    fn known(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }
}

fn for_postgres(sql: &str) -> String {
    sql.replace("INTEGER", "BIGINT").replace("BLOB", "BYTEA").replace(" STRICT", "")
}
