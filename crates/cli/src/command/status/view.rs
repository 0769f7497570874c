//! What `parados status` prints.

use jiff::{SignedDuration, Timestamp};
use parados_backup::status::{StatusReport, StatusVerdict, TargetState, TargetStatus};
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::Period;
use crate::error::Failure;
use crate::output::{Output, printable};

/// What `status` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusView {
    /// The worst of all.
    verdict: StatusOutcome,
    /// When it was looked.
    at: String,
    /// How old a newest good snapshot may be.
    pub(super) max_age_seconds: i64,
    /// The repositories that could be read.
    pub(super) repositories: Vec<StatusReport>,
    /// Those that could not, and why.
    pub(super) unread: Vec<UnreadView>,
    #[serde(skip)]
    pub(super) looked_at: Timestamp,
}

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StatusOutcome {
    /// Every target has a good snapshot that is new enough.
    Current,
    /// One has not, or something is wrong with a snapshot.
    Stale,
    /// A repository could not be read, so that nobody knows.
    Failed,
}

/// A repository that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UnreadView {
    /// The environments that have their snapshots there.
    pub(super) environments: Vec<String>,
    /// Why.
    error: String,
}

impl UnreadView {
    /// Of these environments.
    pub(super) fn of(environments: &[String], failure: &Failure) -> Self {
        Self { environments: environments.to_vec(), error: failure.message().to_owned() }
    }
}

impl StatusView {
    /// What there is to print.
    pub(super) fn of(at: Timestamp, max_age: Period, repositories: Vec<StatusReport>, unread: Vec<UnreadView>) -> Self {
        let verdict = match (unread.is_empty(), repositories.iter().map(|one| one.verdict).max()) {
            (false, _) | (true, None) => StatusOutcome::Failed,
            (true, Some(StatusVerdict::Stale)) => StatusOutcome::Stale,
            (true, Some(StatusVerdict::Current)) => StatusOutcome::Current,
        };
        let max_age_seconds = max_age.duration().as_secs();
        Self { verdict, at: at.to_string(), max_age_seconds, repositories, unread, looked_at: at }
    }

    /// How it stands.
    pub(super) fn outcome(&self) -> StatusOutcome {
        self.verdict
    }

    /// For a person: a table of the targets of each repository, and below it what is wrong.
    pub(super) fn human(&self, output: Output) -> String {
        self.repositories.iter().map(|report| self.one(output, report)).collect::<Vec<_>>().join("\n")
    }

    fn one(&self, output: Output, report: &StatusReport) -> String {
        let mut text = output.facts([("Repository", report.repository.clone())]);
        if report.targets.is_empty() {
            text.push_str("there are no snapshots in it\n");
            return text;
        }
        let header = ["ENVIRONMENT", "FROM", "STATE", "NEWEST GOOD", "AGE", "PARAMETERS", "SNAPSHOTS", "GAPS"];
        text.push_str(&output.table(&header, report.targets.iter().map(row)));
        for target in &report.targets {
            for problem in &target.problems {
                text.push_str(&format!("wrong: {}: {}\n", printable(&target.to_string()), printable(&problem.message)));
            }
            for gap in &target.gaps {
                let length = Period::from(SignedDuration::from_secs(gap.seconds));
                let (after, until) = (minute(gap.after), minute(gap.until));
                let target = printable(&target.to_string());
                text.push_str(&format!("gap: {target}: none for {length}, from {after} to {until}\n"));
            }
        }
        text
    }

    /// What to do, one line each.
    pub(super) fn hints(&self) -> Vec<String> {
        let targets = || self.repositories.iter().flat_map(|report| &report.targets);
        let any = |state| targets().any(|target| target.state == state);
        let is_wrong = |target: &TargetStatus| target.problems.iter().any(|problem| problem.kind.makes_stale());
        let mut hints = Vec::new();
        if any(TargetState::Missing) || any(TargetState::Stale) {
            hints.push("back up what is stale or missing: `parados backup --environment NAME`, and see why it was not");
        }
        if targets().any(is_wrong) {
            hints.push(
                "what is wrong in the repository does not mend itself: see what the bucket's log or an older copy says",
            );
        }
        hints.into_iter().map(ToOwned::to_owned).collect()
    }
}

fn row(target: &TargetStatus) -> Vec<String> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let newest = target.newest.as_ref();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        format!("{}/{}", target.project, target.environment),
        format!("{}/{}", known(&target.account), known(&target.region)),
        target.state.to_string(),
        or_dash(newest.map(|newest| minute(newest.started_at))),
        or_dash(newest.map(|newest| Period::from(SignedDuration::from_secs(newest.age_seconds)).to_string())),
        or_dash(newest.map(|newest| newest.parameter_count.to_string())),
        target.snapshot_count.to_string(),
        target.gaps.len().to_string(),
    ]
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}
