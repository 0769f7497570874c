//! A new master key for a database that servers are using.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::{KeyId, KeyManagement, ParameterReference, StoreErrorKind, SystemClock};
use parados_store::{
    MasterKeySource, OpenError, ParameterDatabase as _, PostgresDatabase, PostgresOpenError, PostgresOptions,
    RekeyError, RekeyReport, RekeyStep,
};

use super::{Home, place, try_open};
use crate::master_key::FakeKeyManagement;
use crate::{name, overwrite, request};

const PARAMETERS: usize = 300;
/// Servers answer at their next sweep, which these tests begin themselves.
const WAIT: Duration = Duration::from_millis(300);

async fn filled() -> (Home, PostgresDatabase) {
    let home = Home::new();
    let database = home.open().await;
    let store = database.store(&place(1), "tester");
    for number in 0..PARAMETERS {
        store.put(&request(&format!("/p/{number}"), &number.to_string())).await.unwrap();
    }
    (home, database)
}

/// A server on another machine, whose key file is a copy.
async fn elsewhere(home: &Home, machine: &str) -> (PostgresDatabase, PathBuf) {
    let folder = home.folder.path().join(machine);
    fs::create_dir(&folder).unwrap();
    let key = folder.join("key");
    fs::copy(home.key(), &key).unwrap();
    (try_open(&home.url, &key, false).await.unwrap(), key)
}

fn next(key: &Path) -> PathBuf {
    key.with_file_name("key.next")
}

async fn assert_whole(database: &PostgresDatabase) {
    let store = database.store(&place(1), "tester");
    for number in [0, 1, 249, 250, 251, PARAMETERS - 1] {
        let read = store.get(&ParameterReference::newest(name(&format!("/p/{number}")))).await.unwrap();
        assert_eq!(read.value.reveal(), number.to_string());
    }
}

async fn rekey(database: &PostgresDatabase, wait: Duration) -> Result<RekeyReport, RekeyError> {
    database.rekey(&MasterKeySource::File, wait, &mut |_| {}).await
}

fn keys(home: &Home) -> String {
    home.postgres.psql("test_0", "SELECT count(*), (SELECT count(DISTINCT master_key) FROM parameter) FROM master_key")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_read_and_write_while_it_runs_and_then_the_old_key_opens_nothing() {
    let (home, database) = filled().await;
    let (one, one_key) = elsewhere(&home, "one").await;
    let (two, two_key) = elsewhere(&home, "two").await;
    let secret = one.seal_secret("x", b"secret").await.unwrap();
    let old = fs::read(home.key()).unwrap();
    let end = AtomicBool::new(false);
    let work = async {
        let mut round = 0;
        while !end.load(Ordering::Relaxed) {
            for (number, server) in [&one, &two].into_iter().enumerate() {
                server.sweep(Timestamp::now()).await.unwrap();
                let (store, new) = (server.store(&place(1), "tester"), format!("/new/{round}/{number}"));
                store.put(&request(&new, "v")).await.unwrap();
                store.put(&overwrite("/p/7", "7")).await.unwrap();
                assert_whole(server).await;
                store.get(&ParameterReference::newest(name(&new))).await.unwrap();
            }
            round += 1;
        }
        round
    };
    let mut steps = Vec::new();
    let change = async {
        let mut observer = |step| {
            if step == RekeyStep::KeyKept {
                fs::copy(next(&home.key()), next(&one_key)).unwrap();
                fs::copy(next(&home.key()), next(&two_key)).unwrap();
            }
            steps.push(step);
        };
        let report = database.rekey(&MasterKeySource::File, WAIT, &mut observer).await;
        end.store(true, Ordering::Relaxed);
        report.unwrap()
    };
    let (rounds, report) = tokio::join!(work, change);
    assert!(rounds > 1 && report.wrapped >= PARAMETERS as u64 && report.damaged == 0, "{rounds} {report:?}");
    assert_eq!(steps[..2], [RekeyStep::KeyKept, RekeyStep::Asked { wait: WAIT }]);
    assert_eq!(steps[steps.len() - 2..], [RekeyStep::OldKeyForgotten, RekeyStep::KeyReplaced]);
    assert_eq!(keys(&home), "1|1\n");
    assert_ne!(fs::read(home.key()).unwrap(), old);
    assert_eq!(fs::metadata(home.key()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!next(&home.key()).exists());
    for server in [&database, &one, &two] {
        assert_whole(server).await;
        assert_eq!(**server.open_secret("x", &secret).await.unwrap(), *b"secret");
    }
    // As the other machines are, and as they are when somebody has moved the file.
    try_open(&home.url, &one_key, false).await.unwrap();
    fs::rename(next(&one_key), &one_key).unwrap();
    assert_whole(&try_open(&home.url, &one_key, false).await.unwrap()).await;
    fs::write(&one_key, old).unwrap();
    let error = try_open(&home.url, &one_key, false).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::MasterKeyOfAnother { .. }), "{error:?}");
    assert_eq!(rekey(&database, Duration::ZERO).await.unwrap().damaged, 0, "and once more");
    assert_eq!(keys(&home), "1|1\n");
}

