//! A server that is measured: how each is started, with which credentials it is called, and that it ends.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Load, client};
use crate::bench::{Bench, output};
use crate::failure::Failure;
use crate::venv;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked whether it does.
const GLANCE: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum ServerKind {
    Parados,
    Moto,
    Ministack,
}

impl ServerKind {
    pub(super) const ALL: [Self; 3] = [Self::Parados, Self::Moto, Self::Ministack];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parados => "parados",
            Self::Moto => "moto",
            Self::Ministack => "ministack",
        }
    }
}

/// A server that runs; it is killed when this is dropped.
pub(in crate::bench) struct Served<'a> {
    bench: &'a Bench,
    process: Child,
    shown: String,
    environment: Vec<(&'static str, String)>,
    first_answer: Duration,
}

impl<'a> Served<'a> {
    /// A server with nothing in it.
    pub(in crate::bench) fn start(bench: &'a Bench, kind: ServerKind, parameters: u32) -> Result<Self, Failure> {
        match kind {
            ServerKind::Parados => {
                let data = bench.folder.path().join(format!("serve-{parameters}"));
                fs::create_dir_all(&data).map_err(Failure::file(&data))?;
                Self::parados(bench, data, parameters)
            }
            ServerKind::Moto => {
                let port = free_port()?;
                let mut command = Command::new(venv::folder().join("bin/moto_server"));
                command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
                Self::run(bench, command, port, parameters, "moto_server --port PORT", testing("eu-west-1"))
            }
            ServerKind::Ministack => {
                let port = free_port()?;
                let mut command = Command::new(venv::ministack_folder().join("bin/ministack"));
                command.env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "ERROR");
                let shown = "GATEWAY_PORT=PORT LOG_LEVEL=ERROR ministack";
                Self::run(bench, command, port, parameters, shown, testing("eu-west-1"))
            }
        }
    }

    /// Parados over a store that was filled before.
    pub(super) fn start_filled(bench: &'a Bench, parameters: u32) -> Result<Self, Failure> {
        let data = bench.folder.path().join("serve-filled");
        output(Command::new(&bench.library).arg("fill").arg(&data).arg(parameters.to_string()))?;
        Self::parados(bench, data, parameters)
    }

    fn parados(bench: &'a Bench, data: PathBuf, parameters: u32) -> Result<Self, Failure> {
        let port = free_port()?;
        let mut command = parados(bench);
        command.args(["store", "serve", "--admin-listen", "none", "--listen", &format!("127.0.0.1:{port}")]);
        command.arg("--data").arg(&data);
        let mut create = parados(bench);
        create.args(["store", "key", "create", "bench", "--account", "000000000000", "--grant", "full"]);
        create.args(["--output", "json", "--data"]).arg(&data);
        let created = output(&mut create)?;
        let field = |name: &str| {
            let rest = created.split_once(&format!("\"{name}\""))?.1;
            rest.split('"').nth(1).map(str::to_owned)
        };
        let lacks = || Failure::Other("parados store key create says no key".to_owned());
        let credentials = vec![
            ("AWS_REGION", "embedded".to_owned()),
            ("AWS_ACCESS_KEY_ID", field("access_key_id").ok_or_else(lacks)?),
            ("AWS_SECRET_ACCESS_KEY", field("secret_access_key").ok_or_else(lacks)?),
        ];
        Self::run(bench, command, port, parameters, "parados store serve --listen ADDRESS --data DIR", credentials)
    }

    fn run(
        bench: &'a Bench,
        mut command: Command,
        port: u16,
        parameters: u32,
        shown: &str,
        credentials: Vec<(&'static str, String)>,
    ) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = bench.folder.path().join("server.log");
        let log_file = fs::File::create(&log).map_err(Failure::file(&log))?;
        let start = Instant::now();
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .map_err(|source| Failure::Run { program: program.clone(), source })?;
        let mut environment = credentials;
        environment.push(("BENCH_ADDRESS", format!("127.0.0.1:{port}")));
        environment.push(("BENCH_PARAMETERS", parameters.to_string()));
        let mut served = Self { bench, process, shown: shown.to_owned(), environment, first_answer: Duration::ZERO };
        while !answers(port) {
            let ended = served.process.try_wait().is_ok_and(|status| status.is_some());
            if ended || start.elapsed() > PATIENCE {
                let said = fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::Other(format!("{program} does not answer: {said}")));
            }
            thread::sleep(GLANCE);
        }
        served.first_answer = start.elapsed();
        Ok(served)
    }

    /// Puts the parameters, over the wire.
    pub(in crate::bench) fn fill(&self) -> Result<(), Failure> {
        client(self.bench, &["load-fill"], &self.environment).map(drop)
    }

    pub(super) fn load(&self, call: &str, connections: u32, seconds: u32) -> Result<Load, Failure> {
        let arguments = [call.to_owned(), connections.to_string(), seconds.to_string(), self.process.id().to_string()];
        let [call, connections, seconds, pid] = &arguments;
        let line = client(self.bench, &["load", call, connections, seconds, pid], &self.environment)?;
        Load::parse(&line).ok_or_else(|| Failure::Other(format!("the client said {line:?}")))
    }

    /// What the environment of an AWS client says.
    pub(in crate::bench) fn aws_environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = Vec::new();
        for (name, value) in &self.environment {
            match *name {
                "BENCH_ADDRESS" => environment.push(("AWS_ENDPOINT_URL", format!("http://{value}"))),
                "AWS_REGION" => {
                    environment.extend(["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| (name, value.clone())))
                }
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => environment.push((name, value.clone())),
                _ => {}
            }
        }
        let elsewhere = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].map(|name| (name, "/dev/null".to_owned()));
        environment.extend(elsewhere);
        environment.push(("AWS_EC2_METADATA_DISABLED", "true".to_owned()));
        environment
    }

    /// The command that started it.
    pub(in crate::bench) fn shown(&self) -> &str {
        &self.shown
    }

    /// From the start of the process until it answered.
    pub(super) fn first_answer_milliseconds(&self) -> u128 {
        self.first_answer.as_millis()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and that is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn parados(bench: &Bench) -> Command {
    let mut command = Command::new(&bench.parados);
    let folder = bench.folder.path();
    command.env("HOME", folder).env("XDG_DATA_HOME", folder.join("data"));
    command
}

fn testing(region: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "testing".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "testing".to_owned()),
    ]
}

/// Whether a request has an answer, be it that it is not signed.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<usize> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")?;
        stream.read(&mut [0])
    };
    ask().is_ok_and(|read| read > 0)
}

/// A port that was free a moment ago: of the three servers only one can be given port 0 and says what it became.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| Failure::Other(format!("no free port: {error}")))
}
