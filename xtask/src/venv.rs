//! Virtual environments, each made from a pinned file of requirements: that of the tests, and that of a peer of the benchmark whose
//! requirements exclude those of the tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::{step, workspace};

/// Where it is: `$PARADOS_TEST_VENV`, which is then somebody else's to keep, or `venv` in the target directory.
pub(crate) fn folder() -> PathBuf {
    env::var_os("PARADOS_TEST_VENV").map_or_else(|| workspace::target().join("venv"), PathBuf::from)
}

/// Where ministack is, which the benchmark of the store compares with.
pub(crate) fn ministack_folder() -> PathBuf {
    workspace::target().join("venv-ministack")
}

/// Makes that of the tests when it is missing or the requirements have changed since.
///
/// # Errors
/// When there is no Python that can, or a package cannot be had.
pub(crate) fn make() -> Result<(), Failure> {
    match env::var_os("PARADOS_TEST_VENV") {
        Some(_) => Ok(()),
        None => make_of(&folder(), &workspace::root().join("xtask/requirements.txt")),
    }
}

/// Makes ministack's, likewise.
///
/// # Errors
/// As [`make`].
pub(crate) fn make_ministack() -> Result<(), Failure> {
    make_of(&ministack_folder(), &workspace::root().join("xtask/bench/ministack.txt"))
}

fn make_of(folder: &Path, requirements: &Path) -> Result<(), Failure> {
    if is_current(folder, requirements)? {
        return Ok(());
    }
    step::timed("virtual environment", || {
        let python = interpreter().ok_or_else(|| Failure::Packages(vec!["python3", "python3-venv"]))?;
        let run = |name: &str, command: &mut Command| step::run(name, command);
        run("python -m venv", Command::new(python).args(["-m", "venv", "--clear"]).arg(folder))?;
        let pip = || {
            let mut command = Command::new(folder.join("bin/python"));
            command.args(["-m", "pip", "--disable-pip-version-check"]);
            command
        };
        run(
            "pip install",
            pip().args(["install", "--quiet", "--no-deps", "--only-binary", ":all:", "-r"]).arg(requirements),
        )?;
        run("pip check", pip().arg("check"))?;
        fs::copy(requirements, stamp(folder)).map_err(Failure::file(stamp(folder)))?;
        Ok(())
    })
}

/// A Python of 3.10 or later that can make virtual environments.
pub(crate) fn interpreter() -> Option<&'static str> {
    const ABLE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
    ["python3.11", "python3"].into_iter().find(|python| step::succeeds(Command::new(python).args(["-c", ABLE])))
}

/// The copy of the requirements that is written last, when all of them are there.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("requirements.txt")
}

fn is_current(folder: &Path, requirements: &Path) -> Result<bool, Failure> {
    let wanted = fs::read(requirements).map_err(Failure::file(requirements))?;
    Ok(fs::read(stamp(folder)).is_ok_and(|made| made == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_requirements_make_it_stale() {
        let requirements = workspace::root().join("xtask/requirements.txt");
        let folder = env::temp_dir().join(format!("parados-venv-test-{}", std::process::id()));
        assert!(!is_current(&folder, &requirements).unwrap());
        fs::create_dir(&folder).unwrap();
        fs::copy(&requirements, stamp(&folder)).unwrap();
        assert!(is_current(&folder, &requirements).unwrap());
        fs::write(stamp(&folder), "moto==1.0").unwrap();
        assert!(!is_current(&folder, &requirements).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_requirement_is_pinned() {
        for name in ["xtask/requirements.txt", "xtask/bench/ministack.txt"] {
            let text = fs::read_to_string(workspace::root().join(name)).unwrap();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                assert!(line.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{line}");
            }
        }
    }
}
