//! `cargo xtask bench backup|recovery|store|infra`: what a backup, recovery, a store that is served, and declared resources cost, beside what
//! others cost for the same, in one run on one machine. The parts are independent; each makes tables of its own.

mod embedded;
mod infra;
mod page;
mod peers;
mod quota;
mod recovery;
mod startup;
mod store;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::workspace::{cargo, root, target};
use crate::{packages, step, venv};

use self::table::Table;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Backups.
    Backup,
    /// Verify, compare, restore and drill.
    Recovery,
    /// A store that is served.
    Store,
    /// Declared resources.
    Infra,
}

type Part = fn(&Bench) -> Result<Vec<Table>, Failure>;

impl Subject {
    /// The name on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Recovery => "recovery",
            Self::Store => "store",
            Self::Infra => "infra",
        }
    }

    fn parts(self) -> &'static [(&'static str, Part)] {
        match self {
            Self::Backup => &[
                ("moto", peers::run),
                ("paged", peers::paged),
                ("quota", quota::run),
                ("embedded", embedded::run),
                ("startup", startup::run),
            ],
            Self::Infra => &[("stack", infra::stack)],
            Self::Store => &[("calls", store::calls), ("large", store::large)],
            Self::Recovery => &[
                ("diff", recovery::diff),
                ("restore", recovery::restore),
                ("drill", recovery::drill),
                ("verify", recovery::verify),
            ],
        }
    }
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    subject: Subject,
    /// The name of one of its parts; without one, all.
    part: Option<String>,
    /// The small sizes alone, once each: to see that it works.
    quick: bool,
    /// With what `target/release` holds, instead of building it.
    keep_build: bool,
    /// Into `docs/benchmarks.md`, besides standard output.
    write: bool,
}

impl BenchOptions {
    /// # Errors
    /// When an argument is not known, or a part alone is to be written, which would take the others' tables away.
    pub(crate) fn parse(subject: Subject, arguments: &[&str]) -> Result<BenchOptions, Failure> {
        let mut options = BenchOptions { subject, part: None, quick: false, keep_build: false, write: false };
        let names: Vec<&str> = subject.parts().iter().map(|(name, _)| *name).collect();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--quick" => options.quick = true,
                "--keep-build" => options.keep_build = true,
                "--write" => options.write = true,
                "--part" => match arguments.next() {
                    Some(part) if names.contains(part) => options.part = Some((*part).to_owned()),
                    other => {
                        return Err(Failure::Usage(format!("--part is one of {}, not {other:?}", names.join(", "))));
                    }
                },
                other => return Err(Failure::Usage(format!("bench {} does not know {other}", subject.name()))),
            }
        }
        if options.write && options.part.is_some() {
            return Err(Failure::Usage("--write writes a whole subject: leave out --part".to_owned()));
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|chosen| chosen == part)
    }
}

/// The programs under test and the place to work in.
struct Bench {
    parados: PathBuf,
    /// Fills stores and measures what only the library can (the crate `bench`).
    library: PathBuf,
    folder: tempfile::TempDir,
    quick: bool,
}

/// Runs the chosen parts and prints their tables as Markdown.
///
/// # Errors
/// When a program is missing or fails.
pub(crate) fn run(options: &BenchOptions) -> Result<(), Failure> {
    packages::ensure_for_bench()?;
    venv::make()?;
    if options.subject == Subject::Store {
        venv::make_ministack()?;
    }
    if !options.keep_build {
        // One after the other: what the benchmarks need of tokio is not to be in the program that they measure.
        for package in ["parados", "bench"] {
            let name = format!("release build of {package}");
            step::run(&name, &mut cargo(&["build", "--release", "--package", package, "--bins"]))?;
        }
    }
    let release = target().join("release");
    let bench = Bench {
        parados: release.join("parados"),
        library: release.join("bench"),
        folder: tempfile::Builder::new()
            .prefix("parados-bench")
            .tempdir()
            .map_err(Failure::file(std::env::temp_dir()))?,
        quick: options.quick,
    };
    let mut report = heading(options.subject, &bench)?;
    let parts = options.subject.parts();
    for (name, part) in parts.iter().filter(|(name, _)| options.wants(name)) {
        for table in step::timed(&format!("bench {name}"), || part(&bench))? {
            report.push_str(&format!("\n{table}"));
        }
    }
    println!("{report}");
    if options.write {
        let path = root().join("docs/benchmarks.md");
        let page = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        fs::write(&path, page::with_part(&page, &report)).map_err(Failure::file(path))?;
    }
    Ok(())
}

fn heading(subject: Subject, bench: &Bench) -> Result<String, Failure> {
    let size = match fs::metadata(&bench.parados) {
        Ok(metadata) => format!("the binary has {:.1} MiB", megabytes(metadata.len())),
        Err(_) => "the binary is not built, so its rows are left out".to_owned(),
    };
    let date = output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?;
    let machine = output(Command::new("sh").args(["-c", "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1"]))?;
    let name = subject.name();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!(
        "# Benchmarks: {name}\n\nMade by `cargo xtask bench {name} --write` on {date}, on {cores} cores of {machine}. Release profile with LTO; \
         {size}.\nTimes are medians of several runs, memory is the greatest peak of them; a ratio is a row's \
         divided by Parados's.\n"
    ))
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Failure::Run { program: program.clone(), source })?;
    if !output.status.success() {
        return Err(Failure::Other(format!(
            "{program} {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// A script among the peers, `xtask/bench/NAME`.
fn script(name: &str) -> PathBuf {
    root().join("xtask/bench").join(name)
}

fn python() -> PathBuf {
    venv::folder().join("bin/python")
}

/// An age identity in `folder`: its file and its recipient.
fn age_identity(folder: &Path) -> Result<(PathBuf, String), Failure> {
    let file = folder.join("age-identity");
    if !file.exists() {
        output(Command::new("age-keygen").arg("-o").arg(&file))?;
    }
    let recipient = output(Command::new("age-keygen").arg("-y").arg(&file))?;
    Ok((file, recipient))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed() {
        let options = BenchOptions::parse(Subject::Backup, &["--part", "moto", "--quick"]).unwrap();
        assert!(options.wants("moto") && !options.wants("embedded") && options.quick && !options.write);
        assert!(BenchOptions::parse(Subject::Recovery, &[]).unwrap().wants("drill"));
        assert_eq!(BenchOptions::parse(Subject::Recovery, &["--part", "moto"]).unwrap_err().exit_code(), 2);
        assert_eq!(BenchOptions::parse(Subject::Backup, &["--fast"]).unwrap_err().exit_code(), 2);
        let part_alone = BenchOptions::parse(Subject::Backup, &["--write", "--part", "moto"]);
        assert_eq!(part_alone.unwrap_err().exit_code(), 2);
    }
}
