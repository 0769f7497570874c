//! The project's own tools, run as `cargo xtask …`. They depend on no crate of the product, so that they build in seconds.

mod azurite;
mod bench;
mod check;
mod failure;
mod measure;
mod packages;
mod step;
mod tidy;
mod venv;
mod workspace;

use std::env;
use std::process::ExitCode;

use crate::failure::Failure;

const USAGE: &str = "\
usage: cargo xtask check [--fast]     everything that CI runs; --fast leaves out documentation and dependencies
       cargo xtask tidy               only the rules about sources, links and dependencies
       cargo xtask venv               only the virtual environment of the tests, and Azurite where there is npm
       cargo xtask bench backup [--part moto|paged|quota|embedded|startup] [--quick] [--keep-build] [--write]
       cargo xtask bench recovery [--part diff|restore|drill|verify] [--quick] [--keep-build] [--write]
       cargo xtask bench store [--part calls|large] [--quick] [--keep-build] [--write]
       cargo xtask bench infra [--quick] [--keep-build] [--write]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        ["check"] => check::check(check::Extent::Everything),
        ["check", "--fast"] => check::check(check::Extent::Fast),
        ["tidy"] => tidy::check(),
        ["venv"] => venv::make().and_then(|()| check::azurite().map(drop)),
        ["bench", "backup", rest @ ..] => bench::run(&bench::BenchOptions::parse(bench::Subject::Backup, rest)?),
        ["bench", "recovery", rest @ ..] => bench::run(&bench::BenchOptions::parse(bench::Subject::Recovery, rest)?),
        ["bench", "infra", rest @ ..] => bench::run(&bench::BenchOptions::parse(bench::Subject::Infra, rest)?),
        ["bench", "store", rest @ ..] => bench::run(&bench::BenchOptions::parse(bench::Subject::Store, rest)?),
        ["measure", report, program, rest @ ..] => measure::run_as_wrapper(report, program, rest),
        _ => Err(Failure::Usage(USAGE.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_usage_error() {
        let failure = run(&["no-such-command"]).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("cargo xtask check"));
    }
}
