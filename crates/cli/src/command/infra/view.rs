//! A plan and what became of it, as a tree with colours.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use parados_infra::apply::{ApplyReport, ChangeStatus, InfraEvent};
use parados_infra::plan::{Change, InfraAction, InfraPlan};
use serde_json::Value;

use crate::output::printable;

/// A plan, whole.
pub(super) fn plan(plan: &InfraPlan) -> String {
    let mut text = format!("{}/{} in account {}, {}\n", plan.project, plan.environment, plan.account, plan.region);
    let mut blocks: Vec<Vec<String>> = plan.changes.iter().map(change).collect();
    blocks.extend(plan.left.iter().map(|left| {
        let (style, id) = (color(AnsiColor::Magenta), left.id.as_deref().unwrap_or_default());
        let head = format!("{style}? {}{style:#}  {}  {}", left.resource, left.kind.as_str(), printable(id));
        vec![head, "is not declared any more and stays; --remove deletes it".to_owned()]
    }));
    blocks.extend(plan.findings.iter().map(|finding| {
        let (style, rest) = match &finding.waiver {
            None => (color(AnsiColor::Red), String::new()),
            Some(reason) => (color(AnsiColor::Cyan), format!("  (waived: {reason})")),
        };
        let said = printable(&format!("{}: {}{rest}", finding.resource, finding.message));
        vec![format!("{style}! {}{style:#}  {said}", finding.check)]
    }));
    if plan.changes.is_empty() && !plan.unchanged.is_empty() {
        blocks.push(vec![format!("= {} resources are as they are declared", plan.unchanged.len())]);
    }
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.iter().enumerate() {
        let (head, rest) = if index == last { ("└─", "  ") } else { ("├─", "│ ") };
        for (line, content) in block.iter().enumerate() {
            let lead = if line == 0 { head } else { rest };
            let indent = if line == 0 { " " } else { "     " };
            _ = writeln!(text, "{lead}{indent}{content}");
        }
    }
    _ = writeln!(text, "{}", summary(plan));
    text
}

fn summary(plan: &InfraPlan) -> String {
    if plan.is_empty() {
        return "nothing to do".to_owned();
    }
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    let words = [
        (InfraAction::Create, "to create"),
        (InfraAction::Update, "to change"),
        (InfraAction::Adopt, "to adopt"),
        (InfraAction::Record, "to record"),
        (InfraAction::Delete, "to delete"),
        (InfraAction::Refuse, "refused"),
    ];
    let counts: Vec<_> =
        words.into_iter().map(|(action, word)| (count(action), word)).filter(|(count, _)| *count > 0).collect();
    let counts = counts.iter().map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    format!("{counts}, {} unchanged; plan {}", plan.unchanged.len(), plan.hash)
}

fn change(change: &Change) -> Vec<String> {
    let (symbol, style) = look(change.action);
    let place = match &change.target {
        Some(target) => format!("  in {target} ({}, {})", change.account, change.region),
        None => String::new(),
    };
    let id = change.id.as_deref().unwrap_or_default();
    let mut lines = vec![format!(
        "{style}{symbol} {}{style:#}  {}  {}{place}",
        change.resource,
        change.kind.as_str(),
        printable(id)
    )];
    if let Some(reason) = &change.reason {
        lines.push(printable(reason));
    }
    if let Some(changed) = &change.changed {
        lines.push(printable(&format!("last changed by {} at {}", changed.by, changed.at)));
    }
    for one in &change.differences {
        lines.push(printable(&match (&one.live, &one.desired) {
            (Value::Null, desired) => format!("+ {}: {}", one.path, shown(desired)),
            (live, Value::Null) => format!("- {}: {}", one.path, shown(live)),
            (live, desired) => format!("~ {}: {} → {}", one.path, shown(live), shown(desired)),
        }));
    }
    if !change.depends_on.is_empty() {
        let needs: Vec<_> = change.depends_on.iter().map(String::as_str).collect();
        let word = if change.action == InfraAction::Delete { "before" } else { "after" };
        lines.push(format!("{word} {}", needs.join(", ")));
    }
    lines
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn look(action: InfraAction) -> (char, Style) {
    match action {
        InfraAction::Create => ('+', color(AnsiColor::Green)),
        InfraAction::Update => ('~', color(AnsiColor::Yellow)),
        InfraAction::Adopt => ('>', color(AnsiColor::Blue)),
        InfraAction::Record => ('·', color(AnsiColor::Cyan)),
        InfraAction::Delete => ('-', color(AnsiColor::Red)),
        InfraAction::Refuse => ('!', color(AnsiColor::Red)),
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().bold().fg_color(Some(color.into()))
}

/// One line of what is going on.
pub(super) fn event(event: InfraEvent<'_>) -> String {
    let line = |change: &Change, word: &str| {
        let (symbol, style) = look(change.action);
        format!("{style}{symbol} {}{style:#} {word}", change.resource)
    };
    match event {
        InfraEvent::Started(change) => line(change, "…"),
        InfraEvent::Done(change) => line(change, "done"),
        InfraEvent::Failed(change, _) => line(change, "failed"),
    }
}

/// What became of a plan.
pub(super) fn report(report: &ApplyReport) -> String {
    let count = |status| report.changes.iter().filter(|change| change.status == status).count();
    let mut text = format!("{} of {} changes done", count(ChangeStatus::Done), report.changes.len());
    let skipped: Vec<_> = report
        .changes
        .iter()
        .filter(|change| change.status == ChangeStatus::Skipped)
        .map(|change| change.resource.as_str())
        .collect();
    if !skipped.is_empty() {
        _ = write!(text, "; not begun: {}", skipped.join(", "));
    }
    text.push('\n');
    for (name, value) in &report.outputs {
        _ = writeln!(text, "{name}\t{}", printable(value));
    }
    text
}
