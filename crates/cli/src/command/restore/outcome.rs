//! What became of a plan, for a person.

use std::fmt::Write as _;

use parados_backup::restore::{Outcome, RestoreReport};

use crate::output::{Output, printable};

/// What became of a plan.
pub(crate) fn text(output: Output, report: &RestoreReport) -> String {
    let mut text = String::new();
    let wrong: Vec<_> = report.outcomes.iter().filter(|one| !one.outcome.is_right()).collect();
    if !wrong.is_empty() {
        let rows = wrong.iter().map(|one| {
            vec![
                printable(one.name.as_str()),
                one.outcome.to_string(),
                printable(one.reason.as_deref().unwrap_or_default()),
            ]
        });
        text.push_str(&output.table(&["NAME", "OUTCOME", "REASON"], rows));
        text.push('\n');
    }
    let counts: Vec<_> = report.counts.iter().map(|(outcome, count)| format!("{count} {}", words(*outcome))).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    let resumed = if report.resumed { ", gone on with from its journal" } else { "" };
    _ = writeln!(text, "{}: {counts} ({} calls, {:.1} s{resumed}).", report.verdict, report.calls, report.seconds);
    if let Some(snapshot) = &report.undo_snapshot {
        _ = writeln!(
            text,
            "What was there before is snapshot {snapshot}; undo it with: parados restore undo {}",
            report.plan
        );
    } else if report.counts.contains_key(&Outcome::Done) {
        _ = writeln!(text, "Undo it with: parados restore undo {}", report.plan);
    }
    text
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::AlreadyAsWanted => "as wanted already",
        Outcome::Skipped => "skipped",
        Outcome::Changed => "changed by others since",
        Outcome::Failed => "failed",
        Outcome::Impossible => "impossible",
        Outcome::NotBegun => "not begun",
    }
}
