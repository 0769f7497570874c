//! A PostgreSQL of one's own: Debian's server as a child process on a Unix socket in a temporary directory. What it answers
//! is PostgreSQL's; this owns its life: made in under a second from a cluster that is kept ready, killed as by `kill -9`,
//! started again, and gone at the end, also when the test's process ends in any other way.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::tool::{tool, workspace};

/// Kept for as long as the test's process has its other end: then the server is stopped and its directory removed.
const WATCHDOG: &str = r#"read -r _; "$1" -D "$2/data" -m immediate -w -s stop; rm -rf "$2""#;

/// What a cluster that is thrown away does without: the power may fail. A process that is killed loses nothing by it.
const SETTINGS: &str = "
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 32MB
max_wal_size = 128MB
listen_addresses = ''
unix_socket_permissions = 0777
lc_messages = C
";

/// A running PostgreSQL server with no database but its own. Its superuser `postgres` needs no password on the Unix socket.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    watchdog: Child,
    databases: AtomicU32,
    port: AtomicU16,
}

impl Postgres {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let bin = bin();
        let folder = tempfile::Builder::new().prefix("parados-pg-").tempdir().expect("a temporary directory");
        let template = template(&bin);
        let copied = tool("cp").arg("-a").arg(&template).arg(folder.path().join("data")).status();
        assert!(copied.is_ok_and(|status| status.success()), "cannot copy {}", template.display());
        give_away(folder.path());
        let mut watchdog = as_server_user("sh");
        watchdog.args(["-c", WATCHDOG, "watchdog"]).arg(bin.join("pg_ctl")).arg(folder.path());
        // A group of its own: what kills the test's does not take the watchdog with it.
        watchdog.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = watchdog.spawn().unwrap_or_else(|error| panic!("cannot start sh: {error}"));
        let postgres = Self { folder, bin, watchdog, databases: AtomicU32::new(0), port: AtomicU16::new(5432) };
        postgres.restart();
        postgres
    }

    /// Makes an empty database and gives its URL, by which the superuser connects.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn new_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        self.url(&name)
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost:{}/{database}?host={}", self.port(), self.folder.path().display())
    }

    /// Runs SQL in `database` and gives what it answers, a line a row, unaligned.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        self.run("psql", &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql])
    }

    /// What a client program of PostgreSQL writes.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.bin.join(program));
        command.args(["-U", "postgres", "-p", &self.port().to_string(), "-h"]).arg(self.folder.path()).args(arguments);
        let output = command.output().unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
        String::from_utf8(output.stdout).expect("it answers in UTF-8")
    }

    /// Writes a dump of `database`, as `pg_dump` makes it.
    ///
    /// # Panics
    /// When it fails.
    pub fn dump(&self, database: &str, file: &Path) {
        self.run("pg_dump", &["-d", database, "-f", &file.to_string_lossy()]);
    }

    /// Runs the SQL of a file in `database`.
    ///
    /// # Panics
    /// When the server refuses some of it.
    pub fn load(&self, database: &str, file: &Path) {
        self.run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", &file.to_string_lossy()]);
    }

    /// Kills every process of the server as `kill -9` does, and waits until they are gone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let pid_file = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&pid_file).expect("the server runs");
        let postmaster = text.lines().next().expect("the file's first line is the process id").to_owned();
        // It is held first, so that it starts no further process.
        send("STOP", std::slice::from_ref(&postmaster));
        let mut processes = children(&postmaster);
        processes.push(postmaster);
        send("KILL", &processes);
        while processes.iter().any(|pid| is_running(pid)) {
            std::thread::yield_now();
        }
        // Nobody may have taken the status of what was killed (a container without an init), and then these would name a
        // process that seems alive.
        let socket = self.folder.path().join(format!(".s.PGSQL.{}", self.port()));
        for file in [pid_file, socket.with_added_extension("lock"), socket] {
            if let Err(error) = fs::remove_file(&file) {
                assert_eq!(error.kind(), ErrorKind::NotFound, "cannot remove {}", file.display());
            }
        }
    }

    /// Starts it again after a [`kill`](Self::kill), on the same data, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        let log = self.folder.path().join("log");
        let options = format!("-k {}", self.folder.path().display());
        let started = self.pg_ctl().arg("-l").arg(&log).arg("-o").arg(options).args(["-w", "-s", "start"]).status();
        let said = || fs::read_to_string(&log).unwrap_or_default();
        assert!(started.is_ok_and(|status| status.success()), "PostgreSQL does not start: {}", said());
    }

    /// Has it listen on a free port of the loopback interface too, with `lines` in place of its `pg_hba.conf` for what is
    /// not the Unix socket, and with TLS by a certificate and its key where they are given. Gives the port.
    ///
    /// # Panics
    /// When it does not start again.
    pub fn listen(&self, hba: &str, tls: Option<(&str, &str)>) -> u16 {
        let port =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a port").port();
        let data = self.data();
        fs::write(data.join("pg_hba.conf"), format!("local all postgres trust\n{hba}\n")).expect("writing pg_hba.conf");
        let mut settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\n");
        if let Some((certificate, key)) = tls {
            for (file, text) in [("server.crt", certificate), ("server.key", key)] {
                fs::write(data.join(file), text).expect("writing the certificate");
                fs::set_permissions(data.join(file), fs::Permissions::from_mode(0o600)).expect("closing the key");
                give_away(&data.join(file));
            }
            settings.push_str("ssl = on\n");
        }
        let path = data.join("postgresql.auto.conf");
        fs::write(&path, settings).expect("writing the settings");
        self.port.store(port, Ordering::Relaxed);
        let stopped = self.pg_ctl().args(["-m", "fast", "-w", "-s", "stop"]).status();
        assert!(stopped.is_ok_and(|status| status.success()), "PostgreSQL does not stop");
        self.restart();
        port
    }

    /// The directory of the cluster's files, which is what a thief of its disk has.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What the server wrote into its log.
    ///
    /// # Panics
    /// When there is no log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("the server has a log")
    }

    fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    fn pg_ctl(&self) -> Command {
        let mut command = as_server_user(self.bin.join("pg_ctl"));
        command.arg("-D").arg(self.data()).current_dir("/").stdin(Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Its status says nothing: a server that was killed cannot be stopped.
        let _ = self.watchdog.wait();
    }
}

