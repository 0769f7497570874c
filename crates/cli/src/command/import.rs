//! `parados import`.

mod environment;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use parados_backup::import::{
    ImportOutcome, ImportReport, ImportedDocument, OldDocument, RefusedDocument, Scan, ScanRequest, scan,
};
use parados_backup::repository::RepositoryUrl;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, RepositorySettings, SnapshotFlags, StoreFlags, TargetSettings};
use crate::error::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::wiring::{self, repository};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the documents are: a folder, or s3://BUCKET[/PREFIX], gs://…, az://…
    #[arg(value_name = "FOLDER|URL")]
    source: RepositoryUrl,
    /// The time zone of the machine that wrote them, as in Asia/Tokyo
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = time_zone)]
    time_zone: TimeZone,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
}

/// What `import` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ImportView {
    /// `complete` when every document is a snapshot now, `partial` when some are not, `failed` when none is, `nothing-matched` when
    /// there are none.
    verdict: parados_backup::verdict::Verdict,
    /// What became of the documents, by environment.
    environments: Vec<ImportReport>,
    /// Files that bear the name of a document and cannot be taken over.
    refused: Vec<RefusedDocument>,
    /// Documents that Parados wrote itself, which are left out.
    own: Vec<String>,
}

/// Imports, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let progress = Progress::new(global.progress);
    let view = runtime::run(async {
        let session = match repository::needs_session(&args.source) {
            true => Some(wiring::connect(&TargetSettings::of_flags(&args.store)).await?),
            false => None,
        };
        let settings = RepositorySettings::default();
        let source = repository::objects(&args.source, &settings, session.as_ref()).await?;
        let request = ScanRequest {
            environment: args.environment.environment.as_ref().map(ToString::to_string),
            account: args.environment.account.as_ref().map(ToString::to_string),
            region: args.store.region.as_ref().map(ToString::to_string),
            time_zone: args.time_zone.clone(),
        };
        let Scan { documents, mut refused, own } = scan(&source, &request).await?;
        let mut environments = BTreeMap::<String, Vec<OldDocument>>::new();
        for document in documents {
            environments.entry(document.environment.clone()).or_default().push(document);
        }
        let mut reports = Vec::new();
        for (name, documents) in environments {
            let keys: Vec<_> = documents.iter().map(|document| document.key.clone()).collect();
            match environment::import(args, global, &name, documents, &source, &progress.observer()).await {
                Ok(report) => reports.push(report),
                // What keeps the one environment that is meant from it keeps the command from it.
                Err(failure) if args.environment.environment.is_some() => return Err(failure),
                Err(failure) => refused.extend(keys.into_iter().map(|key| refuse(key, &failure))),
            }
        }
        Ok(ImportView::of(reports, refused, own))
    })?;
    drop(progress);
    let output = global.stdout();
    output.result(&view, || view.human(output))?;
    if !output.is_json() && view.environments.is_empty() && view.refused.is_empty() {
        output::note("hint: documents are looked for at any depth, named ssm-backup-ENVIRONMENT-20251015_120045.json");
    }
    Ok(view.exit_code())
}

fn refuse(key: String, failure: &Failure) -> RefusedDocument {
    RefusedDocument { key, reason: failure.message().to_owned() }
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "write it as UTC or Asia/Tokyo".to_owned())
}

impl ImportView {
    fn of(environments: Vec<ImportReport>, refused: Vec<RefusedDocument>, own: Vec<String>) -> Self {
        use parados_backup::verdict::Verdict;

        let outcomes = || environments.iter().flat_map(|report| &report.documents).map(|one| one.outcome);
        let failed = refused.len() + outcomes().filter(|one| *one == ImportOutcome::Failed).count();
        let done = outcomes().filter(|one| *one != ImportOutcome::Failed).count();
        let verdict = match (done, failed) {
            (0, 0) => Verdict::NothingMatched,
            (_, 0) => Verdict::Complete,
            (0, _) => Verdict::Failed,
            _ => Verdict::Partial,
        };
        Self { verdict, environments, refused, own }
    }

    fn exit_code(&self) -> u8 {
        use parados_backup::verdict::Verdict;

        match self.verdict {
            Verdict::Complete => exit_code::COMPLETE,
            Verdict::Partial | Verdict::NothingMatched => exit_code::PARTIAL,
            Verdict::Failed => exit_code::FAILED,
        }
    }

    fn human(&self, output: Output) -> String {
        let mut text = String::new();
        if self.environments.iter().any(|report| report.dry_run) {
            text.push_str("Dry run: nothing was written. An import would be:\n");
        }
        let documents = || self.environments.iter().flat_map(|report| &report.documents);
        let count = |outcome| documents().filter(|one| one.outcome == outcome).count().to_string();
        let failed = documents().filter(|one| one.outcome == ImportOutcome::Failed).count() + self.refused.len();
        let mut facts = vec![("Verdict", self.verdict.to_string())];
        if let Some(report) = self.environments.first() {
            facts.extend([("From", report.source.clone()), ("Into", report.repository.clone())]);
        }
        facts.extend([
            ("Imported", count(ImportOutcome::Imported)),
            ("Planned", count(ImportOutcome::Planned)),
            ("There before", count(ImportOutcome::Present)),
            ("Removed since", count(ImportOutcome::Removed)),
            ("Failed", failed.to_string()),
            ("Parados's own", self.own.len().to_string()),
        ]);
        text.push_str(&output.facts(facts.into_iter().filter(|(_, value)| value != "0")));
        let rows: Vec<_> = documents()
            .filter(|one| !matches!(one.outcome, ImportOutcome::Present | ImportOutcome::Removed))
            .map(row)
            .chain(self.refused.iter().map(|one| {
                let dash = || "-".to_owned();
                vec![one.key.clone(), "refused".to_owned(), dash(), dash(), dash(), one.reason.clone()]
            }))
            .collect();
        if !rows.is_empty() {
            text.push_str(&output.table(&["DOCUMENT", "OUTCOME", "BEGUN", "PARAMETERS", "SNAPSHOT", "WHY"], rows));
        }
        text
    }
}

fn row(one: &ImportedDocument) -> Vec<String> {
    vec![
        one.key.clone(),
        one.outcome.to_string(),
        one.started_at.to_string(),
        one.parameter_count.to_string(),
        one.snapshot.clone().unwrap_or_else(|| "-".to_owned()),
        one.reason.clone().unwrap_or_default(),
    ]
}
