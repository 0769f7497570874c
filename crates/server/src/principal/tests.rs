use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use parados_store::DatabaseError;
use rstest::rstest;
use testkit::Postgres;
use zeroize::Zeroizing;

use super::*;
use crate::state::{ServerState, on_pool};

/// Turns the bytes around and remembers the context, until the database's own seal can be had without a store.
#[derive(Debug, Default)]
struct Mirror {
    is_broken: AtomicBool,
}

#[async_trait]
impl SecretSeal for Mirror {
    async fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, DatabaseError> {
        Ok([context.as_bytes(), b"|", &secret.iter().rev().copied().collect::<Vec<u8>>()].concat())
    }

    async fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        let failed = || DatabaseError { operation: "open a secret", message: "it does not open".to_owned() };
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(failed());
        }
        let rest = sealed.strip_prefix([context.as_bytes(), b"|"].concat().as_slice()).ok_or_else(failed)?;
        Ok(Zeroizing::new(rest.iter().rev().copied().collect()))
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn deploy() -> Principal {
    Principal::new("123456789012", "deploy").unwrap()
}

/// Where the tables are.
#[derive(Clone, Copy, Debug)]
enum Engine {
    Sqlite,
    Postgres,
}

struct Fixture {
    tables: AccessTables,
    state: ServerState,
    _place: Box<dyn Any>,
}

async fn fixture(engine: Engine) -> Fixture {
    let (state, place): (_, Box<dyn Any>) = match engine {
        Engine::Sqlite => {
            let directory = tempfile::tempdir().unwrap();
            (ServerState::open(directory.path()).await.unwrap(), Box::new(directory))
        }
        Engine::Postgres => {
            let server = Postgres::start();
            (ServerState::connect(&server.new_database()).await.unwrap(), Box::new(server))
        }
    };
    let tables = AccessTables::open(state.clone(), Arc::new(Mirror::default())).await.unwrap();
    Fixture { tables, state, _place: place }
}

#[test]
fn a_principal_has_an_arn() {
    assert_eq!(deploy().to_string(), "arn:aws:iam::123456789012:user/deploy");
    for (account, name) in
        [("12345678901", "a"), ("123456789012", ""), ("123456789012", "a/b"), ("123456789012", &"x".repeat(65))]
    {
        assert!(Principal::new(account, name).is_err(), "{account} {name}");
    }
}

#[rstest]
#[tokio::test]
async fn a_key_is_made_used_rotated_revoked_and_deleted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Fixture { tables, _place, .. } = fixture(engine).await;
    let directory = Directory::open(tables.clone()).await.unwrap();
    assert!(directory.is_empty());

    let first = tables.create_key(&deploy(), at(0)).await.unwrap();
    assert!(directory.key(first.id.as_str()).is_none(), "not before it looks");
    directory.refresh().await.unwrap();
    let known = directory.key(first.id.as_str()).unwrap();
    assert_eq!((known.principal(), known.arn()), (&deploy(), deploy().arn().as_str()));
    assert!(known.user_id().starts_with("AIDA"));
    assert_eq!(directory.secret(&known).await.unwrap(), first.secret);

    let second = tables.create_key(&deploy(), at(1)).await.unwrap();
    assert_eq!(second.others, std::slice::from_ref(&first.id));
    let refused = tables.create_key(&deploy(), at(2)).await.unwrap_err().to_string();
    assert!(refused.contains(first.id.as_str()) && refused.contains("revoke one of them first"), "{refused}");

    assert!(matches!(tables.delete_key(&first.id).await, Err(AccessTablesError::KeyIsActive(_))));
    tables.revoke_key(&first.id, at(3)).await.unwrap();
    tables.revoke_key(&first.id, at(4)).await.unwrap();
    directory.refresh().await.unwrap();
    assert!(directory.key(first.id.as_str()).is_none());
    assert!(directory.key(second.id.as_str()).is_some());
    let principals = tables.principals().await.unwrap();
    assert_eq!(principals.len(), 1);
    let keys = &principals[0].keys;
    assert_eq!((keys[0].state, keys[0].revoked_at, keys[1].state), (KeyState::Revoked, Some(at(3)), KeyState::Active));

    tables.delete_key(&first.id).await.unwrap();
    assert!(matches!(tables.delete_key(&first.id).await, Err(AccessTablesError::NoKey(_))));
    assert!(matches!(tables.revoke_key(&first.id, at(5)).await, Err(AccessTablesError::NoKey(_))));
    assert_eq!(tables.revoke_principal(&deploy(), at(5)).await.unwrap(), 1);
    tables.delete_key(&second.id).await.unwrap();
    assert_eq!(tables.principals().await.unwrap(), []);
    assert!(matches!(tables.revoke_principal(&deploy(), at(6)).await, Err(AccessTablesError::NoPrincipal(_))));
}