/// The directory of Debian's newest PostgreSQL.
fn bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path()))).max();
    match newest.map(|(_, path)| path.join("bin")).filter(|bin| bin.join("initdb").is_file()) {
        Some(bin) => bin,
        None => panic!("the tests need PostgreSQL: run `cargo xtask check`, or `apt-get install postgresql`"),
    }
}

/// An empty cluster that is kept in the target directory, made by whoever is first.
fn template(bin: &Path) -> PathBuf {
    let version = bin.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let user = server_user().map_or_else(|| "own".to_owned(), |user| user.name);
    let path = workspace().join("target/tmp").join(format!("postgresql-{version}-{user}"));
    if path.join("PG_VERSION").is_file() {
        return path;
    }
    let draft = tempfile::tempdir().expect("a temporary directory");
    give_away(draft.path());
    let data = draft.path().join("data");
    let mut initdb = as_server_user(bin.join("initdb"));
    initdb.arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
        "--wal-segsize=1",
    ]);
    let output = initdb.current_dir("/").output().unwrap_or_else(|error| panic!("cannot start initdb: {error}"));
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    let conf = data.join("postgresql.conf");
    let conf_text = fs::read_to_string(&conf).expect("initdb makes it");
    fs::write(&conf, conf_text + SETTINGS).expect("writing the settings");
    fs::create_dir_all(workspace().join("target/tmp")).expect("the target directory can be written");
    // Beside it first, so that nobody takes half of it; of two that are made at once the first stays.
    let beside = path.with_extension(std::process::id().to_string());
    let copied = tool("cp").arg("-a").arg(&data).arg(&beside).status();
    assert!(copied.is_ok_and(|status| status.success()), "cannot copy {}", data.display());
    if fs::rename(&beside, &path).is_err() {
        fs::remove_dir_all(&beside).expect("removing what is not needed");
    }
    path
}

/// Whom the server runs as where the tests are root's, which PostgreSQL refuses to run as.
fn server_user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = User::from_name("postgres").ok().flatten();
    Some(user.expect("Debian's postgresql package makes the user postgres"))
}

fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = server_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

fn give_away(path: &Path) {
    if let Some(user) = server_user() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root can give files away");
    }
}

fn send(signal: &str, processes: &[String]) {
    // One that is gone already is what is wanted, and makes the command fail.
    tool("kill").args(["-s", signal]).args(processes).stderr(Stdio::null()).status().expect("kill starts");
}

/// The processes whose parent is `parent`.
fn children(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("there is /proc").flatten();
    let pids = processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|b| b.is_ascii_digit()));
    pids.filter(|pid| stat(pid).is_some_and(|(_, of)| of == parent)).collect()
}

fn is_running(pid: &str) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// A process's state and its parent.
fn stat(pid: &str) -> Option<(String, String)> {
    let mut text = String::new();
    fs::File::open(format!("/proc/{pid}/stat")).ok()?.read_to_string(&mut text).ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_there_after_a_kill() {
        let postgres = Postgres::start();
        let (one, other) = (postgres.new_database(), postgres.new_database());
        assert_ne!(one, other);
        postgres.psql("test_0", "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
        postgres.kill();
        let psql = Command::new(postgres.bin.join("psql"))
            .args(["-U", "postgres", "-c", "SELECT 1", "-h"])
            .arg(postgres.folder.path())
            .output();
        assert!(!psql.unwrap().status.success(), "nobody answers");
        postgres.restart();
        assert_eq!(postgres.psql("test_0", "SELECT n FROM t"), "1\n");
        let port = postgres.listen("host all all 127.0.0.1/32 trust", None);
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        postgres.kill();
        postgres.restart();
        assert_eq!(postgres.psql("test_0", "SELECT n FROM t"), "1\n");
    }

    #[test]
    fn a_server_does_not_outlive_the_test() {
        let postgres = Postgres::start();
        let (folder, pid) =
            (postgres.folder.path().to_owned(), fs::read_to_string(postgres.data().join("postmaster.pid")).unwrap());
        let pid = pid.lines().next().unwrap();
        assert!(is_running(pid));
        drop(postgres);
        assert!(!is_running(pid) && !folder.exists());
    }
}
