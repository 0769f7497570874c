//! Three servers on one PostgreSQL, killed as by `kill -9` with the database in the middle of puts and gets: what was
//! acknowledged is there, once, and every read and write of a name happened in one order that real time agrees with.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Postgres;

use crate::parados::Home;
use crate::serve::Server;

const NAMES: usize = 3;
const CLIENTS: usize = 6;
/// Every read asks the database.
const UNCACHED: &[&str] = &["--max-staleness", "0s"];
/// Answers of each phase: before the first kill, between, and after the last.
const ANSWERS: usize = 150;

/// A call that was answered, between two moments of a clock that all clients share.
#[derive(Debug)]
struct Done {
    name: usize,
    begun: usize,
    ended: usize,
    /// The same two in time.
    at: (Instant, Instant),
    version: i64,
    value: String,
    is_put: bool,
}

/// What all clients share.
struct History {
    /// Counts moments: each call begins and ends at one of its own.
    clock: AtomicUsize,
    done: Mutex<Vec<Done>>,
    answered: Condvar,
    /// Values of puts that got no answer, or an error that leaves it open.
    open: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// One call as the AWS SDKs make it, on a connection of its own: the answer, or nothing where there is none.
fn call(url: &str, operation: &str, body: &Value) -> Option<(u16, Value)> {
    let address = url.strip_prefix("http://")?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    let body = body.to_string();
    let credential = "Credential=123456789012/20260101/eu-west-1/ssm/aws4_request";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: AmazonSSM.{operation}\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// Puts and gets until it is stopped, now of one server, now of another.
fn client(number: usize, servers: &Mutex<Vec<String>>, history: &History) {
    for round in 0.. {
        if history.stop.load(Ordering::Acquire) {
            return;
        }
        let (name, is_put) = ((number + round) % NAMES, (number + round / NAMES).is_multiple_of(2));
        // Not the same server for the same name each time.
        let url = locked(servers)[(number + round / NAMES) % 3].clone();
        let value = format!("{number}-{round}");
        let text = format!("/chaos/{name}");
        let (begun, begun_at) = (history.clock.fetch_add(1, Ordering::AcqRel), Instant::now());
        let answer = match is_put {
            true => {
                let put = json!({"Name": text, "Value": value, "Type": "String", "Overwrite": true});
                call(&url, "PutParameter", &put).map(|(status, body)| (status, body["Version"].as_i64(), value.clone()))
            }
            false => call(&url, "GetParameter", &json!({"Name": text})).map(|(status, body)| {
                let parameter = &body["Parameter"];
                (status, parameter["Version"].as_i64(), parameter["Value"].as_str().unwrap_or_default().to_owned())
            }),
        };
        let (at, ended) = ((begun_at, Instant::now()), history.clock.fetch_add(1, Ordering::AcqRel));
        match answer {
            Some((200, Some(version), value)) => {
                locked(&history.done).push(Done { name, begun, ended, at, version, value, is_put });
                history.answered.notify_all();
            }
            _ if is_put => locked(&history.open).push(value),
            _ => {}
        }
    }
}

/// What is wrong with a history of one name whose puts each make the next version. Versions are the order; so what has to hold is that
/// no version was made twice, that each has one value, and that real time agrees: who begins after another ended sees at least
/// what that one saw, and a put makes something newer.
fn check(history: &[Done]) -> Result<(), String> {
    let mut values = BTreeMap::new();
    let mut puts = BTreeMap::new();
    for one in history {
        if values.insert(one.version, &one.value).is_some_and(|other| *other != one.value) {
            return Err(format!("version {} has two values: {one:?}", one.version));
        }
        if one.is_put && puts.insert(one.version, one.ended).is_some() {
            return Err(format!("version {} was acknowledged twice", one.version));
        }
    }
    for later in history {
        let before = history.iter().filter(|earlier| earlier.ended < later.begun);
        let newest = before.map(|earlier| earlier.version).max().unwrap_or(0);
        if later.version < newest || (later.is_put && later.version == newest) {
            return Err(format!("version {newest} was seen before this began: {later:?}"));
        }
        let made = history.iter().find(|put| put.is_put && put.version == later.version);
        if made.is_some_and(|made| made.begun > later.ended) {
            return Err(format!("it was read before it was put: {later:?}"));
        }
    }
    Ok(())
}

fn chaos(arguments: &[&str]) -> Vec<Done> {
    let (home, postgres) = (Home::new(), Postgres::start());
    let url = postgres.new_database();
    let start = || {
        let arguments = [&["--dev", "--database", &url, "--master-key", "key"], arguments].concat();
        Server::start(&home, &arguments)
    };
    let mut running: Vec<Server> = (0..3).map(|_| start()).collect();
    let servers = Mutex::new(running.iter().map(|server| server.url.clone()).collect::<Vec<_>>());
    let history = History {
        clock: AtomicUsize::new(0),
        done: Mutex::default(),
        answered: Condvar::new(),
        open: Mutex::default(),
        stop: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (servers, history) = (&servers, &history);
            scope.spawn(move || client(number, servers, history));
        }
        let wait = |answers: usize| {
            drop(history.answered.wait_while(locked(&history.done), |done| done.len() < answers).unwrap());
        };
        for kill in 1..=4 {
            wait(kill * ANSWERS);
            if kill % 2 == 0 {
                postgres.kill();
                postgres.restart();
            } else {
                // Dropped is killed.
                let position = kill % 3;
                drop(running.remove(position));
                running.insert(position, start());
                locked(&servers)[position].clone_from(&running[position].url);
            }
        }
        wait(5 * ANSWERS);
        history.stop.store(true, Ordering::Release);
    });
    let done = history.done.into_inner().unwrap();
    let open = history.open.into_inner().unwrap();
    for name in 0..NAMES {
        let stored = postgres
            .psql("test_0", &format!("SELECT kind, version FROM change WHERE name = '/chaos/{name}' ORDER BY version"));
        let versions: Vec<i64> = stored.lines().map(|line| line.split_once('|').unwrap().1.parse().unwrap()).collect();
        let newest = versions.last().copied().unwrap_or(0);
        assert_eq!(versions, (1..=newest).collect::<Vec<_>>(), "each version was made once");
        let acknowledged = done.iter().filter(|one| one.is_put && one.name == name).count();
        assert!(acknowledged <= versions.len(), "what was acknowledged is there");
        assert!(versions.len() - acknowledged <= open.len(), "what nobody was told of had an error or no answer");
        let lost = done.iter().find(|one| one.name == name && one.version > newest);
        assert!(lost.is_none(), "{lost:?} is lost; the newest is {newest}");
        if arguments != UNCACHED {
            continue;
        }
        let newest_read = call(&running[0].url, "GetParameter", &json!({"Name": format!("/chaos/{name}")})).unwrap();
        assert_eq!(newest_read.1["Parameter"]["Version"], newest);
    }
    done
}

