//! `parados copy`.

use std::sync::Arc;

use parados_backup::copy::{CopyOutcome, CopyReport, CopyRequest, copy};
use parados_backup::repository::RepositoryUrl;
use parados_backup::verdict::Verdict;

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, PlaceFlags, ReadingSettings, RepositorySettings, StoreFlags, TrustFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::wiring::{self, repository};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the copy is: s3://BUCKET[/PREFIX], gs://…, az://… or file:///DIR; begun where there is none
    #[arg(long, value_name = "URL")]
    to: RepositoryUrl,
    #[command(flatten)]
    place: PlaceFlags,
    /// Read back and compare also what was there before
    #[arg(long)]
    check: bool,
    /// Say what would be copied, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Copies, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let config = global.configuration()?;
    let reading = ReadingSettings::resolve(config.as_ref(), &Directories::of_user(), &args.environment, &args.trust)?;
    let progress = Progress::new(global.progress);
    let report = runtime::run(async {
        let source = snapshots::open(&args.environment, &args.store, global).await?;
        // Where nobody is named, what anybody signed is copied: it is the copy's readers who decide whom they trust.
        let source = Arc::new(match reading.trusted_signers.is_empty() {
            true => source,
            false => source.trusting(wiring::trust(&reading)?.signers),
        });
        if source.location() == args.to.to_string() {
            return Err(Failure::usage("--to is the repository that is copied").hint("name another bucket or folder"));
        }
        let session = match repository::needs_session(&args.to) {
            true => Some(wiring::connect(&args.place.target()).await?),
            false => None,
        };
        let settings = RepositorySettings { region: args.place.region(), s3_kms_key: args.place.to_s3_kms_key.clone() };
        let there = repository::open_copy(&source, &args.to, &settings, session.as_ref(), args.dry_run).await?;
        let request =
            CopyRequest { filter: snapshots::filter(&args.environment), check: args.check, dry_run: args.dry_run };
        Ok(copy(&source, &Arc::new(there), &request, &progress.observer()).await?)
    })?;
    let output = global.stdout();
    output.result(&report, || summary(output, &report))?;
    if !output.is_json() {
        report.hints.iter().for_each(|hint| output::note(&format!("hint: {hint}")));
    }
    Ok(match report.verdict {
        Verdict::Complete => exit_code::COMPLETE,
        Verdict::Partial | Verdict::NothingMatched => exit_code::PARTIAL,
        Verdict::Failed => exit_code::FAILED,
    })
}

fn summary(output: Output, report: &CopyReport) -> String {
    let count = |outcome| report.snapshots.iter().filter(|one| one.outcome == outcome).count().to_string();
    let mut text = String::new();
    if report.dry_run {
        text.push_str("Dry run: nothing was written. A copy would be:\n");
    }
    text.push_str(&output.facts([
        ("Verdict", report.verdict.to_string()),
        ("From", report.from.clone()),
        ("To", report.to.clone()),
        ("Copied", count(CopyOutcome::Copied)),
        ("Completed", count(CopyOutcome::Completed)),
        ("There before", count(CopyOutcome::Present)),
        ("Removed there", count(CopyOutcome::RemovedThere)),
        ("Removed here before", report.removals.to_string()),
        ("Failed", count(CopyOutcome::Failed)),
        ("Bytes", report.bytes.to_string()),
    ]));
    let rows = report.snapshots.iter().filter(|one| one.outcome != CopyOutcome::Present).map(|one| {
        vec![
            one.snapshot.clone().unwrap_or_else(|| "?".to_owned()),
            one.target.as_ref().map_or_else(|| one.manifest.clone(), ToString::to_string),
            one.outcome.to_string(),
            one.bytes.to_string(),
            one.reason.clone().unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        text.push_str(&output.table(&["SNAPSHOT", "OF", "OUTCOME", "BYTES", "WHY"], rows));
    }
    text
}
