//! `parados drill`.

mod clean_up;
mod evidence_files;
mod place;
mod view;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use parados_backup::drill::evidence::{DrillVerdict, Evidence, SignedEvidence};
use parados_backup::drill::{DrillContext, DrillRequest, drill};
use parados_backup::restore::{KeyMap, PlanId};
use parados_backup::signature::SigningKey;
use parados_backup::snapshot_reference::SnapshotReference;
use parados_parameter::SystemClock;

use self::place::Place;
pub(crate) use self::view::DrillView;
use super::restore::{RestoreFlags, SourceReference};
use crate::cli::GlobalArgs;
use crate::config::{
    EnvironmentFlags, ReadingSettings, SelectorFlags, SnapshotFlags, StoreChoice, StoreFlags, TrustFlags, selector_text,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::wiring::{TOOL, trust};
use crate::{exit_code, output, runtime};

/// Parameters that are written at once: as many as keep a store busy while others are on their way.
const NAMES_IN_FLIGHT: usize = 16;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, a data object's key; or a document in a file [default: latest]
    source: Option<SourceReference>,
    /// Where to restore to: embedded, a store that is thrown away; or under a scratch prefix of a real one, aws, embedded:DIR or postgres://…
    #[arg(long, value_name = "STORE", default_value = "embedded")]
    into: StoreChoice,
    /// What was encrypted under OLD is encrypted under NEW; *=NEW means every key; can be given several times
    #[arg(long = "key", value_name = "OLD=NEW")]
    keys: Vec<KeyMap>,
    /// The folder of the signed evidence [default: drills in the data folder]
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    /// Drill nothing; remove what drills left that were killed
    #[arg(long, conflicts_with_all = ["source", "keys", "evidence"])]
    clean_up: bool,
    /// Remove without asking
    #[arg(long, requires = "clean_up")]
    yes: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Drills, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let directories = Directories::of_user();
    let flags = RestoreFlags {
        environment: &args.environment,
        store: &args.store,
        into: Some(&args.into),
        selector: &args.selector,
        trust: &args.trust,
        snapshot: &SnapshotFlags::default(),
        global,
    };
    if args.clean_up {
        return clean_up::run(args, flags, &directories, global);
    }
    let config = global.configuration()?;
    let settings = ReadingSettings::resolve(config.as_ref(), &directories, &args.environment, &args.trust)?;
    let key = trust(&settings)?.signing_key.ok_or_else(|| {
        Failure::configuration("there is no key to sign the evidence with")
            .hint("make a signing key with `parados init`, or name one with --signing-key FILE")
    })?;
    let progress = Progress::new(global.progress);
    let stopped = Cell::new(false);
    let evidence = runtime::run_to_end(async |stop| {
        let stop = async {
            stop.await;
            stopped.set(true);
        };
        perform(args, flags, &directories, &key, &progress, stop).await
    })?;
    drop(progress);
    if stopped.get() {
        say_what_is_left(&evidence);
        return Err(Failure::interrupted());
    }
    let folder = args.evidence.clone().map_or_else(|| directories.drills(), Ok)?;
    let signed = SignedEvidence::sign(&evidence, &key)
        .map_err(|error| Failure::failed(format!("signing the evidence: {error}")))?;
    let view = DrillView { files: evidence_files::write(&folder, &evidence, &signed)?, evidence };
    let stdout = global.stdout();
    stdout.result(&view, || view::text(stdout, &view))?;
    say_what_is_left(&view.evidence);
    Ok(match view.evidence.verdict {
        DrillVerdict::Passed => exit_code::COMPLETE,
        DrillVerdict::Partial => exit_code::PARTIAL,
        DrillVerdict::Different => exit_code::DIFFERENT,
        DrillVerdict::Failed => exit_code::FAILED,
    })
}

async fn perform(
    args: &Args,
    flags: RestoreFlags<'_>,
    directories: &Directories,
    key: &SigningKey,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Result<Evidence> {
    let latest = SourceReference::Snapshot(SnapshotReference::Latest);
    let source = flags.source(args.source.as_ref().unwrap_or(&latest)).await?;
    for warning in &source.warnings {
        output::note(&format!("warning: {}", warning.message));
    }
    let id = PlanId::from_bytes(rand::random());
    let place = Place::open(&args.into, flags, source.of.as_ref(), &id, directories).await?;
    let selector = args.selector.selector().unwrap_or_default();
    let request = DrillRequest { selector_text: selector_text(&selector), selector, keys: args.keys.clone() };
    let context = DrillContext {
        source: source.source,
        identities: source.identities,
        store: place.store,
        meter: place.meter,
        into: place.identity,
        scratch: place.scratch,
        quotas: place.quotas,
        key_management: place.key_management,
        fingerprints: source.fingerprints,
        clock: Arc::new(SystemClock),
        names_in_flight: NAMES_IN_FLIGHT,
        tool: TOOL.to_owned(),
        signer: key.public_line(),
        id,
    };
    Ok(drill(&context, &request, &progress.observer(), stop).await)
}

fn say_what_is_left(evidence: &Evidence) {
    if !evidence.left_behind.is_empty() {
        let prefix = evidence.into.prefix.as_deref().unwrap_or_default();
        output::note(&format!(
            "warning: {} parameters are left under {prefix}; remove them with `parados drill --clean-up` and the same --into",
            evidence.left_behind.len()
        ));
    }
}
