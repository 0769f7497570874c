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
        &Directories::of_user(),
        &args.store,
        &args.environment,
        &args.selector,
        &args.snapshot,
    )?;
    let output = global.stdout();
    let options = BackupOptions { full: args.full, dry_run: args.dry_run };
    let run = match BackupRun::prepare(&settings, options) {
        Ok(run) => run,
        Err(failure) => {
            if output.is_json() {
                let places = BackupRun::places(&settings).into_iter();
                let reports =
                    places.map(|place| view::cannot_begin(place, &settings, args.dry_run, &failure)).collect();
                output.result(&BackupView::of(reports, Vec::new()), String::new)?;
            }
            return Err(failure);
        }
    };
    let progress = Progress::new(global.progress);
    let places = BackupRun::places(&settings);
    let backup = Backup { run: &run, settings: &settings, dry_run: args.dry_run, progress: &progress };
    let (reports, failure) = runtime::run(async {
        Ok(match places.as_slice() {
            [place] => match backup.begin(*place).await {
                Ok(report) => (vec![report], None),
                Err(failure) => (vec![backup.cannot_begin(*place, &failure)], Some(failure)),
            },
            places if settings.parallel => (join_all(places.iter().map(|place| backup.one(*place))).await, None),
            places => (backup.in_order(places).await, None),
        })
    })?;
    if let Some(failure) = failure {
        // Whoever reads reports finds one here too. For a person the failure says it all.
        if output.is_json() {
            output.result(&BackupView::of(reports, Vec::new()), String::new)?;
        }
        return Err(failure);
    }
    let left_out = places[reports.len()..].iter().map(|place| view::target(*place, &settings)).collect();
    let view = BackupView::of(reports, left_out);
    output.result(&view, || {
        let reports = view.reports().iter().map(|report| summary(output, report));
        let left_out = view.not_begun().iter().map(|target| format!("not begun: {target}\n"));
        reports.chain(left_out).collect()
    })?;
    if !output.is_json() {
        for report in view.reports() {
            complain(report, global);
        }
    }
    Ok(view.reports().iter().map(|report| code(report.verdict)).min_by_key(severity).unwrap_or(exit_code::FAILED))
}

/// A backup of one or several places.
#[derive(Clone, Copy)]
struct Backup<'a> {
    run: &'a BackupRun<'a>,
    settings: &'a Settings,
    dry_run: bool,
    progress: &'a Progress,
}

impl Backup<'_> {
    async fn begin(self, place: Place<'_>) -> Result<BackupReport> {
        self.run.back_up(place, &self.progress.observer()).await
    }

    /// Of several, one that cannot begin has a report too, so that it stands beside the others.
    async fn one(self, place: Place<'_>) -> BackupReport {
        match self.begin(place).await {
            Ok(report) => report,
            Err(failure) => self.cannot_begin(place, &failure),
        }
    }

    fn cannot_begin(self, place: Place<'_>, failure: &Failure) -> BackupReport {
        view::cannot_begin(place, self.settings, self.dry_run, failure)
    }

    /// One after the other, up to the first that fails.
    async fn in_order(self, places: &[Place<'_>]) -> Vec<BackupReport> {
        let mut reports = Vec::new();
        for place in places {
            reports.push(self.one(*place).await);
            if reports.last().is_some_and(|report| report.verdict == Verdict::Failed) {
                break;
            }
        }
        reports
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
