//! `parados demo`: the main job on a store and a repository of its own, in a folder that stays to be looked around in.
//!
//! What it backs up with is what every backup is made with; of its own it has the shop, the day's changes and the text.

mod company;
mod folder;
mod next;
mod text;

use std::path::PathBuf;
use std::sync::Arc;

use parados_backup::report::BackupReport;
use parados_backup::verdict::Verdict;
use parados_parameter::{Clock, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;

use self::company::{ChangeView, ENVIRONMENTS};
use self::next::NextStep;
use crate::cli::GlobalArgs;
use crate::config::{Config, DEFAULT_FILE, EnvironmentFlags, SelectorFlags, Settings, SnapshotFlags, StoreFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::{Progress, ProgressMode};
use crate::runtime;
use crate::wiring::{BackupOptions, BackupRun};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make; one that is there has to be empty
    #[arg(long, value_name = "DIR", default_value = "parados-demo")]
    dir: PathBuf,
}

/// What `demo` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DemoView {
    /// The folder, which stays.
    folder: PathBuf,
    /// Parameters that the store was filled with.
    parameters: usize,
    /// Versions of them.
    versions: usize,
    /// What was changed between the first two backups and the last two.
    changes: Vec<ChangeView>,
    /// The first backup of each environment, then the second of each.
    backups: Vec<BackupReport>,
    /// What to type next.
    next: Vec<NextStep>,
}

/// Runs it.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    folder::claim(&args.dir)?;
    let folder = args
        .dir
        .canonicalize()
        .map_err(|error| Failure::failed(format!("finding the folder {}: {error}", args.dir.display())))?;
    let progress = Progress::new(match global.progress {
        // A bar would be gone before it is seen.
        ProgressMode::Auto => ProgressMode::None,
        asked_for => asked_for,
    });
    let mut view = runtime::run(play(folder, &progress, Arc::new(SystemClock)))?;
    view.next = next::steps(&args.dir);
    global.stdout().result(&view, || text::text(&view, &args.dir))?;
    match view.backups.iter().find(|report| report.verdict != Verdict::Complete) {
        None => Ok(()),
        Some(report) => {
            let why = report.error.clone().unwrap_or_else(|| report.verdict.to_string());
            Err(Failure::failed(format!("the backup of {}: {why}", report.target)).hints(report.hints.clone()))
        }
    }
}

/// Makes the shop, backs it up, lets a day pass, and backs it up again.
async fn play(folder: PathBuf, progress: &Progress, clock: Arc<dyn Clock>) -> Result<DemoView> {
    let now = clock.now();
    folder::furnish(&folder, now)?;
    let filled = folder::fill(&folder, now, &mut rand::rng()).await?;
    let config = Config::read(&folder.join(DEFAULT_FILE))?;
    let mut backups = Vec::new();
    for environment in ENVIRONMENTS {
        backups.push(back_up(&config, environment, progress).await?);
    }
    let changes = company::day(&mut rand::rng())?;
    folder::change(&folder, &changes, clock).await?;
    for environment in ENVIRONMENTS {
        backups.push(back_up(&config, environment, progress).await?);
    }
    Ok(DemoView {
        folder,
        parameters: filled.parameters,
        versions: filled.versions,
        changes: changes.iter().map(ChangeView::of).collect(),
        backups,
        next: Vec::new(),
    })
}

/// Does what `parados backup --environment ENVIRONMENT` does in the folder.
async fn back_up(config: &Config, environment: &str, progress: &Progress) -> Result<BackupReport> {
    let flags = EnvironmentFlags { environment: Some(environment.parse()?), ..EnvironmentFlags::default() };
    let settings = Settings::resolve(
        Some(config),
        &Directories::of_user(),
        &StoreFlags::default(),
        &flags,
        &SelectorFlags::default(),
        &SnapshotFlags::default(),
    )?;
    let run = BackupRun::prepare(&settings, BackupOptions::default())?;
    let place = BackupRun::places(&settings)
        .first()
        .copied()
        .ok_or_else(|| Failure::failed("the configuration has no store"))?;
    run.back_up(place, &progress.observer()).await
}
