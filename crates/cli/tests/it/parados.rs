//! Runs `parados` in a home of its own.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;

/// A temporary home folder, in which `parados` finds nothing of the machine's own.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join(".local/share/parados")
    }

    /// `parados`, run in it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::cargo_bin("parados").unwrap();
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.path());
        command
    }

    /// `parados`, run in it with `arguments` by somebody for whom the modes of files count, which they do not for root.
    pub(crate) fn command_under_modes(&self, arguments: &str) -> Command {
        let parados = self.command();
        let is_root = self.path().metadata().unwrap().uid() == 0;
        let mut command = match is_root {
            true => Command::new("setpriv"),
            false => Command::new(parados.get_program()),
        };
        if is_root {
            command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(parados.get_program());
        }
        let variables = parados.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.env_clear().envs(variables).current_dir(self.path()).args(arguments.split_whitespace());
        command
    }

    /// Runs it with `arguments`, separated by spaces.
    pub(crate) fn run(&self, arguments: &str) -> Assert {
        self.command().args(arguments.split_whitespace()).assert()
    }

    /// Runs it with `arguments` and gives it `stdin`.
    pub(crate) fn run_with(&self, arguments: &str, stdin: &str) -> Assert {
        self.command().args(arguments.split_whitespace()).write_stdin(stdin).assert()
    }
}

/// What a run printed on standard output.
pub(crate) fn stdout(run: &Assert) -> String {
    String::from_utf8(run.get_output().stdout.clone()).unwrap()
}

/// What a run printed on standard error.
pub(crate) fn stderr(run: &Assert) -> String {
    String::from_utf8(run.get_output().stderr.clone()).unwrap()
}
