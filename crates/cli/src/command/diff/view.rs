//! What `parados diff` prints.

use std::collections::BTreeMap;

use parados_backup::compare::{Details, DiffReport, Difference, DifferenceKind, FieldDifference, Side, VersionState};
use parados_backup::field::Field;
use parados_backup::target::Target;
use parados_parameter::Secret;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Output;

/// What `diff` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DiffView {
    /// What it was.
    before: SideView,
    /// What it is.
    after: SideView,
    /// Whether nothing differs.
    equal: bool,
    /// How many differ in which way.
    counts: BTreeMap<DifferenceKind, usize>,
    /// Parameters that are on both sides and do not differ.
    unchanged: u64,
    /// The parameters that differ, by name.
    differences: Vec<DifferenceView>,
    /// Fields that a side does not say, and of how many of the parameters that both have.
    not_compared: BTreeMap<Field, u64>,
    /// Whether manifests alone were compared, so that nothing was opened.
    by_manifest: bool,
    /// What whoever reads it should know.
    notes: Vec<String>,
}

/// A side.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum SideView {
    /// A snapshot.
    Snapshot {
        /// Its id.
        id: String,
        /// When it was begun.
        started_at: String,
        /// What it is of.
        target: Target,
    },
    /// A store as it is now.
    Live {
        /// What it is.
        target: Target,
    },
    /// A file.
    File {
        /// Where.
        path: String,
    },
}

/// A parameter that differs.
#[derive(Debug, Serialize, JsonSchema)]
struct DifferenceView {
    /// Its name.
    name: String,
    /// How it differs.
    kind: DifferenceKind,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<VersionView>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<VersionView>,
    /// The fields that differ; with --details all that it has of one that was created or deleted.
    fields: Vec<FieldView>,
    /// Why it is not known whether it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Which version of a parameter a side has.
#[derive(Debug, Serialize, JsonSchema)]
struct VersionView {
    /// The version.
    version: i64,
    /// When it was put.
    last_modified_date: String,
    /// String, StringList or SecureString.
    #[serde(rename = "type")]
    parameter_type: String,
}

/// A field that differs.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldView {
    /// The field.
    field: Field,
    /// What it was, with --details; a value only with --reveal.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// What it is, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

impl DiffView {
    /// What there is to print of a report.
    pub(in crate::command) fn of(before: &Side, after: &Side, report: &DiffReport) -> Self {
        let mut counts = BTreeMap::new();
        for difference in &report.differences {
            *counts.entry(difference.kind).or_default() += 1;
        }
        Self {
            before: SideView::of(before),
            after: SideView::of(after),
            equal: report.is_equal(),
            counts,
            unchanged: report.unchanged,
            differences: report.differences.iter().map(DifferenceView::of).collect(),
            not_compared: report.not_compared.clone(),
            by_manifest: report.by_manifest,
            notes: report.notes.clone(),
        }
    }
}

impl DiffView {
    /// Whether something differs; what could not be read does not say so.
    pub(in crate::command) fn differs(&self) -> bool {
        self.counts.keys().any(|kind| *kind != DifferenceKind::Unread)
    }
}

impl SideView {
    fn of(side: &Side) -> Self {
        match side {
            Side::Snapshot { entry, .. } => Self::Snapshot {
                id: entry.summary.id.to_string(),
                started_at: entry.summary.started_at.to_string(),
                target: entry.summary.target.clone(),
            },
            Side::Live(live) => Self::Live { target: live.target.clone() },
            Side::Document(path) => Self::File { path: path.display().to_string() },
        }
    }
}

impl DifferenceView {
    fn of(one: &Difference) -> Self {
        let version = |state: &VersionState| VersionView {
            version: state.version.get(),
            last_modified_date: state.last_modified_date.to_string(),
            parameter_type: state.parameter_type.to_string(),
        };
        Self {
            name: one.name.to_string(),
            kind: one.kind,
            before: one.before.as_ref().map(version),
            after: one.after.as_ref().map(version),
            fields: one.fields.iter().map(FieldView::of).collect(),
            reason: one.reason.clone(),
        }
    }
}

impl FieldView {
    /// The values are here only where they were asked for.
    fn of(one: &FieldDifference) -> Self {
        let said = |words: &Option<String>, value: &Option<Secret>| {
            words.clone().or_else(|| value.as_ref().map(|value| value.reveal().to_owned()))
        };
        Self { field: one.field, from: said(&one.from, &one.value_from), to: said(&one.to, &one.value_to) }
    }
}

/// A line for each parameter that differs; with details one for each of its fields.
pub(in crate::command) fn text(output: Output, report: &DiffReport, details: Details) -> String {
    let differences = report.differences.iter();
    match details {
        Details::Names => output.table(&["CHANGE", "NAME", "VERSION", "MODIFIED", "FIELDS"], differences.map(line)),
        Details::Fields | Details::Values => {
            output.table(&["CHANGE", "NAME", "FIELD", "BEFORE", "AFTER"], differences.flat_map(lines))
        }
    }
}

fn line(one: &Difference) -> Vec<String> {
    let number = |state: &VersionState| state.version.to_string();
    let version = match (&one.before, &one.after) {
        (Some(before), Some(after)) if before.version != after.version => {
            format!("{} → {}", number(before), number(after))
        }
        (before, after) => after.as_ref().or(before.as_ref()).map(number).unwrap_or_default(),
    };
    let state = one.after.as_ref().or(one.before.as_ref());
    let modified = state.map(|state| state.last_modified_date.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    let fields: Vec<_> = one.fields.iter().map(|field| field.field.as_str()).collect();
    let said = one.reason.clone().unwrap_or_else(|| fields.join(", "));
    vec![word(one.kind).to_owned(), one.name.to_string(), version, modified.unwrap_or_default(), said]
}

fn lines(one: &Difference) -> Vec<Vec<String>> {
    let begin = || vec![word(one.kind).to_owned(), one.name.to_string()];
    if one.fields.is_empty() {
        let rest = [String::new(), String::new(), one.reason.clone().unwrap_or_default()];
        return vec![begin().into_iter().chain(rest).collect()];
    }
    let of_field = |field: &FieldDifference| {
        let view = FieldView::of(field);
        let rest = [field.field.to_string(), view.from.unwrap_or_default(), view.to.unwrap_or_default()];
        begin().into_iter().chain(rest).collect()
    };
    one.fields.iter().map(of_field).collect()
}

fn word(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Created => "created",
        DifferenceKind::Changed => "changed",
        DifferenceKind::Recreated => "recreated",
        DifferenceKind::Deleted => "deleted",
        DifferenceKind::Unread => "unread",
    }
}

/// One line that says how much differs.
pub(in crate::command) fn summary(report: &DiffReport) -> String {
    use DifferenceKind::{Changed, Created, Deleted, Recreated, Unread};
    let said = [Created, Changed, Recreated, Deleted, Unread].into_iter().filter_map(|kind| match report.count(kind) {
        0 if matches!(kind, Recreated | Unread) => None,
        count => Some(format!("{count} {}", word(kind))),
    });
    let said: Vec<_> = said.chain([format!("{} unchanged", report.unchanged)]).collect();
    let mut text = said.join(", ");
    if !report.not_compared.is_empty() {
        let fields: Vec<_> = report.not_compared.keys().map(|field| field.as_str()).collect();
        text.push_str(&format!("; not everywhere known and so not compared: {}", fields.join(", ")));
    }
    text
}
