//! Google Cloud Storage's JSON interface for buckets: gcp-storage-emulator, from PyPI, as a child process. This owns its life and the way to it.
//!
//! Known of gcp-storage-emulator 2026.7.19: creating a bucket heeds its name alone, a patch replaces a property whole, and one that says
//! `null` changes nothing.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::tool::python;

const SERVER: &str = include_str!("google_storage/server.py");

/// A running server with nothing in it, killed when dropped and also when the test's process ends in any other way.
#[derive(Debug)]
pub struct GoogleStorage {
    server: Child,
    port: u16,
}

impl GoogleStorage {
    /// Starts a server on a free port of the loopback interface and waits until it listens.
    ///
    /// # Panics
    /// When the virtual environment is missing or the server does not start.
    pub fn start() -> GoogleStorage {
        let mut command = python();
        command.args(["-c", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap_or_else(|error| panic!("cannot start gcp-storage-emulator: {error}"));
        let output = server.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap_or_else(|error| panic!("cannot hear it: {error}"));
        let port = line.trim().parse().unwrap_or_else(|_| {
            panic!("gcp-storage-emulator ended before it listened (its error is above): `cargo xtask venv` makes its environment")
        });
        GoogleStorage { server, port }
    }

    /// Where the server listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The settings, or the environment, of who is to talk to this server and to nothing else.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![("GOOGLE_BASE_URL", self.url()), ("GOOGLE_BEARER_TOKEN", "testing".to_owned())]
    }
}

impl Drop for GoogleStorage {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and waiting still takes its status.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
