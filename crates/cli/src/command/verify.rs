//! `parados verify`.

mod live;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use parados_backup::repository::{Repository, SnapshotEntry};
use parados_backup::snapshot_reference::SnapshotReference;
use parados_backup::verify::{Scope, VerifyContext, VerifyReport, VerifyRequest, verify};
use parados_parameter::{Clock as _, SystemClock};

use super::side::SideFlags;
use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, ReadingSettings, StoreFlags, TrustFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::{runtime, wiring};

use live::Comparison;
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
    /// Compare the snapshot with the store as it is now too; end with code 4 when something differs and nothing is damaged
    #[arg(long, conflicts_with = "all")]
    live: bool,
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
    let (report, live) = runtime::run(async {
        let objects = snapshots::objects(&args.environment, &args.store, global).await?;
        let repository = match Repository::open(objects).await {
            Ok(repository) => Arc::new(repository.trusting(trust.signers.clone())),
            Err(error) => {
                let report = VerifyReport::of_unopened(&error, SystemClock.now());
                return report.map(|report| (report, None)).ok_or_else(|| Failure::from(error));
            }
        };
        let filter = snapshots::filter(&args.environment);
        let listed = repository.snapshots(&filter).await?;
        let scope = scope(args, &listed.entries)?;
        let compared = args.live.then(|| reference(args).resolve(&listed.entries)).transpose()?;
        let identities = match args.read || args.live {
            true => wiring::keys::identities_of(&settings.identities, &repository, &listed.entries).await?,
            false => Default::default(),
        };
        let context = VerifyContext {
            repository: repository.clone(),
            trusted: trust.signers,
            signing_key: trust.signing_key,
            identities: identities.clone(),
            pins: wiring::pins(&directories),
            clock: Arc::new(SystemClock),
        };
        let request = VerifyRequest { filter, scope, read: args.read };
        let mut report = verify(&context, &request, &progress.observer()).await?;
        let live = match compared {
            Some(entry) => {
                let comparison = Comparison { flags: args.flags(global), repository, entry, identities };
                comparison.beside(&mut report, context.signing_key, &progress.observer()).await?
            }
            None => None,
        };
        Ok((report, live))
    })?;
    drop(progress);
    let output = global.stdout();
    let view = VerifyView::of(report, live.as_ref().map(|live| &live.view));
    output.result(&view, || view::text(output, &view, live.as_ref()))?;
    Ok(view.exit_code())
}

impl Args {
    fn flags<'a>(&'a self, global: &'a GlobalArgs) -> SideFlags<'a> {
        SideFlags { environment: &self.environment, store: &self.store, trust: &self.trust, global }
    }
}

/// The one snapshot that is meant.
fn reference(args: &Args) -> &SnapshotReference {
    args.snapshot.as_ref().unwrap_or(&SnapshotReference::Latest)
}

/// The snapshots that are meant. Where there is none at all, there is nothing but chains to check.
fn scope(args: &Args, entries: &[SnapshotEntry]) -> Result<Scope> {
    match args.all || (args.snapshot.is_none() && entries.is_empty()) {
        true => Ok(Scope::All),
        false => Ok(Scope::Manifests(BTreeSet::from([reference(args).resolve(entries)?.manifest_key.clone()]))),
    }
}
