use std::fs::{self, Permissions};

use super::*;

const FIRST: Component =
    Component { name: "test", steps: &[&["CREATE TABLE server_test (id INTEGER PRIMARY KEY) STRICT"]] };
const SECOND: Component = Component {
    name: "test",
    steps: &[
        FIRST.steps[0],
        &["ALTER TABLE server_test ADD COLUMN more TEXT", "INSERT INTO server_test VALUES (1, 'x')"],
    ],
};

#[tokio::test]
async fn tables_are_brought_up_to_date_once_and_a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let state = ServerState::open(directory.path()).await.unwrap();
    FIRST.migrate(&state).await.unwrap();
    SECOND.migrate(&state).await.unwrap();
    SECOND.migrate(&state).await.unwrap();
    let refused = FIRST.migrate(&state).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "the server's test tables have schema version 2; this release knows 1: use a newer release of parados"
    );
    let ServerState::Sqlite(pool) = &state else { unreachable!() };
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM server_test").fetch_one(pool).await.unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn the_file_and_its_log_are_its_owner_s_alone() {
    let directory = tempfile::tempdir().unwrap();
    let state = ServerState::open(directory.path()).await.unwrap();
    FIRST.migrate(&state).await.unwrap();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    state.close().await;
    let path = directory.path().join(STATE_FILE);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let refused = ServerState::open(directory.path()).await.unwrap_err().to_string();
    assert!(refused.contains("mode 0640") && refused.contains("chmod 600"), "{refused}");
}
