//! A plan for a person: what is done with each parameter, folder by folder, and what it comes to.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use parados_backup::field::Field;
use parados_backup::restore::{Action, Change, FieldChange, PlanSource, RestorePlan, Step, Warning};
use parados_backup::target::StoreKind;

use crate::output::printable;

/// What a plan does.
pub(crate) fn changes_text(plan: &RestorePlan) -> String {
    let mut text = String::new();
    let bold = Style::new().bold();
    _ = writeln!(text, "{bold}From{bold:#}  {}", printable(&source(plan)));
    _ = writeln!(text, "{bold}Into{bold:#}  {}\n", printable(&into(plan)));
    let mut folder = None;
    for change in plan.changes.iter().filter(|change| change.action != Action::Unchanged) {
        let absolute = change.name.absolute();
        let (path, name) = absolute.rsplit_once('/').unwrap_or(("", &absolute));
        if folder.as_deref() != Some(path) {
            _ = writeln!(text, "{bold}{}/{bold:#}", printable(path));
            folder = Some(path.to_owned());
        }
        write_change(&mut text, change, name);
    }
    if folder.is_some() {
        text.push('\n');
    }
    _ = writeln!(text, "{bold}{}{bold:#}", summary(plan));
    for warning in &plan.warnings {
        write_warning(&mut text, "", warning);
    }
    write_cost(&mut text, plan);
    text
}

/// A plan, and where it was saved.
pub(crate) fn text(plan: &RestorePlan, saved: Option<&Path>) -> String {
    let mut text = changes_text(plan);
    _ = writeln!(text, "Plan {} has the hash {}.", plan.id, plan.hash());
    match saved {
        Some(path) => {
            let path = printable(&path.display().to_string());
            _ = writeln!(text, "It is saved in {path}; do it with: parados restore apply {path}");
        }
        None if plan.changes.iter().any(|change| change.action.writes()) => {
            text.push_str("It is not saved; --out FILE saves it, to be applied as it is.\n");
        }
        None => {}
    }
    text
}

/// How many of each action.
fn summary(plan: &RestorePlan) -> String {
    let counts = [
        (Action::Create, "to create"),
        (Action::Update, "to update"),
        (Action::Replace, "to replace"),
        (Action::Delete, "to delete"),
        (Action::Unchanged, "unchanged"),
        (Action::Skip, "skipped"),
        (Action::Conflict, "in conflict"),
        (Action::Impossible, "impossible"),
    ];
    let always = [Action::Create, Action::Update, Action::Delete, Action::Unchanged];
    let words: Vec<_> = counts
        .into_iter()
        .map(|(action, words)| (action, words, plan.changes.iter().filter(|one| one.action == action).count()))
        .filter(|(action, _, count)| *count > 0 || always.contains(action))
        .map(|(_, words, count)| format!("{count} {words}"))
        .collect();
    match plan.changes.iter().all(|change| change.action == Action::Unchanged) {
        true => format!("Nothing to do: {} unchanged.", plan.changes.len()),
        false => format!("Plan: {}.", words.join(", ")),
    }
}

fn source(plan: &RestorePlan) -> String {
    let at = plan.options.at.map(|at| format!(", as of {at}")).unwrap_or_default();
    match &plan.source {
        PlanSource::Snapshot { repository, snapshot, target, started_at, .. } => {
            format!("snapshot {snapshot} of {target}, begun {started_at}{at}, in {repository}")
        }
        PlanSource::Document { path, .. } => format!("{path}{at}"),
    }
}

fn into(plan: &RestorePlan) -> String {
    match (&plan.into.folder, &plan.into.database) {
        (Some(folder), _) => format!("the embedded store in {folder}"),
        (None, Some(database)) => database.clone(),
        (None, None) => format!("AWS {}/{}", plan.into.account, plan.into.region),
    }
}

fn write_change(text: &mut String, change: &Change, name: &str) {
    let (symbol, color, words) = match change.action {
        Action::Create => ("+", AnsiColor::Green, made(change)),
        Action::Update => ("~", AnsiColor::Yellow, String::new()),
        Action::Replace => ("±", AnsiColor::Magenta, "is deleted and made anew".to_owned()),
        Action::Delete => ("-", AnsiColor::Red, String::new()),
        Action::Unchanged => ("=", AnsiColor::White, String::new()),
        Action::Skip => ("·", AnsiColor::White, "is skipped".to_owned()),
        Action::Conflict => ("!", AnsiColor::Red, "is in conflict".to_owned()),
        Action::Impossible => ("!", AnsiColor::Red, "is impossible".to_owned()),
    };
    let style = Style::new().fg_color(Some(color.into()));
    let from = change.source.as_ref().filter(|source| **source != change.name);
    let from = from.map(|source| format!("from {source}")).unwrap_or_default();
    let reason = change.reason.clone().unwrap_or_default();
    let words: Vec<_> = [from, words, reason].into_iter().filter(|words| !words.is_empty()).collect();
    let words = if words.is_empty() { String::new() } else { format!("  {}", printable(&words.join(": "))) };
    _ = writeln!(text, "  {style}{symbol} {}{style:#}{words}", printable(name));
    for field in &change.fields {
        _ = writeln!(text, "      {}", printable(&difference(field)));
    }
    for warning in &change.warnings {
        write_warning(text, "      ", warning);
    }
}

/// What a create makes, in words.
fn made(change: &Change) -> String {
    let mut puts = change.steps.iter().filter_map(|step| match step {
        Step::Put { put, .. } => Some(put),
        _ => None,
    });
    let (count, last) = (puts.clone().count(), puts.next_back());
    let Some(put) = last else { return String::new() };
    let mut words = vec![put.parameter_type.to_string()];
    words.extend(put.tier.map(|tier| tier.to_string()));
    words.extend(put.key_id.as_ref().map(|key| format!("under {key}")));
    if count > 1 {
        words.push(format!("{count} versions"));
    }
    words.join(", ")
}

fn difference(change: &FieldChange) -> String {
    let none = || "none".to_owned();
    match change.field {
        Field::Value => "value: another".to_owned(),
        field => format!(
            "{field}: {} → {}",
            change.from.clone().unwrap_or_else(none),
            change.to.clone().unwrap_or_else(none)
        ),
    }
}

fn write_warning(text: &mut String, indent: &str, warning: &Warning) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    _ = writeln!(text, "{indent}{style}warning:{style:#} {}", printable(&warning.message));
}

fn write_cost(text: &mut String, plan: &RestorePlan) {
    let estimate = &plan.estimate;
    let calls: u64 = estimate.calls.values().sum();
    if calls == 0 {
        return;
    }
    let each: Vec<_> = estimate.calls.iter().map(|(operation, calls)| format!("{calls} {operation}")).collect();
    let time = match estimate.seconds {
        seconds if seconds < 1.0 => "less than a second".to_owned(),
        seconds if seconds < 120.0 => format!("{seconds:.0} seconds"),
        seconds => format!("{:.0} minutes", (seconds / 60.0).ceil()),
    };
    let money = match (plan.into.kind, estimate.monthly_dollars) {
        (StoreKind::Embedded | StoreKind::Postgres, _) => String::new(),
        (StoreKind::Aws, 0.0) => format!(", ${:.4}", estimate.call_dollars),
        (StoreKind::Aws, month) => format!(", ${:.4}, and {month:+.2} a month", estimate.call_dollars),
    };
    _ = writeln!(text, "It takes {calls} calls ({}), {time}{money}.", each.join(", "));
    for note in &estimate.notes {
        _ = writeln!(text, "  {}", printable(note));
    }
}
