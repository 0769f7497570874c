//! `parados store import`.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use parados_backup::fingerprint::FingerprintKey;
use parados_backup::restore::{
    Action, ApplyContext, Conflict, Journal, PlanContext, PlanId, RestorePlan, RestoreRequest, RestoreSource,
    RestoreVerdict, apply, plan,
};
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::decorator::quota::Quotas;
use parados_parameter::{Selector, SharedStore, SystemClock};
use zeroize::Zeroizing;

use super::StoreOfFlags;
use super::place::OwnPlaceArgs;
use crate::cli::GlobalArgs;
use crate::command::restore::changes_text;
use crate::config::{EnvironmentFlags, ReadingSettings, TrustFlags};
use crate::confirm::confirm_or_signal;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::wiring::{TOOL, keys};
use crate::{exit_code, output, runtime};

/// Parameters that are written at once: they share syncs of the disk.
const NAMES_IN_FLIGHT: usize = 32;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A document: .json, .json.zst.age, or - for standard input
    document: PathBuf,
    #[command(flatten)]
    place: OwnPlaceArgs,
    #[command(flatten)]
    of: StoreOfFlags,
    /// Give parameters that are there and differ what the document has; otherwise they stay as they are
    #[arg(long)]
    overwrite: bool,
    /// Only what lies under this path; can be given several times
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// Leave out an expiration that is past, rather than refuse to import the parameter
    #[arg(long)]
    drop_expired: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
    /// A file with identities that open a sealed document; can be given several times
    #[arg(long = "identity", value_name = "FILE")]
    identities: Vec<PathBuf>,
}

/// Imports, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    if args.document.as_os_str() == "-" && !args.dry_run && !args.yes {
        return Err(Failure::usage("with a document from standard input nobody can be asked").hint("add --yes"));
    }
    let place = args.place.place()?;
    let of = args.of.of(&place);
    let environment = EnvironmentFlags { identities: args.identities.clone(), ..EnvironmentFlags::default() };
    let config = global.configuration()?;
    let settings =
        ReadingSettings::resolve(config.as_ref(), &Directories::of_user(), &environment, &TrustFlags::default())?;
    let identities = keys::identities(&settings.identities, None)?;
    let source = match args.document.as_os_str() == "-" {
        true => RestoreSource::held(standard_input()?),
        false => RestoreSource::document(&args.document)?,
    };
    let progress = Progress::new(global.progress);
    runtime::run(async {
        let parameters = place.parameters().await?;
        let meter = Arc::new(CallMeter::default());
        let store: SharedStore = Arc::new(Metered::new(parameters.store(&of), meter.clone()));
        let into = place.identity(&of);
        let fingerprints = Arc::new(FingerprintKey::from_key(Zeroizing::new(rand::random())));
        let clock = Arc::new(SystemClock);
        let context = PlanContext {
            source: source.clone(),
            identities: identities.clone(),
            store: store.clone(),
            into: into.clone(),
            quotas: Quotas::default(),
            key_management: None,
            fingerprints: fingerprints.clone(),
            clock: clock.clone(),
            tool: TOOL.to_owned(),
            id: PlanId::from_bytes(rand::random()),
        };
        let plan = plan(&context, &request(args), &progress.observer()).await?;
        if args.dry_run {
            global.stdout().result(&plan, || changes_text(&plan))?;
            return Ok(code_of(&plan));
        }
        ask(args, &plan, global).await?;
        let context = ApplyContext {
            source,
            identities,
            store,
            into,
            meter,
            fingerprints,
            clock,
            undo: None,
            journal: Journal::in_memory(),
            names_in_flight: NAMES_IN_FLIGHT,
        };
        let report = apply(&context, &plan, &progress.observer()).await;
        parameters.close().await;
        let stdout = global.stdout();
        stdout.result(&report, || {
            let done = plan.changes.iter().filter(|change| change.action.writes()).count();
            match report.verdict {
                RestoreVerdict::Complete => format!("{done} parameters were imported.\n"),
                _ => "Not all of it was imported:\n".to_owned(),
            }
        })?;
        for one in report.outcomes.iter().filter(|one| !one.outcome.is_right()) {
            let reason = one.reason.as_deref().unwrap_or_default();
            output::note(&output::printable(&format!("{}: {}: {reason}", one.name, one.outcome)));
        }
        if let Some(error) = &report.error {
            return Err(Failure::failed(error.clone()).hints(report.hints.iter().cloned()));
        }
        tell_what_stays(&plan);
        Ok(match report.verdict {
            RestoreVerdict::Complete => exit_code::COMPLETE,
            RestoreVerdict::Partial => exit_code::PARTIAL,
            RestoreVerdict::Failed => exit_code::FAILED,
        })
    })
}

fn request(args: &Args) -> RestoreRequest {
    let selector = Selector { paths: args.paths.clone(), ..Selector::default() };
    let selector_text = match args.paths.is_empty() {
        true => "everything".to_owned(),
        false => format!("path {}", args.paths.join(", ")),
    };
    RestoreRequest {
        selector,
        selector_text,
        names: None,
        at: None,
        maps: Vec::new(),
        keys: Vec::new(),
        conflict: if args.overwrite { Conflict::Overwrite } else { Conflict::Skip },
        delete_extra: false,
        delete: Default::default(),
        with_history: true,
        with_labels: true,
        drop_expired: args.drop_expired,
    }
}

/// All of standard input, in memory that is zeroed.
fn standard_input() -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("reading the document from standard input: {error}")))?;
    Ok(bytes)
}

async fn ask(args: &Args, plan: &RestorePlan, global: &GlobalArgs) -> Result<()> {
    let writes = plan.changes.iter().filter(|change| change.action.writes()).count();
    if args.yes || writes == 0 {
        return Ok(());
    }
    if !global.stdout().is_json() {
        global.stdout().text(&changes_text(plan))?;
    }
    confirm_or_signal(&format!("Import these {writes} parameters?"), "nothing was changed").await
}

fn tell_what_stays(plan: &RestorePlan) {
    let stays = plan.changes.iter().filter(|change| change.action == Action::Skip).count();
    if stays > 0 {
        output::note(&format!(
            "{stays} parameters are there and differ, and stay as they are; --overwrite changes them"
        ));
    }
}

fn code_of(plan: &RestorePlan) -> u8 {
    match plan.changes.is_empty() || plan.changes.iter().any(|change| change.action == Action::Impossible) {
        true => exit_code::PARTIAL,
        false => exit_code::COMPLETE,
    }
}
