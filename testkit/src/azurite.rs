//! Azure's Blob Storage: Azurite, Microsoft's own emulator, as a child process. This owns its life and the way to it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::tool::{python, tool, workspace};

/// The account that every Azurite has, and its key, which is no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Makes a container, signed as Azure wants it.
const MAKE: &str = r#"
import base64, hashlib, hmac, sys, urllib.request
from email.utils import formatdate
url, account, key, name = sys.argv[1:]
date, version = formatdate(usegmt=True), "2021-12-02"
text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n/{account}/{account}/{name}\nrestype:container"
signature = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {account}:{signature}", "Content-Length": "0"}
urllib.request.urlopen(urllib.request.Request(f"{url}/{account}/{name}?restype=container", method="PUT", headers=headers))
"#;

/// A running Azurite with nothing in it, killed when dropped. It keeps its blobs in memory.
#[derive(Debug)]
pub struct Azurite {
    server: Child,
    url: String,
}

impl Azurite {
    /// Starts one on a free port of the loopback interface and waits until it listens.
    ///
    /// # Panics
    /// When it is not installed, naming what installs it, or does not start.
    pub fn start() -> Azurite {
        let program = folder().join("node_modules/azurite/dist/src/blob/main.js");
        assert!(
            program.is_file(),
            "the tests of Azure need Azurite, which is not at {}: run `cargo xtask check` where there is npm, which installs it and \
             without npm leaves them out; or leave them out with -E 'not test(azure)'",
            program.display()
        );
        let mut command = tool("node");
        command.arg(program).args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]);
        command.args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"]);
        let mut server = started(&mut command);
        let output = BufReader::new(server.stdout.take().expect("stdout is piped"));
        let listens = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("successfully listens on ").map(|(_, url)| url.trim().to_owned()));
        let url = listens.unwrap_or_else(|| panic!("Azurite ended before it listened"));
        Azurite { server, url }
    }

    /// Makes a container.
    ///
    /// # Panics
    /// When Azurite refuses.
    pub fn make_container(&self, name: &str) {
        let made = python().args(["-c", MAKE, &self.url, ACCOUNT, KEY, name]).output();
        let made = made.unwrap_or_else(|error| panic!("cannot start Python: {error}"));
        assert!(made.status.success(), "no container was made: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// The settings, or the environment, of who is to talk to this server and to nothing else.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            ("AZURE_STORAGE_ENDPOINT", format!("{}/{ACCOUNT}", self.url)),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, and waiting still takes its status.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn started(command: &mut Command) -> Child {
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    spawned.unwrap_or_else(|error| panic!("cannot start Azurite: {error}"))
}

/// Where `cargo xtask check` installs it: `$PARADOS_TEST_AZURITE`, or `azurite` in the target directory.
fn folder() -> PathBuf {
    let in_target = || {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        workspace().join(target).join("azurite")
    };
    env::var_os("PARADOS_TEST_AZURITE").map_or_else(in_target, PathBuf::from)
}
