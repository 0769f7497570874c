//! What a child process costs: wall-clock time, CPU time and peak memory.
//!
//! The kernel tells these only of all children of a process together, so that each measured program gets a process of its own above it:
//! this very tool, called as `xtask measure REPORT PROGRAM …`, whose only child the program is.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::failure::Failure;

/// What one run cost. CPU time and memory are those of the program and the processes that it waited for; memory is
/// that of the largest of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_kib: u64,
}

impl Cost {
    /// Of several runs: the median of each time, the greatest memory.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn typical(runs: &[Cost]) -> Cost {
        let peak_kib = runs.iter().map(|run| run.peak_kib).max().expect("the caller has at least one run");
        Cost { wall: median(runs, |run| run.wall), cpu: median(runs, |run| run.cpu), peak_kib }
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        Duration::from_secs(self.peak_kib).as_secs_f64() / 1024.0
    }

    fn to_line(self) -> String {
        format!("{} {} {}", self.wall.as_micros(), self.cpu.as_micros(), self.peak_kib)
    }

    fn from_line(line: &str) -> Option<Cost> {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        Some(Cost { wall: Duration::from_micros(next()?), cpu: Duration::from_micros(next()?), peak_kib: next()? })
    }
}

/// The middle one of what several runs have as a figure.
///
/// # Panics
/// When there is no run, or a figure is no number.
pub(crate) fn median<R, F: Copy + PartialOrd>(runs: &[R], figure: impl Fn(&R) -> F) -> F {
    let mut figures: Vec<F> = runs.iter().map(figure).collect();
    figures.sort_by(|one, other| one.partial_cmp(other).expect("a figure is a number"));
    figures[figures.len() / 2]
}

/// A program to be measured, in an environment that holds `PATH` and what is added.
pub(crate) struct Probe {
    program: String,
    command: Command,
    report: tempfile::NamedTempFile,
}

impl Probe {
    /// # Errors
    /// When there is no place for the report.
    pub(crate) fn new(program: &Path) -> Result<Probe, Failure> {
        let report = tempfile::NamedTempFile::new().map_err(Failure::file(env::temp_dir()))?;
        let ourselves = env::current_exe().map_err(Failure::file("the running program"))?;
        let mut command = Command::new(ourselves);
        command.arg("measure").arg(report.path()).arg(program).env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(path) = env::var_os("PATH") {
            command.env("PATH", path);
        }
        Ok(Probe { program: program.display().to_string(), command, report })
    }

    /// For arguments, environment and standard output of the program.
    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Runs it once.
    ///
    /// # Errors
    /// When it does not end with 0: a failed run costs nothing that compares.
    pub(crate) fn run(&mut self) -> Result<Cost, Failure> {
        let status = self.command.status().map_err(|source| Failure::Run { program: self.program.clone(), source })?;
        if !status.success() {
            return Err(Failure::Other(format!("{} {status}: nothing to measure", self.program)));
        }
        let line = fs::read_to_string(self.report.path()).map_err(Failure::file(self.report.path()))?;
        Cost::from_line(&line).ok_or_else(|| Failure::Other(format!("{} left no measurement", self.program)))
    }
}

/// The other side of [`Probe`]: runs the program and writes what it cost to `report`.
///
/// # Errors
/// When the program cannot be run or does not end with 0.
pub(crate) fn run_as_wrapper(report: &str, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let start = Instant::now();
    let status = Command::new(program).args(arguments).status();
    let wall = start.elapsed();
    let status = status.map_err(|source| Failure::Run { program: program.to_owned(), source })?;
    if !status.success() {
        return Err(Failure::Other(format!("{program}: {status}")));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| Failure::Run { program: "getrusage".to_owned(), source: error.into() })?;
    let microseconds = [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec().unsigned_abs() * 1_000_000 + time.tv_usec().unsigned_abs());
    let cost =
        Cost { wall, cpu: Duration::from_micros(microseconds.iter().sum()), peak_kib: usage.max_rss().unsigned_abs() };
    fs::write(report, cost.to_line()).map_err(Failure::file(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(wall: u64, cpu: u64, peak_kib: u64) -> Cost {
        Cost { wall: Duration::from_micros(wall), cpu: Duration::from_micros(cpu), peak_kib }
    }

    #[test]
    fn a_cost_survives_its_line() {
        let cost = cost(1_234_567, 89, 4096);
        assert_eq!(Cost::from_line(&cost.to_line()), Some(cost));
        assert_eq!(Cost::from_line(""), None);
        assert!((cost.peak_mib() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn several_runs_are_one_median_and_one_peak() {
        let runs = [cost(9, 1, 10), cost(2, 8, 30), cost(4, 3, 20)];
        assert_eq!(Cost::typical(&runs), cost(4, 3, 30));
    }

    #[test]
    fn a_program_is_measured() {
        let report = tempfile::NamedTempFile::new().unwrap();
        let path = report.path().to_str().unwrap();
        run_as_wrapper(path, "sh", &["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"]).unwrap();
        let cost = Cost::from_line(&fs::read_to_string(path).unwrap()).unwrap();
        assert!(cost.cpu > Duration::ZERO && cost.wall > Duration::ZERO && cost.peak_kib > 100, "{cost:?}");
        assert!(run_as_wrapper(path, "sh", &["-c", "exit 4"]).is_err());
    }
}
