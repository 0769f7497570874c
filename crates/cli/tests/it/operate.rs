//! A server as it is run: its audit, its webhooks, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;
use testkit::python;

use crate::parados::{Home, stderr, stdout};
use crate::serve::Server;

const DEV: &[&str] = &["--data", "data", "--dev"];
const CANARY: &str = "HUNTER2CANARY";

fn json(home: &Home, arguments: &str) -> Value {
    serde_json::from_str(&stdout(&home.run(&format!("{arguments} --output json")).success())).unwrap()
}

/// Changes the server's own database behind its back.
fn tamper(home: &Home, sql: &str) {
    const RUN: &str = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
    let file = home.path().join("data/server.sqlite3");
    let done = python().args(["-c", RUN]).arg(file).arg(sql).status().unwrap();
    assert!(done.success());
}

fn put(server: &Server, name: &str) {
    let put = ["ssm", "put-parameter", "--name", name, "--value", CANARY, "--type", "SecureString", "--overwrite"];
    server.aws(&put).unwrap();
}

#[test]
fn the_audit_says_what_was_done_and_is_exported_and_checked() {
    let home = Home::new();
    let server = Server::start(&home, DEV);
    put(&server, "/shop/db");
    server.aws(&["ssm", "get-parameter", "--name", "/shop/db"]).unwrap();
    server.aws(&["ssm", "get-parameter", "--name", "/none"]).unwrap_err();
    // It is asked while the server runs; the put's entry is there, because the put was answered.
    let entries = json(&home, "store audit query --data data --operation PutParameter");
    assert_eq!(entries["entries"][0]["touched"], serde_json::json!([{"name": "/shop/db", "version": 1}]));
    home.run("store audit export --data data --out audit.ndjson").success();
    assert!(server.stop().success());
    let outcomes = stdout(&home.run("store audit query --data data").success());
    let outcomes: Vec<_> = outcomes.lines().map(|line| line.split('\t').collect::<Vec<_>>()[3..5].join(" ")).collect();
    let expected =
        ["server-start ok", "PutParameter ok", "GetParameter ok", "GetParameter ParameterNotFound", "server-stop ok"];
    assert_eq!(outcomes, expected);
    let report = json(&home, "store audit export --data data --out audit.ndjson");
    let file = std::fs::read_to_string(home.path().join("audit.ndjson")).unwrap();
    assert_eq!(file.lines().count(), 5);
    assert_eq!(stdout(&home.run("store audit export --data data").success()), file);
    assert!(!file.contains(CANARY), "{file}");
    let head = format!("{}:{}", report["head"]["sequence"], report["head"]["digest"].as_str().unwrap());
    let report = json(&home, &format!("store audit verify --data data --head {head}"));
    assert_eq!((&report["whole"], &report["entries"], &report["compared"]), (&true.into(), &5.into(), &true.into()));
}

#[test]
fn an_image_that_nobody_looked_for_is_flagged() {
    let home = Home::new();
    let server = Server::start(&home, DEV);
    let put = ["ssm", "put-parameter", "--name", "/ami", "--value", "ami-12345678", "--type", "String"];
    server.aws(&[&put[..], &["--data-type", "aws:ec2:image"]].concat()).unwrap();
    server.aws(&["ssm", "put-parameter", "--name", "/text", "--value", "v", "--type", "String"]).unwrap();
    let entries = json(&home, "store audit query --data data --operation PutParameter");
    assert_eq!(entries["entries"][0]["flags"], serde_json::json!(["unchecked-image"]));
    assert!(entries["entries"][1].get("flags").is_none(), "{entries}");
    json(&home, "store audit verify --data data");
}

#[test]
fn each_kind_of_damage_to_the_audit_has_its_exit_code() {
    let damages = [
        ("UPDATE server_audit_batch SET lines = x'28b52ffd' WHERE first = 2", 10),
        ("DELETE FROM server_audit_batch WHERE first = 2", 14),
        ("DELETE FROM server_audit_batch WHERE first = (SELECT MAX(first) FROM server_audit_batch)", 11),
    ];
    for (sql, code) in damages {
        let home = Home::new();
        let server = Server::start(&home, DEV);
        put(&server, "/a");
        put(&server, "/b");
        assert!(server.stop().success());
        tamper(&home, sql);
        let run = home.run("store audit verify --data data").code(code);
        assert!(stdout(&run).contains("broken at entry "), "{sql}: {}", stdout(&run));
    }
    let home = Home::new();
    let run = home.run("store audit verify --data . --head 7").code(2);
    assert!(stderr(&run).contains("is no head of an audit chain"), "{}", stderr(&run));
}

/// A connection on which a call has begun: its head is read, and its body is waited for.
fn begun(server: &Server, body: &str) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: AmazonSSM.PutParameter\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=123456789012/20261124/eu-west-1/ssm/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 21];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue");
    connection
}

const BODY: &str = r#"{"Name": "/late", "Value": "v", "Type": "String"}"#;

#[test]
fn a_call_that_is_under_way_ends_and_is_recorded_when_the_server_is_stopped() {
    let home = Home::new();
    let server = Server::start(&home, DEV);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut connection = begun(&server, BODY);
    server.terminate();
    while TcpStream::connect(&address).is_ok() {}
    connection.write_all(BODY.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("200 OK") && answer.contains(r#""Version":1"#), "{answer}");
    assert!(server.wait().success());
    let entries = json(&home, "store audit query --data data --name /late --outcome ok");
    assert_eq!(entries["entries"].as_array().unwrap().len(), 1, "{entries}");
}

#[test]
fn a_second_signal_ends_a_server_at_once() {
    let home = Home::new();
    let server = Server::start(&home, DEV);
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let _connection = begun(&server, BODY);
    server.terminate();
    while TcpStream::connect(&address).is_ok() {}
    server.terminate();
    let ended = server.wait();
    assert_eq!((ended.code(), ended.signal()), (Some(130), None));
    home.run("store audit verify --data data").success();
}

#[test]
fn a_server_that_is_killed_leaves_a_whole_audit_with_every_write_that_it_answered() {
    let home = Home::new();
    let server = Server::start(&home, DEV);
    for number in 0..3 {
        put(&server, &format!("/{number}"));
    }
    drop(server);
    home.run("store audit verify --data data").success();
    let entries = json(&home, "store audit query --data data --operation PutParameter --outcome ok");
    assert_eq!(entries["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn a_webhook_is_made_listed_and_removed_and_its_secret_is_shown_once() {
    let home = Home::new();
    assert!(Server::start(&home, DEV).stop().success());
    let refused = home.run("store webhook add https://169.254.169.254/ --data data").code(2);
    assert!(stderr(&refused).contains("private network"), "{}", stderr(&refused));
    let added = json(&home, "store webhook add https://example.com/hook --path /shop --kind Create --data data");
    let secret = added["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 49, "{secret}");
    let listed = json(&home, "store webhook list --data data");
    assert_eq!(listed[0]["id"], added["id"]);
    assert_eq!((&listed[0]["paths"][0], &listed[0]["kinds"][0]), (&"/shop".into(), &"Create".into()));
    assert!(!listed.to_string().contains(secret));
    let id = added["id"].as_str().unwrap();
    let rotated = json(&home, &format!("store webhook rotate {id} --data data"));
    assert_ne!(rotated["secret"], added["secret"]);
    assert_eq!(json(&home, "store webhook deliveries --data data"), serde_json::json!([]));
    home.run(&format!("store webhook remove {id} --data data")).success();
    home.run(&format!("store webhook remove {id} --data data")).code(2);
}
