//! Azurite, the emulator of Azure's Blob Storage, for the tests of `az://`: from npm, where there is npm.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::Failure;
use crate::{step, workspace};

/// What is installed.
const PACKAGE: &str = "azurite@3.37.0";

/// Where it is: `$PARADOS_TEST_AZURITE`, which is then somebody else's to keep, or `azurite` in the target directory.
fn folder() -> PathBuf {
    env::var_os("PARADOS_TEST_AZURITE").map_or_else(|| workspace::target().join("azurite"), PathBuf::from)
}

/// Installs it where it is missing. Why it cannot be had, where that is so: then the tests of Azure are left out, and it is said.
///
/// # Errors
/// When the folder cannot be made.
pub(crate) fn make() -> Result<Option<&'static str>, Failure> {
    let folder = folder();
    if folder.join("node_modules/azurite/dist/src/blob/main.js").is_file() {
        return Ok(None);
    }
    if !step::succeeds(Command::new("npm").arg("--version")) || !step::succeeds(Command::new("node").arg("--version")) {
        return Ok(Some("there is no npm, from which Azurite is installed"));
    }
    std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let mut install = Command::new("npm");
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"]);
    match step::run("azurite", install.arg(&folder).arg(PACKAGE)) {
        Ok(()) => Ok(None),
        Err(_) => Ok(Some("npm could not install Azurite")),
    }
}
