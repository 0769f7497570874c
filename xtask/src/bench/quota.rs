//! Under AWS's quotas, in virtual time: what the library says of itself.

use std::process::Command;

use super::table::Table;
use super::{Bench, output};
use crate::failure::Failure;

pub(super) fn run(bench: &Bench) -> Result<Vec<Table>, Failure> {
    if !bench.library.exists() {
        return Ok(Vec::new());
    }
    let mut table = Table::new("A store with AWS's default quotas, in virtual time");
    output(Command::new(&bench.library).arg("quota"))?.lines().for_each(|line| table.note(line));
    Ok(vec![table])
}
