//! How long the command takes to say something.

use std::fs;
use std::process::Command;

use super::Bench;
use super::output;
use super::table::Table;
use crate::failure::Failure;
use crate::measure::{Cost, Probe};

pub(super) fn run(bench: &Bench) -> Result<Vec<Table>, Failure> {
    if !bench.parados.exists() {
        return Ok(Vec::new());
    }
    let repository = bench.folder.path().join("empty");
    fs::create_dir_all(&repository).map_err(Failure::file(&repository))?;
    let url = format!("file://{}", repository.display());
    let home = bench.folder.path();
    let mut init = Command::new(&bench.parados);
    init.args(["init", "--repository", &url]).env("HOME", home).env("XDG_DATA_HOME", home.join("data"));
    output(&mut init)?;
    let mut table = Table::new("Start-up");
    for (name, arguments) in
        [("parados --version", vec!["--version"]), ("parados snapshots", vec!["snapshots", "--repository", &url])]
    {
        let mut costs = Vec::new();
        for _ in 0..if bench.quick { 3 } else { 31 } {
            let mut probe = Probe::new(&bench.parados)?;
            probe.command().args(&arguments).env("HOME", bench.folder.path());
            costs.push(probe.run()?);
        }
        table.row(name, Cost::typical(&costs), None);
    }
    table.note("snapshots: of an empty local folder");
    Ok(vec![table])
}
