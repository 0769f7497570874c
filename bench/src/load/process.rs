//! What a server that runs has cost so far, by the kernel's account of it and of its children.

use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::Outcome;

/// CPU time of the process and all of its children, and the largest peak of memory of one of them, in KiB.
pub(super) fn cpu_and_peak(pid: u32) -> Outcome<(Duration, u64)> {
    let ticks_a_second = sysconf(SysconfVar::CLK_TCK)?.ok_or("the kernel does not say how long a tick is")?;
    let mut total = (0, 0);
    let mut pids = vec![pid];
    while let Some(pid) = pids.pop() {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        // Behind the name, which may hold spaces: state is the first field, user and system time the 12th and 13th.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields.get(11).ok_or("no times")?.parse::<u64>()? + fields[12].parse::<u64>()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        let peak: u64 = peak.split_whitespace().next().unwrap_or("0").parse()?;
        total = (total.0 + ticks, total.1.max(peak));
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            pids.push(child.parse()?);
        }
    }
    let microseconds = total.0 * 1_000_000 / u64::try_from(ticks_a_second)?;
    Ok((Duration::from_micros(microseconds), total.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_cost_something() {
        let (_, peak) = cpu_and_peak(std::process::id()).unwrap();
        assert!(peak > 1_000);
    }
}
