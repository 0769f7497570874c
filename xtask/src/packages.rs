//! The Debian packages that the tests need: installed when that is allowed, otherwise named.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use nix::unistd::geteuid;

use crate::failure::Failure;
use crate::step;

/// Program and package.
const TESTS: [(&str, &str); 5] =
    [("age", "age"), ("zstd", "zstd"), ("jq", "jq"), ("ssh-keygen", "openssh-client"), ("git", "git")];

/// What the benchmark compares with, beyond what the tests need.
const BENCH: [(&str, &str); 1] = [("restic", "restic")];

/// Makes sure of what the tests need.
///
/// # Errors
/// When something is missing and this is not root, or apt-get fails.
pub(crate) fn ensure_for_tests() -> Result<(), Failure> {
    let mut missing = missing(&TESTS);
    if crate::venv::interpreter().is_none() {
        missing.extend(["python3", "python3-venv"]);
    }
    if !has_postgresql_server(Path::new("/usr/lib/postgresql")) {
        missing.push("postgresql");
    }
    install(missing)
}

/// Makes sure of the benchmark's peers.
///
/// # Errors
/// As [`ensure_for_tests`].
pub(crate) fn ensure_for_bench() -> Result<(), Failure> {
    ensure_for_tests()?;
    install(missing(&BENCH))
}

/// Whether Debian's package put a server there: none of its programs is on `PATH`.
fn has_postgresql_server(folder: &Path) -> bool {
    let versions = fs::read_dir(folder).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

fn missing(wanted: &[(&str, &'static str)]) -> Vec<&'static str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let absent = |program: &str| !folders.iter().any(|folder| folder.join(program).is_file());
    wanted.iter().filter(|(program, _)| absent(program)).map(|(_, package)| *package).collect()
}

fn install(packages: Vec<&'static str>) -> Result<(), Failure> {
    if packages.is_empty() {
        return Ok(());
    }
    if !geteuid().is_root() || !step::succeeds(Command::new("apt-get").arg("--version")) {
        return Err(Failure::Packages(packages));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    step::timed(&format!("Debian packages: {}", packages.join(" ")), || {
        let install = || apt(&[&["install", "--yes", "--no-install-recommends"], packages.as_slice()].concat());
        // Lists that are there may do; on a fresh machine there are none.
        if step::succeeds(&mut install()) {
            return Ok(());
        }
        step::run("apt-get update", &mut apt(&["update"]))?;
        step::run("apt-get install", &mut install())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_named() {
        assert_eq!(missing(&[("sh", "dash"), ("no-such-program", "its-package")]), ["its-package"]);
    }

    #[test]
    fn a_server_counts_and_its_client_does_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_postgresql_server(&folder.path().join("none")) && !has_postgresql_server(folder.path()));
        let bin = folder.path().join("15/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("psql"), "").unwrap();
        assert!(!has_postgresql_server(folder.path()));
        fs::write(bin.join("initdb"), "").unwrap();
        assert!(has_postgresql_server(folder.path()));
    }

    #[test]
    fn the_message_is_a_command() {
        assert!(Failure::Packages(vec!["age", "jq"]).to_string().ends_with("apt-get install age jq"));
    }
}
