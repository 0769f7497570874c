//! `cargo xtask check`: what CI runs, in the order in which a mistake is found soonest.

use std::env;
use std::process::Command;

use crate::failure::Failure;
use crate::workspace::cargo;
use crate::{azurite, packages, step, tidy, venv};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What CI runs.
    Everything,
    /// Without documentation and the advisories of dependencies.
    Fast,
}

/// Stops at the first step that fails.
///
/// # Errors
/// That step's, with its exit code.
pub(crate) fn check(extent: Extent) -> Result<(), Failure> {
    packages::ensure_for_tests()?;
    venv::make()?;
    let without_azure = azurite()?;
    step::run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    step::timed("tidy", tidy::check)?;
    step::run(
        "clippy",
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features"])
            .args(locked())
            .args(["--", "-D", "warnings"]),
    )?;
    step::run("tests", &mut tests(without_azure.is_some()))?;
    if let Some(why) = without_azure {
        eprintln!("── the tests of Azure were left out: {why}\n");
    }
    if extent == Extent::Everything {
        step::run("doc tests", cargo(&["test", "--doc", "--workspace", "--all-features"]).args(locked()))?;
        let mut doc = cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
        step::run("documentation", doc.args(locked()).env("RUSTDOCFLAGS", "-D warnings"))?;
        deny()?;
    }
    eprintln!("everything passed");
    Ok(())
}

/// Azurite, for the tests of Azure. Why they have to be left out without it, which is said.
///
/// # Errors
/// Those of [`azurite::make`].
pub(crate) fn azurite() -> Result<Option<&'static str>, Failure> {
    let without = azurite::make()?;
    if let Some(why) = without {
        eprintln!("── the tests of Azure: left out, {why}\n");
    }
    Ok(without)
}

/// A lock file that is behind is repaired for a developer and refused by CI.
fn locked() -> &'static [&'static str] {
    if env::var_os("CI").is_some() { &["--locked"] } else { &[] }
}

/// All of them, or all but those that need Azurite: they are then not run at all, rather than passed.
fn tests(without_azure: bool) -> Command {
    if step::succeeds(&mut cargo(&["nextest", "--version"])) {
        let mut tests = cargo(&["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]);
        tests.args(locked());
        if without_azure {
            tests.args(["-E", "not test(azure::)"]);
        }
        tests
    } else {
        let mut tests =
            cargo(&["test", "--workspace", "--all-features", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        tests.args(locked());
        if without_azure {
            tests.args(["--", "--skip", "azure::"]);
        }
        tests
    }
}

/// Licences, bans and sources by cargo-deny where it is installed (tidy checks licences and sources everywhere), and
/// advisories where their database can be had.
fn deny() -> Result<(), Failure> {
    if !step::succeeds(&mut cargo(&["deny", "--version"])) {
        eprintln!("── deny: left out, cargo-deny is not installed; tidy has checked licences and sources\n");
        return Ok(());
    }
    step::run("deny", &mut cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"]))?;
    if !step::succeeds(&mut cargo(&["deny", "fetch", "db"])) {
        eprintln!("── advisories: left out, their database is out of reach\n");
        return Ok(());
    }
    step::run("advisories", &mut cargo(&["deny", "--all-features", "check", "--disable-fetch", "advisories"]))
}
