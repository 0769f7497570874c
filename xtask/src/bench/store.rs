//! `parados store serve` beside moto's server and ministack: the same client, the same parameters, in one run.

mod served;

use std::fmt;
use std::process::Command;

use self::served::{Served, ServerKind};
use super::table::Table;
use super::{Bench, output};
use crate::failure::Failure;

const CALLS: [&str; 5] = ["GetParameter", "GetParameters", "DescribeParameters", "GetParametersByPath", "PutParameter"];

/// What each call costs, of stores of 500 and 5,000 parameters, over 1 and 8 connections.
pub(super) fn calls(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let sizes: &[u32] = if bench.quick { &[500] } else { &[500, 5_000] };
    let seconds = if bench.quick { 1 } else { 3 };
    let mut tables = Vec::new();
    for &parameters in sizes {
        let mut rows: Vec<Row> = Vec::new();
        let mut notes = Vec::new();
        for kind in ServerKind::ALL {
            let server = Served::start(bench, kind, parameters)?;
            server.fill()?;
            notes.push(format!("{kind}: `{}`", server.shown()));
            for call in CALLS {
                for connections in [1, 8] {
                    let load = server.load(call, connections, seconds)?;
                    rows.push(Row { server: kind, call, connections, load });
                }
            }
        }
        for call in CALLS {
            let mut table = Table::free(format!("{call}, {parameters} parameters"), COLUMNS);
            for connections in [1, 8] {
                let of = |row: &&Row| row.call == call && row.connections == connections;
                let ours = rows.iter().filter(of).find(|row| row.server == ServerKind::Parados).map(|row| row.load);
                rows.iter().filter(of).for_each(|row| table.free_row(row.cells(ours)));
            }
            tables.push(table);
        }
        let mut how = Table::new(format!("How {parameters} parameters were served"));
        notes.into_iter().for_each(|note| how.note(note));
        tables.push(how);
    }
    Ok(tables)
}

/// The same read of a store of 100,000, the memory that this takes, and how long it is from the start to the first answer.
pub(super) fn large(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let parameters = if bench.quick { 10_000 } else { 100_000 };
    let server = Served::start_filled(bench, parameters)?;
    let mut table = Table::free(format!("parados, {parameters} parameters"), COLUMNS);
    // What is read for the first time is not in the server's memory yet; each is read several times in the first row, and was in the second.
    for (shown, call) in [
        ("GetParameter, the first time too", "GetParameter"),
        ("GetParameter", "GetParameter"),
        ("DescribeParameters", "DescribeParameters"),
        ("PutParameter", "PutParameter"),
    ] {
        let load = server.load(call, 8, if bench.quick { 1 } else { 5 })?;
        table.free_row(Row { server: ServerKind::Parados, call: shown, connections: 8, load }.cells(Some(load)));
    }
    table.note(format!("from the start of the process to the first answer: {} ms", server.first_answer_milliseconds()));
    table.note("aim: at most 200 MiB, at most 100 ms, and a GetParameter as at 500");
    Ok(vec![table])
}

const COLUMNS: &[&str] =
    &["", "connections", "CPU µs a call", "ratio", "calls a second", "p50 ms", "p99 ms", "peak MiB"];

/// One measurement.
struct Row {
    server: ServerKind,
    call: &'static str,
    connections: u32,
    load: Load,
}

impl Row {
    fn cells(&self, ours: Option<Load>) -> Vec<String> {
        let Load { p50_ms, p99_ms, peak_mib, .. } = self.load;
        let ratio = ours.map_or_else(
            || "–".to_owned(),
            |ours| format!("{:.1}", self.load.cpu_microseconds() / ours.cpu_microseconds()),
        );
        vec![
            format!("{} {}", self.server, self.call),
            self.connections.to_string(),
            format!("{:.1}", self.load.cpu_microseconds()),
            ratio,
            format!("{:.0}", self.load.rate()),
            format!("{p50_ms:.2}"),
            format!("{p99_ms:.2}"),
            format!("{peak_mib:.1}"),
        ]
    }
}

/// What the client says of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Load {
    calls: f64,
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Load {
    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let [calls, wall, cpu, peak, p50, p99] = numbers[..] else { return None };
        Some(Self {
            calls,
            wall_s: wall / 1e6,
            cpu_s: cpu / 1e6,
            peak_mib: peak / 1024.0,
            p50_ms: p50 / 1e3,
            p99_ms: p99 / 1e3,
        })
    }

    fn cpu_microseconds(self) -> f64 {
        self.cpu_s * 1e6 / self.calls
    }

    fn rate(self) -> f64 {
        self.calls / self.wall_s
    }
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The client's line.
fn client(bench: &Bench, arguments: &[&str], environment: &[(&str, String)]) -> Result<String, Failure> {
    let mut command = Command::new(&bench.library);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (*name, value)));
    output(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_client_is_a_load() {
        let load = Load::parse("1000 2000000 50000 20480 900 4000").unwrap();
        assert_eq!((load.cpu_microseconds(), load.rate()), (50.0, 500.0));
        assert_eq!((load.peak_mib, load.p50_ms, load.p99_ms), (20.0, 0.9, 4.0));
        assert_eq!(Load::parse("1 2 3"), None);
    }
}