#[rstest]
#[tokio::test]
async fn a_secret_opens_for_its_own_key_alone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Fixture { tables, state, _place, .. } = fixture(engine).await;
    let first = tables.create_key(&deploy(), at(0)).await.unwrap();
    let second = tables.create_key(&deploy(), at(1)).await.unwrap();
    let swap = "UPDATE server_access_key SET sealed = (SELECT k.sealed FROM server_access_key k WHERE k.id = $1)";
    on_pool!(&state, pool => drop(sqlx::query(swap).bind(first.id.as_str()).execute(pool).await.unwrap()));
    let directory = Directory::open(tables).await.unwrap();
    assert!(directory.secret(&directory.key(first.id.as_str()).unwrap()).await.is_ok());
    assert!(directory.secret(&directory.key(second.id.as_str()).unwrap()).await.is_err());
}

#[rstest]
#[tokio::test]
async fn use_is_noted_once_in_a_quarter_of_an_hour(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Fixture { tables, _place, .. } = fixture(engine).await;
    let key = tables.create_key(&deploy(), at(0)).await.unwrap();
    let directory = Directory::open(tables.clone()).await.unwrap();
    let used = async |second| {
        directory.key(key.id.as_str()).unwrap().use_at(at(second));
        directory.note_used().await.unwrap();
        tables.principals().await.unwrap()[0].keys[0].last_used_at
    };
    assert_eq!(used(10).await, Some(at(10)));
    assert_eq!(used(60).await, Some(at(10)));
    assert_eq!(used(910).await, Some(at(910)));
}

#[rstest]
#[tokio::test]
async fn what_was_not_looked_at_for_too_long_is_not_relied_on(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Fixture { tables, _place, .. } = fixture(engine).await;
    let directory = Directory::open(tables).await.unwrap();
    tokio::time::pause();
    assert!(directory.is_fresh());
    tokio::time::advance(MAX_STALENESS + std::time::Duration::from_millis(1)).await;
    assert!(!directory.is_fresh());
    tokio::time::resume();
    directory.refresh().await.unwrap();
    assert!(directory.is_fresh());
}

#[rstest]
#[tokio::test]
async fn a_policy_is_stored_replaced_and_deleted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Fixture { tables, _place, .. } = fixture(engine).await;
    let directory = Directory::open(tables.clone()).await.unwrap();
    assert!(directory.policies().is_empty());
    tables.set_policy("team", "permit(principal, action, resource);", at(0)).await.unwrap();
    tables.set_policy("team", "forbid(principal, action, resource);", at(1)).await.unwrap();
    directory.refresh().await.unwrap();
    assert!(!directory.policies().is_empty());
    let policies = tables.policies().await.unwrap();
    assert_eq!(policies.len(), 1);
    assert_eq!((policies[0].text.as_str(), policies[0].changed_at), ("forbid(principal, action, resource);", at(1)));
    tables.delete_policy("team").await.unwrap();
    assert!(matches!(tables.delete_policy("team").await, Err(AccessTablesError::NoPolicy(_))));
}
