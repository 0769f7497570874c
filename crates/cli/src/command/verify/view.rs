//! What `parados verify` prints.

use std::collections::BTreeSet;

use parados_backup::compare::Details;
use parados_backup::verify::{FindingKind, VerifyReport};
use schemars::JsonSchema;
use serde::Serialize;

use super::live::Compared;
use crate::command::diff::{self, DiffView};
use crate::exit_code;
use crate::output::{Output, printable};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// All that was asked for was checked, and is right.
    Right,
    /// What was checked is right, and some of what was asked for could not be.
    Partial,
    /// What was checked is right, and the store is not as the snapshot has it.
    Different,
    /// Something is wrong.
    Damaged,
}

/// What `verify` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyView<'a> {
    /// What came of it.
    outcome: Outcome,
    #[serde(flatten)]
    report: VerifyReport,
    /// The snapshot and the store as it is now, with --live.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<&'a DiffView>,
}

impl<'a> VerifyView<'a> {
    /// What there is to print of a report, and of what was compared.
    pub(super) fn of(report: VerifyReport, live: Option<&'a DiffView>) -> Self {
        let outcome = match (report.findings.is_empty(), report.unchecked.is_empty()) {
            (false, _) => Outcome::Damaged,
            (true, _) if live.is_some_and(DiffView::differs) => Outcome::Different,
            (true, false) => Outcome::Partial,
            (true, true) => Outcome::Right,
        };
        Self { outcome, report, live }
    }

    /// The worst damage decides.
    pub(super) fn exit_code(&self) -> u8 {
        match self.report.worst() {
            Some(kind) => code(kind),
            None => match self.outcome {
                Outcome::Different => exit_code::DIFFERENT,
                Outcome::Partial => exit_code::PARTIAL,
                Outcome::Right | Outcome::Damaged => exit_code::COMPLETE,
            },
        }
    }
}

fn code(kind: FindingKind) -> u8 {
    match kind {
        FindingKind::Changed => exit_code::CHANGED,
        FindingKind::Truncated => exit_code::TRUNCATED,
        FindingKind::Swapped => exit_code::SWAPPED,
        FindingKind::Removed => exit_code::REMOVED,
        FindingKind::Replayed => exit_code::REPLAYED,
        FindingKind::Forged => exit_code::FORGED,
    }
}

/// It, for a person.
pub(super) fn text(output: Output, view: &VerifyView<'_>, live: Option<&Compared>) -> String {
    let report = &view.report;
    let verdict = match view.outcome {
        Outcome::Right => "right: all that was checked is what it was".to_owned(),
        Outcome::Partial => format!("partial: {} could not be checked", number(report.unchecked.len(), "object")),
        Outcome::Different => "different: all that was checked is what it was, and the store is not".to_owned(),
        Outcome::Damaged => format!("DAMAGED: {}", number(report.findings.len(), "finding")),
    };
    let checked = &report.checked;
    let opened = match checked.opened {
        0 => String::new(),
        opened => format!(", {opened} of them opened with {} parameters", checked.parameters),
    };
    let facts = [
        ("Outcome", verdict),
        ("Repository", report.repository.clone()),
        ("Checked", format!("{} manifests, {} data objects{opened}", checked.manifests, checked.documents)),
        ("Read", format!("{} bytes in {:.2} s", checked.bytes, report.seconds)),
    ];
    let chains = report.chains.iter().map(|chain| {
        let seen = chain.seen.map(|seen| format!(", this machine had seen number {seen}")).unwrap_or_default();
        ("Chain", format!("{}: up to number {}{seen}", chain.target, chain.sequence))
    });
    let signers = report.signers.iter().map(|signer| {
        let trusted = if signer.trusted { "trusted" } else { "not known" };
        ("Signer", format!("{} ({trusted}, {})", signer.signer, number(signer.manifests as usize, "manifest")))
    });
    let compared = live.map(|live| ("Live", diff::view::summary(&live.report)));
    let mut text = output.facts(facts.into_iter().chain(chains).chain(signers).chain(compared));
    if !report.findings.is_empty() {
        let rows = report.findings.iter().map(|finding| {
            let parameter = finding.parameter.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            vec![
                finding.kind.to_string(),
                finding.object.clone(),
                finding.snapshot.clone().unwrap_or_default(),
                format!("{parameter}{}", finding.message),
            ]
        });
        text += &format!("\n{}", output.table(&["DAMAGE", "OBJECT", "SNAPSHOT", "WHAT"], rows));
        let hints: BTreeSet<_> = report.findings.iter().filter_map(|finding| finding.hint.as_deref()).collect();
        text.extend(hints.into_iter().map(|hint| format!("hint: {}\n", printable(hint))));
    }
    if !report.unchecked.is_empty() {
        let rows = report.unchecked.iter().map(|one| vec![one.object.clone(), one.reason.clone()]);
        text += &format!("\nNot checked:\n{}", output.table(&["OBJECT", "WHY"], rows));
    }
    if let Some(live) = live.filter(|live| !live.report.differences.is_empty()) {
        text += &format!("\n{}", diff::view::text(output, &live.report, Details::Names));
    }
    let notes = report.notes.iter().chain(live.into_iter().flat_map(|live| &live.report.notes));
    let notes = notes.map(|note| format!("note: {}\n", printable(note)));
    text + &notes.collect::<String>()
}

fn number(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_damage_has_a_code_of_its_own() {
        let kinds = [
            FindingKind::Changed,
            FindingKind::Truncated,
            FindingKind::Swapped,
            FindingKind::Removed,
            FindingKind::Replayed,
            FindingKind::Forged,
        ];
        let codes: BTreeSet<_> = kinds.into_iter().map(code).collect();
        assert_eq!(codes, BTreeSet::from([10, 11, 12, 13, 14, 15]));
    }
}
