//! `cargo xtask bench backup`: what a backup costs, beside what others cost for the same, in one run on one machine.
//! The parts are independent; each makes one table.

mod embedded;
mod moto;
mod quota;
mod startup;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::workspace::{cargo, root, target};
use crate::{packages, step, venv};

use self::table::Table;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BenchOptions {
    /// `moto`, `quota`, `embedded` or `startup`; without one, all.
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
    /// When an argument is not known.
    pub(crate) fn parse(arguments: &[&str]) -> Result<BenchOptions, Failure> {
        let mut options = BenchOptions { part: None, quick: false, keep_build: false, write: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match *argument {
                "--quick" => options.quick = true,
                "--keep-build" => options.keep_build = true,
                "--write" => options.write = true,
                "--part" => match arguments.next() {
                    Some(part @ (&"moto" | &"quota" | &"embedded" | &"startup")) => {
                        options.part = Some((*part).to_owned())
                    }
                    other => {
                        return Err(Failure::Usage(format!(
                            "--part is moto, quota, embedded or startup, not {other:?}"
                        )));
                    }
                },
                other => return Err(Failure::Usage(format!("bench backup does not know {other}"))),
            }
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
    if !options.keep_build {
        step::run(
            "release build",
            &mut cargo(&["build", "--release", "--package", "parados", "--bins", "--examples"]),
        )?;
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
    let mut report = heading(&bench)?;
    type Part = fn(&Bench) -> Result<Vec<Table>, Failure>;
    let parts: [(&str, Part); 4] =
        [("moto", moto::run), ("quota", quota::run), ("embedded", embedded::run), ("startup", startup::run)];
    for (name, part) in parts.into_iter().filter(|(name, _)| options.wants(name)) {
        for table in step::timed(&format!("bench {name}"), || part(&bench))? {
            report.push_str(&format!("\n{table}"));
        }
    }
    println!("{report}");
    if options.write {
        let path = root().join("docs/benchmarks.md");
        fs::write(&path, report).map_err(Failure::file(path))?;
    }
    Ok(())
}

fn heading(bench: &Bench) -> Result<String, Failure> {
    let size = match fs::metadata(&bench.parados) {
        Ok(metadata) => format!("the binary has {:.1} MiB", megabytes(metadata.len())),
        Err(_) => "the binary is not built, so its rows are left out".to_owned(),
    };
    let date = output(Command::new("date").args(["--utc", "+%Y-%m-%d"]))?;
    let machine = output(Command::new("sh").args(["-c", "sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1"]))?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(format!(
        "# Benchmarks\n\nMade by `cargo xtask bench backup --write` on {date}, on {cores} cores of {machine}. Release profile with LTO; \
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
        let options = BenchOptions::parse(&["--part", "moto", "--quick"]).unwrap();
        assert!(options.wants("moto") && !options.wants("embedded") && options.quick && !options.write);
        assert!(BenchOptions::parse(&[]).unwrap().wants("startup"));
        assert_eq!(BenchOptions::parse(&["--part", "x"]).unwrap_err().exit_code(), 2);
        assert_eq!(BenchOptions::parse(&["--fast"]).unwrap_err().exit_code(), 2);
    }
}
