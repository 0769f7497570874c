//! `parados store serve` beside moto's server and ministack: the same client, the same parameters, in one run.

mod served;

use std::fmt;
use std::process::Command;

pub(super) use self::served::{Served, ServerKind};
use super::table::Table;
use super::{Bench, output};
use crate::failure::Failure;
use crate::measure::median;

const CALLS: [&str; 5] = ["GetParameter", "GetParameters", "DescribeParameters", "GetParametersByPath", "PutParameter"];
/// How often each server has its turn.
const TURNS: usize = 7;

/// What each call costs, of stores of 500 and 5,000 parameters, over 1 and 8 connections.
///
/// The servers run beside each other and are called in turns, so that what else the machine does weighs on each alike.
pub(super) fn calls(bench: &Bench) -> Result<Vec<Table>, Failure> {
    let sizes: &[u32] = if bench.quick { &[500] } else { &[500, 5_000] };
    let mut tables = Vec::new();
    for &parameters in sizes {
        let servers = ServerKind::ALL.map(|kind| {
            let server = Served::start(bench, kind, parameters)?;
            server.fill()?;
            Ok((kind, server))
        });
        let servers = servers.into_iter().collect::<Result<Vec<_>, Failure>>()?;
        for call in CALLS {
            let mut table = Table::free(format!("{call}, {parameters} parameters"), COLUMNS);
            for connections in [1, 8] {
                let mut runs: Vec<_> = servers.iter().map(|_| Vec::new()).collect();
                for _ in 0..if bench.quick { 1 } else { TURNS } {
                    for ((_, server), runs) in servers.iter().zip(&mut runs) {
                        runs.push(server.load(call, connections, 1)?);
                    }
                }
                let loads: Vec<_> = runs.iter().map(|runs| Load::typical(runs)).collect();
                for ((kind, _), load) in servers.iter().zip(&loads) {
                    table.free_row(load.row(&format!("{kind} {call}"), connections, loads[0]));
                }
            }
            tables.push(table);
        }
        let mut how = Table::new(format!("How {parameters} parameters were served"));
        servers.iter().for_each(|(kind, server)| how.note(format!("{kind}: `{}`", server.shown())));
        how.note("called in turns, a second at a time");
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
    for (shown, call, turns) in [
        ("GetParameter, the first time too", "GetParameter", 1),
        ("GetParameter", "GetParameter", TURNS),
        ("DescribeParameters", "DescribeParameters", TURNS),
        ("PutParameter", "PutParameter", TURNS),
    ] {
        let turns = if bench.quick { 1 } else { turns };
        let runs = (0..turns).map(|_| server.load(call, 8, 1)).collect::<Result<Vec<_>, _>>()?;
        let load = Load::typical(&runs);
        table.free_row(load.row(&format!("{} {shown}", ServerKind::Parados), 8, load));
    }
    table.note(format!("from the start of the process to the first answer: {} ms", server.first_answer_milliseconds()));
    table.note("aim: at most 200 MiB, at most 100 ms, and a GetParameter as at 500");
    Ok(vec![table])
}

const COLUMNS: &[&str] =
    &["", "connections", "CPU µs a call", "ratio", "calls a second", "p50 ms", "p99 ms", "peak MiB"];

/// What one run cost.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Load {
    cpu_microseconds: f64,
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    peak_mib: f64,
}

impl Load {
    /// The client's line.
    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<f64> = line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let [calls, wall, cpu, peak, p50, p99] = numbers[..] else { return None };
        Some(Self {
            cpu_microseconds: cpu / calls,
            rate: calls / wall * 1e6,
            p50_ms: p50 / 1e3,
            p99_ms: p99 / 1e3,
            peak_mib: peak / 1024.0,
        })
    }

    /// Of several runs: the median of each figure, the greatest memory.
    ///
    /// # Panics
    /// When there is none.
    fn typical(runs: &[Self]) -> Self {
        Self {
            cpu_microseconds: median(runs, |run| run.cpu_microseconds),
            rate: median(runs, |run| run.rate),
            p50_ms: median(runs, |run| run.p50_ms),
            p99_ms: median(runs, |run| run.p99_ms),
            peak_mib: runs.iter().map(|run| run.peak_mib).fold(0.0, f64::max),
        }
    }

    /// The row of it, beside what ours cost.
    fn row(self, name: &str, connections: u32, ours: Self) -> Vec<String> {
        let Self { cpu_microseconds, rate, p50_ms, p99_ms, peak_mib } = self;
        vec![
            name.to_owned(),
            connections.to_string(),
            format!("{cpu_microseconds:.1}"),
            format!("{:.1}", cpu_microseconds / ours.cpu_microseconds),
            format!("{rate:.0}"),
            format!("{p50_ms:.2}"),
            format!("{p99_ms:.2}"),
            format!("{peak_mib:.1}"),
        ]
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
        assert_eq!((load.cpu_microseconds, load.rate), (50.0, 500.0));
        assert_eq!((load.peak_mib, load.p50_ms, load.p99_ms), (20.0, 0.9, 4.0));
        assert_eq!(Load::parse("1 2 3"), None);
    }

    #[test]
    fn several_runs_are_the_median_of_each_figure() {
        let run = |number: f64| Load {
            cpu_microseconds: number,
            rate: 10.0 - number,
            p50_ms: number / 2.0,
            p99_ms: number * 3.0,
            peak_mib: number,
        };
        let typical = Load::typical(&[run(3.0), run(1.0), run(2.0)]);
        assert_eq!(typical, Load { peak_mib: 3.0, ..run(2.0) });
        assert_eq!(typical.row("ours", 8, run(4.0)), ["ours", "8", "2.0", "0.5", "8", "1.00", "6.00", "3.0"]);
    }
}
