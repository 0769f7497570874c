//! `parados store serve`: the server as a process, with the AWS CLI as its client.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use testkit::{Moto, aws_cli, python};

use crate::parados::{Home, stderr};

/// A server that runs until it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    /// `parados store serve --listen 127.0.0.1:0 …` in `home`.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::start_in(home, arguments, &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_in(home: &Home, arguments: &[&str], environment: &[(&'static str, String)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_parados"))
            .args(["store", "serve", "--listen", "127.0.0.1:0", "--admin-listen", "none", "--output", "json"])
            .args(arguments)
            .current_dir(home.path())
            .envs(environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        while !said.contains('}') {
            assert_ne!(lines.read_line(&mut said).unwrap(), 0, "the server ended: {said}");
        }
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        Self { process, url: said["endpoint_url"].as_str().unwrap().to_owned() }
    }

    /// The AWS CLI, talking to it: what it prints, or what it says of an error.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Result<serde_json::Value, String> {
        self.aws_as("123456789012", "anything", arguments)
    }

    /// The same with credentials of one's own.
    pub(crate) fn aws_as(&self, key: &str, secret: &str, arguments: &[&str]) -> Result<serde_json::Value, String> {
        let mut command = python();
        command.args(["-m", "awscli", "--endpoint-url", &self.url, "--output", "json"]);
        // Flags of a test's own stand behind and win.
        command.args(["--region", "eu-west-1"]).args(arguments);
        command.envs([
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_MAX_ATTEMPTS", "1"),
            ("AWS_PAGER", ""),
        ]);
        let output = command.output().unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap_or_default()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let stopped = Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(stopped.success());
    }

    /// Waits until it ends.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.process.wait().unwrap()
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(self) -> std::process::ExitStatus {
        self.terminate();
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_aws_cli_uses_it_unchanged_and_what_it_put_outlives_the_server() {
    let home = Home::new();
    let server = Server::start(&home, &["--data", "data", "--dev"]);
    let put = ["ssm", "put-parameter", "--name", "/app/db", "--value", "hunter2", "--type", "SecureString"];
    assert_eq!(server.aws(&put).unwrap(), serde_json::json!({"Version": 1, "Tier": "Standard"}));
    let who = server.aws(&["sts", "get-caller-identity"]).unwrap();
    assert_eq!(who["Account"], "123456789012");
    let missing = server.aws(&["ssm", "get-parameter", "--name", "/none"]).unwrap_err();
    assert!(
        missing.contains("An error occurred (ParameterNotFound) when calling the GetParameter operation:"),
        "{missing}"
    );
    assert!(server.stop().success(), "a server that is asked to end ends well");
    let server = Server::start(&home, &["--data", "data", "--dev"]);
    let got = server.aws(&["ssm", "get-parameter", "--name", "/app/db", "--with-decryption"]).unwrap();
    assert_eq!(got["Parameter"]["Value"], "hunter2");
    assert_eq!(got["Parameter"]["ARN"], "arn:aws:ssm:eu-west-1:123456789012:parameter/app/db");
}

#[test]
fn dev_is_for_this_machine_alone_and_says_so() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let run = home.run(&format!("store serve --listen {address} --data data --dev")).code(2);
        assert!(stderr(&run).contains("listen on a loopback address"), "{}", stderr(&run));
    }
    assert!(!home.path().join("data").exists(), "nothing was begun");
}

#[test]
fn aws_is_read_through_the_server_once_within_the_bound_and_written_through_it() {
    let (home, moto) = (Home::new(), Moto::start());
    let put = ["ssm", "put-parameter", "--name", "/app/db", "--value", "hunter2", "--type", "SecureString"];
    assert!(aws_cli(&moto).args(put).output().unwrap().status.success());
    let server = Server::start_in(&home, &["--upstream", "aws", "--dev", "--max-staleness", "1h"], &moto.env());
    let get = ["ssm", "get-parameter", "--name", "/app/db", "--with-decryption"];
    let value = || server.aws(&get).unwrap()["Parameter"]["Value"].as_str().unwrap().to_owned();
    assert_eq!((value(), value()), ("hunter2".to_owned(), "hunter2".to_owned()));
    assert_eq!(moto.calls()["SSM.GetParameter"], 1, "the second one was kept");
    server.aws(&["ssm", "put-parameter", "--name", "/app/db", "--value", "new", "--overwrite"]).unwrap();
    assert_eq!(value(), "new", "an own write is seen at once");
    let output = aws_cli(&moto).args(get).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"new\""), "and it is in AWS");
}
