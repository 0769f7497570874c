//! What `parados backup` prints.

use parados_backup::report::BackupReport;
use parados_backup::target::{StoreKind, Target};
use parados_backup::verdict::Verdict;
use parados_parameter::{Clock as _, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{RepositoryPlace, Settings};
use crate::error::Failure;
use crate::output::Output;
use crate::wiring::Place;

/// The report of the one target, or those of several.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum BackupView {
    /// Of one target.
    One(Box<BackupReport>),
    /// Of several.
    Several {
        /// The worst of theirs.
        verdict: Verdict,
        /// One for each that was begun, in order.
        targets: Vec<BackupReport>,
    },
}

impl BackupView {
    /// What there is to print of `reports`.
    pub(crate) fn of(reports: Vec<BackupReport>) -> Self {
        match <[BackupReport; 1]>::try_from(reports) {
            Ok([one]) => Self::One(Box::new(one)),
            Err(targets) => {
                let verdict = targets.iter().map(|report| report.verdict).max().unwrap_or(Verdict::Failed);
                Self::Several { verdict, targets }
            }
        }
    }

    /// The reports.
    pub(crate) fn reports(&self) -> &[BackupReport] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several { targets, .. } => targets,
        }
    }
}

/// A report for a person.
pub(crate) fn summary(output: Output, report: &BackupReport) -> String {
    let (date, file) = report.key.as_deref().and_then(|key| key.split_once('/')).unwrap_or_default();
    let mut facts = vec![
        ("Verdict", report.verdict.to_string()),
        ("Environment", report.target.to_string()),
        ("Parameters", report.parameter_count.to_string()),
        ("Begun", report.started_at.to_string()),
        ("Repository", report.repository.clone()),
        ("Path", date.to_owned()),
        ("File", file.to_owned()),
    ];
    if let Some(snapshot) = &report.snapshot {
        facts.insert(1, ("Snapshot", snapshot.clone()));
        facts.push(("Size", format!("{} bytes ({} before sealing)", report.bytes, report.content_bytes)));
        facts.push(("Unchanged", report.reused.to_string()));
    }
    facts.push(("Calls", format!("{} ({} throttled)", report.calls, report.throttles)));
    facts.push(("Seconds", format!("{:.2}", report.seconds)));
    let mut text = String::new();
    if report.dry_run {
        text.push_str("Dry run: nothing was written. A backup would be:\n");
    }
    text.push_str(&output.facts(facts.into_iter().filter(|(_, value)| !value.is_empty())));
    if !report.missing.is_empty() {
        text.push_str("Missing:\n");
        let rows = report.missing.iter().map(|missing| {
            let what = serde_json::to_value(missing.what).ok();
            let what = what.as_ref().and_then(|what| what.as_str()).unwrap_or_default().to_owned();
            vec![missing.name.to_string(), what, missing.reason.clone()]
        });
        text.push_str(&output.table(&["NAME", "WHAT", "WHY"], rows));
    }
    text
}

/// The report of a target, of several, that could not be begun.
pub(super) fn not_begun(place: Place<'_>, settings: &Settings, failure: &Failure) -> BackupReport {
    let unknown = || "unknown".to_owned();
    let (account, region, store) = match place {
        Place::Aws(target) => (
            target.account.clone().unwrap_or_else(unknown),
            target.region.clone().unwrap_or_else(unknown),
            StoreKind::Aws,
        ),
        Place::Embedded(_) => (unknown(), unknown(), StoreKind::Embedded),
    };
    let repository = match &settings.repository_place {
        RepositoryPlace::At(url) => url.to_string(),
        RepositoryPlace::Folder(path) => path.display().to_string(),
        RepositoryPlace::BucketNamedBy(parameter) => format!("the bucket that {parameter} names"),
    };
    BackupReport {
        verdict: Verdict::Failed,
        target: Target {
            project: settings.project.clone(),
            environment: settings.environment.clone(),
            account,
            region,
            store,
        },
        snapshot: None,
        sequence: None,
        key: None,
        repository,
        parameter_count: 0,
        version_count: 0,
        reused: 0,
        missing: Vec::new(),
        calls: 0,
        calls_by_operation: Default::default(),
        throttles: 0,
        content_bytes: 0,
        bytes: 0,
        started_at: SystemClock.now(),
        seconds: 0.0,
        dry_run: false,
        error: Some(failure.message().to_owned()),
        hints: failure.steps().to_vec(),
    }
}