#[tokio::test]
async fn nothing_comes_under_a_key_that_a_server_does_not_have() {
    let (home, database) = filled().await;
    let (server, key) = elsewhere(&home, "one").await;
    let ask = async |database: &PostgresDatabase| {
        let sweep = async {
            loop {
                server.sweep(Timestamp::now()).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            report = rekey(database, WAIT) => report,
            () = sweep => unreachable!("it goes on for ever"),
        }
    };
    let refused = ask(&database).await.unwrap_err();
    let RekeyError::NotHeld { servers, staged } = &refused else { panic!("{refused:?}") };
    assert_eq!((servers.len(), staged), (1, &next(&home.key())));
    let said = refused.to_string();
    assert!(said.contains("this machine (process ") && said.contains("one/key.next is not there"), "{said}");
    assert_eq!(keys(&home), "1|1\n");

    fs::write(next(&key), "rubbish").unwrap();
    let refused = ask(&database).await.unwrap_err().to_string();
    assert!(refused.contains("one/key.next"), "{refused}");
    fs::copy(next(&home.key()), next(&key)).unwrap();
    assert_eq!(ask(&database).await.unwrap().wrapped, PARAMETERS as u64);
    assert_whole(&server).await;
}

#[tokio::test]
async fn a_server_that_came_without_the_new_key_says_so_and_goes_on_when_it_has_it() {
    let (home, database) = filled().await;
    let (server, key) = elsewhere(&home, "one").await;
    let store = server.store(&place(1), "tester");
    assert_whole(&server).await;
    // It did not sweep in time, so nobody knows of it.
    let mut begun = None;
    let mut observer = |step| {
        if let RekeyStep::Begun { .. } = step {
            begun = Some(fs::read(next(&home.key())).unwrap());
        }
    };
    database.rekey(&MasterKeySource::File, Duration::ZERO, &mut observer).await.unwrap();
    let error = store.get(&ParameterReference::newest(name("/p/1"))).await.unwrap_err();
    assert!(error.kind == StoreErrorKind::Storage && error.message.contains("key.next"), "{error}");
    let error = store.put(&overwrite("/p/1", "2")).await.unwrap_err();
    assert!(error.message.contains("new master key"), "{error}");
    fs::write(next(&key), begun.unwrap()).unwrap();
    fs::set_permissions(next(&key), fs::Permissions::from_mode(0o600)).unwrap();
    assert_whole(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rekey_that_is_killed_at_any_step_is_gone_on_with() {
    let kms: Arc<dyn KeyManagement> = Arc::new(FakeKeyManagement::default());
    let (home, first) = filled().await;
    first.close().await;
    let open = async || {
        let options = PostgresOptions {
            key_management: Some(kms.clone()),
            ..PostgresOptions::new(home.url.parse().unwrap(), home.key(), Arc::new(SystemClock))
        };
        PostgresDatabase::open(options).await.unwrap()
    };
    let kept = home.folder.path().join("kept-elsewhere");
    let targets = [
        MasterKeySource::File,
        MasterKeySource::FileAt(kept.clone()),
        MasterKeySource::KeyManagement { service: kms.clone(), key: KeyId::parse("alias/parados").unwrap() },
    ];
    for to in targets {
        for killed_at in 0..6 {
            let database = open().await;
            let target = to.clone();
            let killed = tokio::spawn(async move {
                let mut step = 0;
                let mut observer = |_| {
                    assert!(step < killed_at, "killed");
                    step += 1;
                };
                database.rekey(&target, Duration::ZERO, &mut observer).await.map(drop)
            });
            assert!(killed.await.unwrap_err().is_panic());
            let database = open().await;
            assert_whole(&database).await;
            let new = format!("/new/{killed_at}");
            let store = database.store(&place(1), "tester");
            store.put(&overwrite(&new, "v")).await.unwrap();
            store.put(&overwrite("/p/3", "3")).await.unwrap();
            database.rekey(&to, Duration::ZERO, &mut |_| {}).await.unwrap();
            assert_eq!(keys(&home), "1|1\n", "{killed_at}");
            assert!(!fs::exists(next(&home.key())).unwrap());
            assert_whole(&open().await).await;
            if let MasterKeySource::FileAt(_) = &to {
                let error = database.rekey(&to, Duration::ZERO, &mut |_| {}).await.unwrap_err();
                assert!(matches!(error, RekeyError::SameKey), "{error:?}");
                // A key that is not in use any more, for the next round.
                database.rekey(&MasterKeySource::File, Duration::ZERO, &mut |_| {}).await.unwrap();
                fs::remove_file(&kept).unwrap();
            }
        }
    }
    assert!(fs::read_to_string(home.key()).unwrap().contains("alias/parados"));
    let error = try_open(&home.url, &home.key(), false).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::MasterKey(OpenError::KeyManagementMissing { .. })), "{error:?}");
}

#[tokio::test]
async fn a_server_that_starts_in_the_middle_needs_both_keys_and_two_rekeys_are_not_mixed() {
    let (home, database) = filled().await;
    let (_server, key) = elsewhere(&home, "one").await;
    let kms = Arc::new(FakeKeyManagement::default());
    let wrapped = MasterKeySource::KeyManagement { service: kms, key: KeyId::parse("alias/parados").unwrap() };
    let killed = tokio::spawn(async move {
        let mut observer = |step| assert!(!matches!(step, RekeyStep::Begun { .. }), "killed");
        database.rekey(&MasterKeySource::File, Duration::ZERO, &mut observer).await.map(drop)
    });
    assert!(killed.await.unwrap_err().is_panic());
    let error = try_open(&home.url, &key, false).await.unwrap_err();
    assert!(matches!(error, PostgresOpenError::MasterKeyMissingInRekey { .. }), "{error:?}");
    let database = home.open().await;
    let error = database.rekey(&wrapped, Duration::ZERO, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, RekeyError::Key(OpenError::RekeyUnderWay { .. })), "{error:?}");
    home.postgres.psql("test_0", "UPDATE parameter SET data_key = '\\x00' WHERE name = '/p/5'");
    let report = rekey(&database, Duration::ZERO).await.unwrap();
    assert_eq!((report.wrapped, report.damaged), (PARAMETERS as u64 - 1, 1));
    let read = database.store(&place(1), "tester").get(&ParameterReference::newest(name("/p/5"))).await;
    assert_eq!(read.unwrap_err().kind, StoreErrorKind::Unreadable);
    assert_whole(&database).await;
}
