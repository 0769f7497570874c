//! `parados backup`.

mod view;

use futures::future::join_all;
use parados_backup::report::BackupReport;
use parados_backup::verdict::Verdict;

use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, SelectorFlags, Settings, SnapshotFlags, StoreFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::wiring::{BackupOptions, BackupRun, Place};
use crate::{exit_code, runtime};

pub(crate) use view::{BackupView, summary};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read and report, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Read every value, also those that did not change since the previous snapshot
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    snapshot: SnapshotFlags,
}

/// Backs up, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let config = global.configuration()?;
    let settings = Settings::resolve(
        config.as_ref(),
        &Directories::of_user()?,
        &args.store,
        &args.environment,
        &args.selector,
        &args.snapshot,
    )?;
    let run = BackupRun::prepare(&settings, BackupOptions { full: args.full, dry_run: args.dry_run })?;
    let progress = Progress::new(global.progress);
    let places = run.places();
    let reports = runtime::run(async {
        match places.as_slice() {
            [place] => Ok(vec![run.back_up(*place, &progress.observer()).await?]),
            places if settings.parallel => {
                Ok(join_all(places.iter().map(|place| one_of_several(&run, *place, &settings, &progress))).await)
            }
            places => Ok(in_order(&run, places, &settings, &progress).await),
        }
    })?;
    let left_out = places.len() - reports.len();
    let view = BackupView::of(reports);
    let output = global.stdout();
    output.result(&view, || {
        let mut text: String = view.reports().iter().map(|report| summary(output, report)).collect();
        if left_out > 0 {
            text.push_str(&format!("{left_out} further targets were not begun\n"));
        }
        text
    })?;
    if !output.is_json() {
        for report in view.reports() {
            complain(report, global);
        }
    }
    Ok(view.reports().iter().map(|report| code(report.verdict)).min_by_key(severity).unwrap_or(exit_code::FAILED))
}

/// One after the other, up to the first that fails.
async fn in_order(
    run: &BackupRun<'_>,
    places: &[Place<'_>],
    settings: &Settings,
    progress: &Progress,
) -> Vec<BackupReport> {
    let mut reports = Vec::new();
    for place in places {
        let report = one_of_several(run, *place, settings, progress).await;
        let failed = report.verdict == Verdict::Failed;
        reports.push(report);
        if failed {
            break;
        }
    }
    reports
}

/// Of several, one that cannot begin has a report too, so that it stands beside the others.
async fn one_of_several(
    run: &BackupRun<'_>,
    place: Place<'_>,
    settings: &Settings,
    progress: &Progress,
) -> BackupReport {
    match run.back_up(place, &progress.observer()).await {
        Ok(report) => report,
        Err(failure) => view::not_begun(place, settings, &failure),
    }
}

/// Says on standard error why a backup failed.
fn complain(report: &BackupReport, global: &GlobalArgs) {
    match &report.error {
        Some(error) => {
            let failure = Failure::failed(format!("{}: {error}", report.target)).hints(report.hints.iter().cloned());
            failure.print(global.output);
        }
        None => report.hints.iter().for_each(|hint| crate::output::note(&format!("hint: {hint}"))),
    }
}

/// The code for a verdict.
fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Complete => exit_code::COMPLETE,
        Verdict::Partial | Verdict::NothingMatched => exit_code::PARTIAL,
        Verdict::Failed => exit_code::FAILED,
    }
}

/// Of several codes the first of these is the process's.
fn severity(code: &u8) -> u8 {
    match *code {
        exit_code::FAILED => 0,
        exit_code::PARTIAL => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_decides() {
        let of = |verdicts: &[Verdict]| verdicts.iter().map(|verdict| code(*verdict)).min_by_key(severity);
        assert_eq!(of(&[Verdict::Complete, Verdict::Partial, Verdict::Failed]), Some(exit_code::FAILED));
        assert_eq!(of(&[Verdict::Complete, Verdict::NothingMatched]), Some(exit_code::PARTIAL));
        assert_eq!(of(&[Verdict::Complete]), Some(exit_code::COMPLETE));
    }
}
