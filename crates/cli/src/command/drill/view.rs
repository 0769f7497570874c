//! What `parados drill` prints.

use parados_backup::drill::evidence::{DrillVerdict, Evidence};
use parados_backup::restore::PlanSource;
use parados_backup::target::StoreKind;
use schemars::JsonSchema;
use serde::Serialize;

use super::evidence_files::EvidenceFiles;
use crate::output::Output;

/// Rows of a table at most; all of them are in the evidence.
const ROWS: usize = 50;

/// What `drill` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DrillView {
    #[serde(flatten)]
    pub(super) evidence: Evidence,
    /// Where it is kept, signed.
    pub(super) files: EvidenceFiles,
}

/// It, for a person.
pub(super) fn text(output: Output, view: &DrillView) -> String {
    let Evidence { verdict, counts, times, .. } = &view.evidence;
    let verdict = match verdict {
        DrillVerdict::Passed => format!("passed: all of {} parameters came back as they were", counts.equal),
        DrillVerdict::Partial => {
            format!("partial: {} of {} parameters came back as they were", counts.equal, counts.wanted)
        }
        DrillVerdict::Different => {
            format!("DIFFERENT: {} of {} parameters came back different", counts.different, counts.wanted)
        }
        DrillVerdict::Failed => "FAILED: nothing is proved".to_owned(),
    };
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2} s"));
    let facts = [
        ("Verdict", verdict),
        ("Source", source(&view.evidence)),
        ("Into", place(&view.evidence)),
        ("Compared", format!("{} versions, in {} fields", counts.versions, view.evidence.compared.len())),
        ("First parameter", format!("after {}", seconds(times.first))),
        ("Last parameter", format!("after {}", seconds(times.last))),
        ("All of it", format!("{:.2} s, {} calls", times.ended, counts.calls)),
        ("Evidence", view.files.evidence.display().to_string()),
        ("Page", view.files.page.display().to_string()),
    ];
    let why = view.evidence.error.clone().map(|error| ("Why", error));
    let mut text = output.facts(facts.into_iter().chain(why));
    let differences = view.evidence.differences.iter().map(|one| {
        let fields: Vec<_> = one.fields.iter().map(ToString::to_string).collect();
        let fields = if fields.is_empty() { "it should not be there".to_owned() } else { fields.join(", ") };
        vec![one.name.to_string(), fields]
    });
    text += &table(output, &["DIFFERENT", "IN"], differences);
    let unrestored = view.evidence.unrestored.iter().map(|one| vec![one.name.to_string(), one.reason.clone()]);
    text + &table(output, &["NOT RESTORED, OR NOT WHOLLY", "WHY"], unrestored)
}

fn table(output: Output, header: &[&str], rows: impl ExactSizeIterator<Item = Vec<String>>) -> String {
    let more = rows.len().saturating_sub(ROWS);
    if rows.len() == 0 {
        return String::new();
    }
    let mut text = format!("\n{}", output.table(header, rows.take(ROWS)));
    if more > 0 {
        text += &format!("and {more} more, in the evidence\n");
    }
    text
}

fn source(evidence: &Evidence) -> String {
    match &evidence.source {
        PlanSource::Snapshot { snapshot, target, started_at, .. } => {
            format!("snapshot {snapshot} of {target}, {started_at}")
        }
        PlanSource::Document { path, .. } => path.clone(),
    }
}

fn place(evidence: &Evidence) -> String {
    let place = &evidence.into;
    match (&place.prefix, place.kind) {
        (None, _) => "an embedded store, thrown away since".to_owned(),
        (Some(prefix), StoreKind::Embedded) => format!("{prefix} of an embedded store"),
        (Some(prefix), StoreKind::Postgres) => {
            format!("{prefix} of {}/{} in PostgreSQL", place.account, place.region)
        }
        (Some(prefix), StoreKind::Aws) => format!("{prefix} of {}/{}", place.account, place.region),
    }
}
