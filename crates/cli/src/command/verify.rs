//! `parados verify`.

mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use parados_backup::repository::{Repository, SnapshotEntry};
use parados_backup::snapshot_reference::SnapshotReference;
use parados_backup::verify::{Scope, VerifyContext, VerifyReport, VerifyRequest, verify};
use parados_parameter::{Clock as _, SystemClock};

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, ReadingSettings, StoreFlags, TrustFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::{runtime, wiring};

pub(crate) use view::VerifyView;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, or a data object's key [default: latest]
    #[arg(conflicts_with = "all")]
    snapshot: Option<SnapshotReference>,
    /// Check the data objects of all snapshots
    #[arg(long)]
    all: bool,
    /// Open what is checked, and compare the content with the manifest
    #[arg(long)]
    read: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Checks, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let settings = ReadingSettings::resolve(config.as_ref(), &directories, &args.environment, &args.trust)?;
    let trust = wiring::trust(&settings)?;
    let progress = Progress::new(global.progress);
    let report = runtime::run(async {
        let objects = snapshots::objects(&args.environment, &args.store, global).await?;
        let repository = match Repository::open(objects).await {
            Ok(repository) => Arc::new(repository.trusting(trust.signers.clone())),
            Err(error) => {
                return VerifyReport::of_unopened(&error, SystemClock.now()).ok_or_else(|| Failure::from(error));
            }
        };
        let filter = snapshots::filter(&args.environment);
        let listed = repository.snapshots(&filter).await?;
        let scope = scope(args, &listed.entries)?;
        let recipients = listed.entries.iter().flat_map(|entry| &entry.summary.recipients);
        let identities = match args.read {
            true => wiring::keys::reading_identities(&settings.identities, recipients).await?,
            false => Default::default(),
        };
        let context = VerifyContext {
            repository,
            trusted: trust.signers,
            signing_key: trust.signing_key,
            identities,
            pins: wiring::pins(&directories),
            clock: Arc::new(SystemClock),
        };
        let request = VerifyRequest { filter, scope, read: args.read };
        Ok(verify(&context, &request, &progress.observer()).await?)
    })?;
    drop(progress);
    let output = global.stdout();
    let view = VerifyView::of(report);
    output.result(&view, || view::text(output, &view))?;
    Ok(view.exit_code())
}

/// The snapshots that are meant. Where there is none at all, there is nothing but chains to check.
fn scope(args: &Args, entries: &[SnapshotEntry]) -> Result<Scope> {
    let reference = match (&args.snapshot, args.all) {
        (_, true) => return Ok(Scope::All),
        (None, false) if entries.is_empty() => return Ok(Scope::All),
        (None, false) => &SnapshotReference::Latest,
        (Some(reference), false) => reference,
    };
    Ok(Scope::Manifests(BTreeSet::from([reference.resolve(entries)?.manifest_key.clone()])))
}
