//! One named, timed step of a check.

use std::process::{Command, ExitStatus};
use std::time::Instant;

use crate::failure::Failure;

/// Runs `command` with its output passed through. Says what begins and how long it took.
///
/// # Errors
/// When it cannot be started or ends with anything but 0; then the failure bears its exit code.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), Failure> {
    timed(name, || {
        let status = status(command)?;
        if status.success() { Ok(()) } else { Err(Failure::Step { step: name.to_owned(), code: exit_code(status) }) }
    })
}

/// The same for a step that is a function.
pub(crate) fn timed<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    eprintln!("── {name}");
    let start = Instant::now();
    let outcome = work();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("── {name}: {} in {seconds:.1} s\n", if outcome.is_ok() { "passed" } else { "FAILED" });
    outcome
}

/// Whether the program can be run at all and ends with 0, its output thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn status(command: &mut Command) -> Result<ExitStatus, Failure> {
    command
        .status()
        .map_err(|source| Failure::Run { program: command.get_program().to_string_lossy().into_owned(), source })
}

/// A process that a signal ended has no code; 1 stands for it.
fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_passes_its_exit_code_on() {
        let failure = run("three", Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(failure.exit_code(), 3);
        assert!(failure.to_string().starts_with("three"));
    }

    #[test]
    fn a_step_that_a_signal_ended_fails() {
        assert_eq!(run("killed", Command::new("sh").args(["-c", "kill -9 $$"])).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn a_missing_program_is_named() {
        assert!(run("x", &mut Command::new("no-such-program")).unwrap_err().to_string().contains("no-such-program"));
    }
}
