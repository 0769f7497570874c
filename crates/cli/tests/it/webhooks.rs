//! Webhooks of servers as they are run: over TLS by an authority of one's own, over one PostgreSQL, and through kill -9.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use testkit::{Postgres, python, tool};

use crate::parados::{Home, stderr, stdout};
use crate::serve::Server;

/// Says its port, and then for each delivery whether it took it, the id of the event, and the event. It takes none until it is asked for
/// `/open`.
const RECEIVER: &str = r#"
import http.server, json, ssl, sys
is_open = sys.argv[1] == "open"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global is_open
        is_open = True
        self.answer(200)
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps({"taken": is_open, "id": self.headers["Parados-Event-Id"], "event": event}), flush=True)
        self.answer(200 if is_open else 503)
    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Receiver {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Receiver {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut command = python();
        command.args(["-c", RECEIVER]).args(arguments).current_dir(home.path()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Self { process, lines, port }
    }

    /// The next delivery.
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    /// Takes deliveries from now on.
    fn open(&self) {
        let url = format!("http://127.0.0.1:{}/open", self.port);
        let opened = python().args(["-c", "import sys, urllib.request as r; r.urlopen(sys.argv[1])", &url]).status();
        assert!(opened.unwrap().success());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn put(server: &Server, name: &str) {
    server.aws(&["ssm", "put-parameter", "--name", name, "--value", "v", "--type", "String", "--overwrite"]).unwrap();
}

/// Where a server keeps what it has: in a folder, and in a PostgreSQL.
fn places(postgres: &Postgres) -> [Vec<String>; 2] {
    let text = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    [text(&["--data", "data"]), text(&["--database", &postgres.new_database(), "--master-key", "master.key"])]
}

fn serve(home: &Home, place: &[String], more: &[&str]) -> Server {
    let mut arguments: Vec<&str> = place.iter().map(String::as_str).collect();
    arguments.extend(["--dev", "--webhook-allow-private"]);
    arguments.extend(more);
    Server::start(home, &arguments)
}

/// `parados store webhook …`, in JSON.
fn webhook(home: &Home, place: &[String], arguments: &str) -> Value {
    let mut command = home.command();
    command.args(["store", "webhook"]).args(arguments.split_whitespace()).args(place).args(["--output", "json"]);
    serde_json::from_str(&stdout(&command.assert().success())).unwrap()
}

/// A server is killed with deliveries that nobody took, and the next one waits for its lease to end.
fn assert_told_by_the_next_server(place: &[String]) {
    let home = Home::new();
    let mut receiver = Receiver::start(&home, &["closed"]);
    let server = serve(&home, place, &[]);
    let add = format!("add http://127.0.0.1:{}/ --webhook-allow-private", receiver.port);
    webhook(&home, place, &add);
    for number in 1..=3 {
        put(&server, &format!("/p/{number}"));
        put(&server, &format!("/p/{number}"));
    }
    assert_eq!(receiver.next()["taken"], false, "one was tried");
    // As kill -9 does.
    drop(server);
    receiver.open();
    let server = serve(&home, place, &[]);
    let mut taken: Vec<(String, u64)> = Vec::new();
    while taken.len() < 6 {
        let delivery = receiver.next();
        let detail = &delivery["event"]["detail"];
        let one = (detail["name"].as_str().unwrap().to_owned(), version(detail));
        if delivery["taken"] == true && !taken.contains(&one) {
            taken.push(one);
        }
    }
    for number in 1..=3 {
        let name = format!("/p/{number}");
        let versions: Vec<_> = taken.iter().filter(|(of, _)| *of == name).map(|(_, version)| *version).collect();
        assert_eq!(versions, [1, 2], "of each parameter in order: {taken:?}");
    }
    assert!(server.stop().success());
    let waiting = webhook(&home, place, "deliveries --state waiting");
    assert_eq!(waiting, serde_json::json!([]));
}

#[test]
fn what_was_not_taken_when_a_server_was_killed_is_told_by_the_next_one() {
    assert_told_by_the_next_server(&places(&Postgres::start())[0]);
}

#[test]
fn what_was_not_taken_when_a_server_was_killed_is_told_by_the_next_one_of_its_database() {
    let postgres = Postgres::start();
    assert_told_by_the_next_server(&places(&postgres)[1]);
}

fn version(detail: &Value) -> u64 {
    let version = &detail["version"];
    version.as_u64().or_else(|| version.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{detail}"))
}

#[test]
fn servers_of_one_database_tell_each_change_once_over_tls_by_an_authority_of_one_s_own() {
    let (home, postgres) = (Home::new(), Postgres::start());
    let [_, place] = places(&postgres);
    let openssl = |arguments: &str| {
        let mut openssl: Command = tool("openssl");
        let output = openssl.current_dir(home.path()).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
    );
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout hook.key -out hook.csr -subj /CN=hook");
    std::fs::write(home.path().join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl("x509 -req -in hook.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out hook.pem -days 2 -extfile names");
    let mut receiver = Receiver::start(&home, &["open", "hook.pem", "hook.key"]);
    let trusted = ["--webhook-ca", "ca.pem"];
    let servers = [serve(&home, &place, &trusted), serve(&home, &place, &trusted)];
    let added = webhook(&home, &place, &format!("add https://127.0.0.1:{}/ --webhook-allow-private", receiver.port));
    let id = added["id"].as_str().unwrap();

    let test = |more: &str| {
        let arguments = format!("store webhook test {id} --webhook-allow-private {more}");
        home.command().args(arguments.split_whitespace()).args(&place).assert()
    };
    let mistrusted = test("").failure();
    let said = stdout(&mistrusted) + &stderr(&mistrusted);
    assert!(said.contains("certificate"), "{said}");
    test("--webhook-ca ca.pem").success();
    receiver.next();

    const CHANGES: usize = 10;
    for number in 0..CHANGES {
        put(&servers[number % 2], &format!("/p/{number}"));
    }
    let mut ids: Vec<_> = (0..CHANGES).map(|_| receiver.next()["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), CHANGES, "nobody was killed, so each was told once");
    for server in servers {
        assert!(server.stop().success());
    }
    assert_eq!(webhook(&home, &place, "deliveries --state waiting"), serde_json::json!([]));
}
