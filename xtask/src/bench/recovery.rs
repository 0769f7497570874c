//! Recovery: what a diff, a restore, a drill and a verification cost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::table::Table;
use super::{Bench, age_identity, megabytes, output};
use crate::failure::Failure;
use crate::measure::{Cost, Probe};

/// Of a store that is changed, every so many parameters are put anew.
const CHANGED_EVERY: u32 = 100;

/// Two snapshots of 100,000 parameters, compared by their manifests.
pub(super) fn diff(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let (parameters, runs) = if bench.quick { (1_000, 1) } else { (100_000, 7) };
    let shop = Shop::fill(bench, "diff", parameters)?;
    let first = shop.back_up()?;
    output(Command::new(&bench.library).arg("change").arg(&shop.store).arg(CHANGED_EVERY.to_string()))?;
    let second = shop.back_up()?;
    let mut table = Table::new(format!("diff of two snapshots of {parameters} parameters, by their manifests"));
    let cost = typical(runs, || {
        let mut probe = shop.probe(&["diff", &first, &second])?;
        probe.command().args(["--output", "json"]);
        Ok(probe)
    })?;
    table.row("parados diff", cost, None);
    let manifests = sizes(&shop.repository.join("manifests"))?;
    table.note(format!(
        "the manifests: {:.1} MiB; one in {CHANGED_EVERY} changed, one gone, one new",
        megabytes(manifests)
    ));
    table.note("aim: at most 0.3 s and 100 MiB");
    Ok(vec![table])
}

/// 10,000 parameters under AWS's quotas: what the library says of itself.
pub(super) fn restore(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let mut table = Table::new("A restore into a store with AWS's default quotas, in virtual time");
    output(Command::new(&bench.library).arg("restore"))?.lines().for_each(|line| table.note(line));
    table.note("aim: at most 1.05 times");
    Ok(vec![table])
}

/// A drill of 10,000 into a store that is thrown away.
pub(super) fn drill(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let (parameters, runs) = if bench.quick { (1_000, 1) } else { (10_000, 5) };
    let shop = Shop::fill(bench, "drill", parameters)?;
    let snapshot = shop.back_up()?;
    let mut table = Table::new(format!("drill of {parameters} parameters of 500 bytes into the embedded store"));
    let cost = typical(runs, || shop.probe(&["drill", &snapshot, "--into", "embedded"]))?;
    table.row("parados drill", cost, None);
    table.note("`parados drill SNAPSHOT --into embedded`: planned, restored, read back and compared, evidence and page signed and written");
    let puts = output(Command::new(&bench.library).arg("throw-away").arg(parameters.to_string()))?;
    puts.lines().for_each(|line| table.note(format!("the store alone: {line}")));
    table.note("aim: at most 3 s");
    Ok(vec![table])
}

/// `verify --read` beside the stock tools, over the same bytes.
pub(super) fn verify(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let (parameters, runs) = if bench.quick { (1_000, 1) } else { (100_000, 5) };
    let shop = Shop::fill(bench, "verify", parameters)?;
    let snapshot = shop.back_up()?;
    let object = fs::read_to_string(shop.repository.join("latest.txt")).map_err(Failure::file(&shop.repository))?;
    let object = shop.repository.join(object.trim());
    let mut table = Table::new(format!("verify --read of a snapshot of {parameters} parameters"));
    let cost = typical(runs, || shop.probe(&["verify", &snapshot, "--read"]))?;
    let pipeline = "sha256sum \"$1\" && age -d -i \"$2\" \"$1\" | zstd -d --quiet --stdout";
    let stock = typical(runs, || {
        let mut probe = Probe::new(Path::new("/bin/sh"))?;
        probe.command().args(["-c", pipeline, "sh"]).arg(&object).arg(&shop.identity);
        Ok(probe)
    })?;
    table.row("sha256sum, age, zstd", stock, None);
    table.row("parados verify", cost, None);
    let bytes = fs::metadata(&object).map_err(Failure::file(&object))?.len();
    table.note(format!("the data object: {:.1} MiB", megabytes(bytes)));
    table.note(format!("stock tools: `{}`", pipeline.replace("\"$1\"", "OBJECT").replace("\"$2\"", "IDENTITY")));
    table.note("parados: the chain and the signatures too, and every record held against its entry");
    table.note("aim: at most 1.5 times");
    Ok(vec![table])
}

/// An embedded store with its repository, in a folder of its own.
struct Shop<'a> {
    bench: &'a Bench,
    folder: PathBuf,
    store: PathBuf,
    repository: PathBuf,
    identity: PathBuf,
    recipient: String,
}

impl<'a> Shop<'a> {
    fn fill(bench: &'a Bench, name: &str, parameters: u32) -> Result<Self, Failure> {
        let folder = bench.folder.path().join(name);
        fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        let (identity, recipient) = age_identity(&folder)?;
        let shop = Self {
            bench,
            store: folder.join("store"),
            repository: folder.join("repository"),
            identity,
            recipient,
            folder,
        };
        output(Command::new(&bench.library).arg("fill").arg(&shop.store).arg(parameters.to_string()))?;
        output(shop.command(&mut Command::new(&bench.parados)).args(["init", "--repository", &shop.url()]))?;
        Ok(shop)
    }

    fn url(&self) -> String {
        format!("file://{}", self.repository.display())
    }

    fn command<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("HOME", &self.folder).env("XDG_DATA_HOME", self.folder.join("data"))
    }

    /// Backs it up, and gives the snapshot's id.
    fn back_up(&self) -> Result<String, Failure> {
        let mut command = Command::new(&self.bench.parados);
        self.command(&mut command)
            .args(["backup", "--project", "bench", "--environment", "dev", "--full"])
            .args(["--store", &format!("embedded:{}", self.store.display())])
            .args(["--repository", &self.url(), "--recipient", &self.recipient]);
        output(&mut command)?;
        let mut command = Command::new(&self.bench.parados);
        self.command(&mut command).args(["snapshots", "--output", "json", "--repository", &self.url()]);
        let listed = output(&mut command)?;
        // The newest is the last, and the tool depends on no parser of JSON.
        let id = listed.rsplit_once("\"id\"").and_then(|(_, rest)| rest.split('"').nth(1));
        id.map(str::to_owned).ok_or_else(|| Failure::Other("parados snapshots lists none".to_owned()))
    }

    /// `parados` over it, to be measured.
    fn probe(&self, arguments: &[&str]) -> Result<Probe, Failure> {
        let mut probe = Probe::new(&self.bench.parados)?;
        self.command(probe.command())
            .args(arguments)
            .args(["--repository", &self.url()])
            .arg("--identity")
            .arg(&self.identity);
        Ok(probe)
    }
}

/// The bytes of all files under `folder`.
fn sizes(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        bytes += if path.is_dir() { sizes(&path)? } else { fs::metadata(&path).map_err(Failure::file(&path))?.len() };
    }
    Ok(bytes)
}

fn typical(runs: u32, mut probe: impl FnMut() -> Result<Probe, Failure>) -> Result<Cost, Failure> {
    let costs: Result<Vec<Cost>, Failure> = (0..runs).map(|_| probe()?.run()).collect();
    Ok(Cost::typical(&costs?))
}
