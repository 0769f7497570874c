//! `parados restore undo`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parados_backup::restore::journal::JournalState;
use parados_backup::restore::{Journal, PlanContext, PlanId, PlanSource, RestorePlan, Undo, plan};
use parados_backup::snapshot_reference::SnapshotReference;
use parados_parameter::SystemClock;

use super::apply::{Doing, DoingArgs, PLAN, ask, say};
use super::opened::SourceReference;
use crate::cli::GlobalArgs;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::runtime;
use crate::wiring::TOOL;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The id of the plan to undo [default: the one that was applied last on this machine]
    plan: Option<String>,
    #[command(flatten)]
    doing: DoingArgs,
}

/// Undoes a plan by another one, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let restores = Directories::of_user().restores()?;
    let (undone, journal) = applied(&restores, args.plan.as_deref())?;
    let undo = Undo::of(&undone, &journal);
    let doing = Doing::new(&args.doing, global);
    let progress = Progress::new(global.progress);
    // Opened for the plan, and again to do it: what is connected belongs to the runtime that it was opened in.
    let open = async || {
        let source = match (&undo.snapshot, &undone.source) {
            (None, _) => doing.source_of(&undone).await?,
            (Some(id), source) => {
                let repository = match source {
                    PlanSource::Snapshot { repository, .. } => Some(repository.as_str()),
                    PlanSource::Document { .. } => None,
                };
                doing.source(&SourceReference::Snapshot(SnapshotReference::Id(id.clone())), repository).await?
            }
        };
        let into = doing.store_of(&undone, &source).await?;
        Ok::<_, Failure>((source, into))
    };
    let plan = runtime::run(async {
        let (source, into) = open().await?;
        let context = PlanContext {
            source: source.source,
            identities: source.identities,
            store: into.opened.store,
            into: into.identity,
            quotas: into.quotas,
            key_management: into.key_management,
            fingerprints: source.fingerprints,
            clock: Arc::new(SystemClock),
            tool: TOOL.to_owned(),
            id: PlanId::from_bytes(rand::random()),
        };
        Ok(plan(&context, &undo.request, &progress.observer()).await?)
    })?;
    drop(progress);
    ask(&plan, args.doing.yes, global)?;
    let progress = Progress::new(global.progress);
    let report = runtime::run(async {
        let (source, into) = open().await?;
        doing.apply(&plan, source, into, &progress).await
    });
    drop(progress);
    say(&report?, global)
}

/// The plan of this id, or the one that was applied last, with its journal.
fn applied(restores: &Path, id: Option<&str>) -> Result<(RestorePlan, JournalState)> {
    let folder = match id {
        Some(id) => restores.join(id),
        None => newest(restores)
            .ok_or_else(|| Failure::failed("no plan was applied on this machine").hint("name one by its id"))?,
    };
    let unknown = || {
        Failure::usage(format!("no plan {} was applied on this machine", id.unwrap_or_default()))
            .hint(format!("those that were are in {}", restores.display()))
    };
    let is_id = |id: &str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if id.is_some_and(|id| !is_id(id)) {
        return Err(unknown());
    }
    let bytes = std::fs::read(folder.join(PLAN)).map_err(|_| unknown())?;
    let failed = |error: &dyn std::error::Error| Failure::caused(crate::error::FailureKind::Failed, error);
    let plan = RestorePlan::from_saved(&bytes).map_err(|error| failed(&error))?;
    let journal = Journal::read(&folder).map_err(|error| failed(&error))?.ok_or_else(unknown)?;
    Ok((plan, journal))
}

/// The folder whose journal was written last.
fn newest(restores: &Path) -> Option<PathBuf> {
    let written =
        |folder: &Path| -> Option<SystemTime> { folder.join("journal.ndjson").metadata().ok()?.modified().ok() };
    let folders = std::fs::read_dir(restores).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter_map(|folder| Some((written(&folder)?, folder))).max().map(|(_, folder)| folder)
}
