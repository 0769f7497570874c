//! Which servers have the database's next master key: they are asked by a row, and each answers with one at its next sweep.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::failure::Failure;

/// Who says so is said as the database sees it, and as the server sees itself.
const ANSWER: &str = "INSERT INTO key_holder (server, place, key_check, lacking) \
     VALUES ($1, coalesce(host(inet_client_addr()), 'this machine') || ' (process ' || $2 || ')', $3, $4) \
     ON CONFLICT (server) DO UPDATE SET place = excluded.place, key_check = excluded.key_check, lacking = excluded.lacking";

/// Asks every server for the key that `check` was made under.
pub(super) async fn ask(connection: &mut PgConnection, check: &[u8]) -> Result<(), Failure> {
    let ask = "INSERT INTO next_master_key (key_check) VALUES ($1) \
         ON CONFLICT (only_row) DO UPDATE SET key_check = excluded.key_check";
    sqlx::query(ask).bind(check).execute(connection).await?;
    Ok(())
}

/// What is asked for now.
pub(super) async fn asked(connection: &mut PgConnection) -> Result<Option<Vec<u8>>, Failure> {
    let row = sqlx::query("SELECT key_check FROM next_master_key").fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Says for the server `server` that it has the key, or why it is `lacking`.
pub(super) async fn answer(
    connection: &mut PgConnection,
    server: &str,
    check: &[u8],
    lacking: Option<&str>,
) -> Result<(), Failure> {
    let answer = sqlx::query(ANSWER).bind(server).bind(std::process::id().to_string()).bind(check).bind(lacking);
    answer.execute(connection).await?;
    Ok(())
}

/// The servers that said that they do not have it, and why.
pub(super) async fn without(connection: &mut PgConnection, check: &[u8]) -> Result<Vec<String>, Failure> {
    let without =
        "SELECT place || ': ' || lacking FROM key_holder WHERE key_check = $1 AND lacking IS NOT NULL ORDER BY 1";
    let rows = sqlx::query(without).bind(check).fetch_all(connection).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Asks for nothing any more.
pub(super) async fn forget(connection: &mut PgConnection) -> Result<(), Failure> {
    sqlx::query("DELETE FROM next_master_key").execute(&mut *connection).await?;
    sqlx::query("DELETE FROM key_holder").execute(connection).await?;
    Ok(())
}
