//! The embedded store into a local folder, and the same document through `zstd | age` and restic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::table::Table;
use super::{Bench, age_identity, megabytes, output, python, script};
use crate::failure::Failure;
use crate::measure::{Cost, Probe};

/// The line of `bench stages` that says what all stages after the reading cost.
const WRITING: &str = "writing, sealing and committing: ";

pub(super) fn run(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let sizes: &[(u32, u32)] = if bench.quick { &[(10_000, 1)] } else { &[(10_000, 5), (100_000, 3)] };
    sizes.iter().map(|&(parameters, runs)| compare(bench, parameters, runs)).collect()
}

fn compare(bench: &Bench, parameters: u32, runs: u32) -> Result<Table, Failure> {
    let folder = bench.folder.path().join(format!("embedded-{parameters}"));
    fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let (_, recipient) = age_identity(&folder)?;
    let mut table = Table::new(format!("embedded store, {parameters} parameters of 500 bytes, into a local folder"));
    let mut ours = None;
    let document = if bench.parados.exists() && bench.library.exists() {
        let document = parados(bench, &folder, parameters, runs, &recipient, &mut table)?;
        ours = Some(stages(bench, &folder, &recipient, &mut table)?);
        document
    } else {
        let document = folder.join("document.json");
        output(Command::new(python()).arg(script("document.py")).arg(parameters.to_string()).arg(&document))?;
        document
    };
    let size = fs::metadata(&document).map_err(Failure::file(&document))?.len();
    table.note(format!("the document: {:.1} MiB", megabytes(size)));

    let pipeline = format!("zstd -3 --quiet --stdout \"$1\" | age -r {recipient} > \"$2\"");
    let cost = typical(runs, |_| {
        let mut probe = Probe::new(Path::new("/bin/sh"))?;
        probe.command().args(["-c", &pipeline, "sh"]).arg(&document).arg(folder.join("sealed"));
        Ok(probe)
    })?;
    table.row("zstd, age", cost, None);
    if let Some(ours) = ours {
        let ratio = ours / cost.cpu.as_secs_f64();
        table.note(format!("writing, sealing and committing is {ratio:.2} times that; aim: at most 1.3 times"));
    }
    table.note(format!("zstd, age: `{}`", pipeline.replace("\"$1\"", "DOCUMENT").replace("\"$2\"", "FILE")));

    let cost = typical(runs, |run| {
        let repository = folder.join(format!("restic-{run}"));
        let environment =
            [("RESTIC_PASSWORD", "bench".into()), ("RESTIC_REPOSITORY", repository), ("HOME", folder.clone())];
        output(Command::new("restic").args(["init", "--quiet"]).envs(environment.clone()))?;
        let mut probe = Probe::new(Path::new("restic"))?;
        probe.command().args(["backup", "--quiet", "--no-cache"]).arg(&document).envs(environment);
        Ok(probe)
    })?;
    table.row("restic", cost, None);
    table.note("restic: `restic backup --quiet --no-cache DOCUMENT`, each time into a new repository");
    Ok(table)
}

/// The rows of our own; the plain document that it wrote is what the others get.
fn parados(
    bench: &Bench,
    folder: &Path,
    parameters: u32,
    runs: u32,
    recipient: &str,
    table: &mut Table,
) -> Result<PathBuf, Failure> {
    let store = folder.join("store");
    output(Command::new(&bench.library).arg("fill").arg(&store).arg(parameters.to_string()))?;
    let backup = |recipient: &str, repository: &Path| {
        let mut probe = Probe::new(&bench.parados)?;
        probe
            .command()
            .args(["backup", "--project", "bench", "--environment", "dev", "--full", "--output", "json"])
            .args(["--store", &format!("embedded:{}", store.display())])
            .args(["--repository", &format!("file://{}", repository.display())])
            .args(["--recipient", recipient])
            .env("HOME", folder)
            .env("XDG_DATA_HOME", folder.join("data"));
        Ok::<Probe, Failure>(probe)
    };
    let cost = typical(runs, |run| backup(recipient, &folder.join(format!("sealed-{run}"))))?;
    table.row("parados", cost, None);
    table.note(
        "parados: `parados backup --project bench --environment dev --store embedded:DIR --repository file:///DIR --recipient age1… --full`: \
         reading and opening every value included",
    );
    let plain = folder.join("plain");
    backup("none", &plain)?.run()?;
    plain_document(&plain)
}

/// A line for each stage; the CPU seconds of what comes after the reading.
fn stages(bench: &Bench, folder: &Path, recipient: &str, table: &mut Table) -> Result<f64, Failure> {
    let stages = output(Command::new(&bench.library).arg("stages").arg(folder.join("store")).arg(recipient))?;
    stages.lines().for_each(|line| table.note(line));
    let all = stages.lines().find_map(|line| line.strip_prefix(WRITING)?.strip_suffix(" CPU s")?.parse().ok());
    all.ok_or_else(|| Failure::Other(format!("bench stages says nothing of {WRITING:?}")))
}

fn plain_document(repository: &Path) -> Result<PathBuf, Failure> {
    let latest = repository.join("latest.txt");
    let key = fs::read_to_string(&latest).map_err(Failure::file(latest))?;
    Ok(repository.join(key.trim()))
}

fn typical(runs: u32, mut probe: impl FnMut(u32) -> Result<Probe, Failure>) -> Result<Cost, Failure> {
    let costs: Result<Vec<Cost>, Failure> = (0..runs).map(|run| probe(run)?.run()).collect();
    Ok(Cost::typical(&costs?))
}
