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
        /// One for each that was tried, in order.
        targets: Vec<BackupReport>,
        /// Those that were left out because one before them failed.
        not_begun: Vec<Target>,
    },
}

impl BackupView {
    /// What there is to print. Its form is that of one target where there is one in all.
    pub(crate) fn of(mut targets: Vec<BackupReport>, not_begun: Vec<Target>) -> Self {
        match targets.pop_if(|_| not_begun.is_empty()) {
            Some(one) if targets.is_empty() => return Self::One(Box::new(one)),
            last => targets.extend(last),
        }
        let verdict = targets.iter().map(|report| report.verdict).max().unwrap_or(Verdict::Failed);
        Self::Several { verdict, targets, not_begun }
    }

    /// The reports.
    pub(crate) fn reports(&self) -> &[BackupReport] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several { targets, .. } => targets,
        }
    }

    /// The targets that were left out.
    pub(crate) fn not_begun(&self) -> &[Target] {
        match self {
            Self::One(_) => &[],
            Self::Several { not_begun, .. } => not_begun,
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

/// The report of a target that could not be begun.
pub(super) fn cannot_begin(place: Place<'_>, settings: &Settings, dry_run: bool, failure: &Failure) -> BackupReport {
    let repository = match &settings.repository_place {
        RepositoryPlace::At(url) => url.to_string(),
        RepositoryPlace::Folder(path) => path.display().to_string(),
        RepositoryPlace::BucketNamedBy(parameter) => format!("the bucket that {parameter} names"),
    };
    BackupReport {
        dry_run,
        error: Some(failure.message().to_owned()),
        hints: failure.steps().to_vec(),
        ..BackupReport::failed(target(place, settings), repository, SystemClock.now())
    }
}

/// What is known of a target before it is begun.
pub(super) fn target(place: Place<'_>, settings: &Settings) -> Target {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let (account, region, store) = match place {
        Place::Aws(target) => (or_unknown(&target.account), or_unknown(&target.region), StoreKind::Aws),
        Place::Embedded(_) => (or_unknown(&None), or_unknown(&None), StoreKind::Embedded),
        Place::Postgres(database) => {
            let place = database.url.place();
            (place.account().to_owned(), place.region().to_owned(), StoreKind::Postgres)
        }
    };
    Target { project: settings.project.clone(), environment: settings.environment.clone(), account, region, store }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_number_of_targets() {
        let target = || Target {
            project: "a".into(),
            environment: "dev".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            store: StoreKind::Aws,
        };
        let report = || BackupReport::failed(target(), "s3://b".into(), "2025-10-15T12:00:45Z".parse().unwrap());
        let form = |reports, not_begun| serde_json::to_value(BackupView::of(reports, not_begun)).unwrap();
        assert!(form(vec![report()], vec![]).get("targets").is_none());
        let first_failed = form(vec![report()], vec![target()]);
        assert_eq!(first_failed["targets"].as_array().unwrap().len(), 1);
        assert_eq!(first_failed["not_begun"][0]["account"], "123456789012");
        assert_eq!(first_failed["verdict"], "failed");
        assert_eq!(form(vec![report(), report()], vec![])["targets"].as_array().unwrap().len(), 2);
    }
}
