//! Programs that the tests run: Debian's, and those of the pinned virtual environment. It starts none by itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Moto;

/// A command that runs `name` as found on `PATH`, e.g. `age`, `zstd`, `jq`, `ssh-keygen`.
///
/// # Panics
/// When there is no such program, naming the Debian package that has it.
pub fn tool(name: &str) -> Command {
    match found(name) {
        Some(program) => Command::new(program),
        None => panic!(
            "the tests need `{name}`, which is not on PATH: run `cargo xtask check`, or `apt-get install {}`",
            debian_package(name)
        ),
    }
}

pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

fn debian_package(tool: &str) -> &str {
    match tool {
        "ssh-keygen" | "ssh-add" | "ssh-agent" => "openssh-client",
        "age-keygen" => "age",
        "unzstd" => "zstd",
        "sqlite3" => "sqlite3",
        "kill" => "procps",
        other => other,
    }
}

/// The AWS CLI, talking to `moto` and to nothing else: the caller's profiles, credentials and configuration are not seen.
///
/// # Panics
/// When the virtual environment is missing.
pub fn aws_cli(moto: &Moto) -> Command {
    let mut command = python();
    command.arg("-m").arg("awscli");
    command.envs(moto.env());
    command.env("AWS_PAGER", "").env("AWS_DEFAULT_OUTPUT", "json");
    command
}

/// The pinned virtual environment's Python, in an environment that holds `PATH` and a UTF-8 locale alone.
///
/// # Panics
/// When the virtual environment is missing.
pub fn python() -> Command {
    venv_tool("python")
}

/// Another program of the pinned virtual environment, e.g. `cfn-lint`, in the same environment.
///
/// # Panics
/// When the virtual environment is missing.
pub fn venv_tool(name: &str) -> Command {
    let mut command = Command::new(virtual_environment().join("bin").join(name));
    command.env_clear();
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("LC_ALL", "C.UTF-8");
    command
}

/// Helm; none where no package has it, and then it is said that a test leaves itself out.
///
/// # Panics
/// When the virtual environment is missing.
pub fn helm() -> Option<Command> {
    let has_package = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    if !has_package {
        eprintln!("left out: no package has helm for this machine");
    }
    has_package.then(|| venv_tool("helm"))
}

/// `$PARADOS_TEST_VENV`, or `venv` in the target directory.
fn virtual_environment() -> PathBuf {
    let folder = match (env::var_os("PARADOS_TEST_VENV"), env::var_os("CARGO_TARGET_DIR")) {
        (Some(chosen), _) => PathBuf::from(chosen),
        (None, Some(target)) => workspace().join(target).join("venv"),
        (None, None) => workspace().join("target").join("venv"),
    };
    assert!(
        folder.join("bin").join("python").exists(),
        "no virtual environment at {}: run `cargo xtask venv` (`cargo xtask check` does it too), or set PARADOS_TEST_VENV to one that has \
         what xtask/requirements.txt lists",
        folder.display()
    );
    folder
}

pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_on_the_path_is_found() {
        let output = tool("ls").arg("--version").output().unwrap();
        assert!(output.status.success());
    }

    #[test]
    #[should_panic(expected = "apt-get install no-such-tool")]
    fn a_missing_tool_is_named() {
        tool("no-such-tool");
    }

    #[test]
    fn a_tool_is_looked_for_in_its_package() {
        assert_eq!(debian_package("ssh-keygen"), "openssh-client");
        assert_eq!(debian_package("age"), "age");
    }

    #[test]
    fn the_virtual_environment_sees_nothing_of_the_caller() {
        let output = python().args(["-c", "import os; print(sorted(os.environ))"]).output().unwrap();
        let seen = String::from_utf8(output.stdout).unwrap();
        assert!(seen.contains("LC_ALL"), "{seen}");
        assert!(!seen.contains("CARGO"), "{seen}");
    }
}