#[test]
fn three_servers_on_one_postgresql_are_linearizable_while_they_and_it_are_killed() {
    let mut done = chaos(UNCACHED);
    for name in 0..NAMES {
        let of_one: Vec<Done> = done.extract_if(.., |one| one.name == name).collect();
        assert!(of_one.len() > 50, "{}", of_one.len());
        if let Err(wrong) = check(&of_one) {
            panic!("/chaos/{name}: {wrong}");
        }
    }
}

/// A read that was answered from a cache: it saw `version`, and began so long after a newer one was acknowledged.
fn staleness(history: &[Done], read: &Done) -> Duration {
    let newer = history.iter().filter(|put| put.is_put && put.name == read.name && put.version > read.version);
    newer.map(|put| read.at.0.saturating_duration_since(put.at.1)).max().unwrap_or_default()
}

#[test]
fn no_read_of_a_cache_is_staler_than_its_bound_while_servers_and_postgresql_are_killed() {
    let bound = Duration::from_millis(100);
    let done = chaos(&["--max-staleness", "100ms"]);
    let worst = done.iter().filter(|one| !one.is_put).map(|read| staleness(&done, read)).max().unwrap();
    assert!(worst <= bound, "{worst:?}");
    assert!(done.iter().filter(|one| !one.is_put).count() > 100);
}

#[test]
fn the_check_of_a_history_finds_what_is_not_linearizable() {
    let one = |begun, ended, version, value: &str, is_put| Done {
        name: 0,
        at: (Instant::now(), Instant::now()),
        begun,
        ended,
        version,
        value: value.into(),
        is_put,
    };
    let put = |begun, ended, version| one(begun, ended, version, &version.to_string(), true);
    let get = |begun, ended, version: i64| one(begun, ended, version, &version.to_string(), false);
    check(&[put(0, 3, 1), get(1, 2, 1), put(4, 7, 2), get(5, 6, 1), get(8, 9, 2)]).unwrap();
    for wrong in [
        vec![put(0, 1, 1), put(2, 3, 2), get(4, 5, 1)],
        vec![put(0, 1, 1), put(2, 9, 2), get(3, 4, 2), get(5, 6, 1)],
        vec![put(0, 1, 1), put(2, 3, 1)],
        vec![put(0, 1, 2), put(2, 3, 1)],
        vec![get(0, 1, 1), put(2, 3, 1)],
        vec![put(0, 1, 1), one(2, 3, 1, "other", false)],
    ] {
        check(&wrong).unwrap_err();
    }
}
