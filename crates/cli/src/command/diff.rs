//! `parados diff`.

pub(super) mod view;

use parados_backup::compare::{Details, DiffReport, DiffRequest, DifferenceKind, diff};
use parados_backup::restore::NameMap;
use parados_parameter::Selector;

use super::side::{SideFlags, SideReference};
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, SelectorFlags, StoreFlags, TrustFlags};
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::{exit_code, output, runtime};

pub(crate) use view::DiffView;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it was: latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, a data object's key; live; or a file. Of another
    /// environment: staging:latest, staging:live
    before: SideReference,
    /// What it is, likewise
    after: SideReference,
    /// What begins with the levels of FROM in the first is looked for under TO in the second: /dev/=/staging/; the first that fits
    /// counts; can be given several times
    #[arg(long = "map", value_name = "FROM=TO")]
    maps: Vec<NameMap>,
    /// Also tell what the fields were and are, but for values; opens what is compared
    #[arg(long)]
    details: bool,
    /// As --details, and values too
    #[arg(long)]
    reveal: bool,
    /// End with code 4 when something differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    selector: SelectorFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Compares, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let details = match (args.reveal, args.details) {
        (true, _) => Details::Values,
        (false, true) => Details::Fields,
        (false, false) => Details::Names,
    };
    let request = DiffRequest { selector: by_name(&args.selector)?, maps: args.maps.clone(), details };
    let flags = SideFlags { environment: &args.environment, store: &args.store, trust: &args.trust, global };
    let progress = Progress::new(global.progress);
    let (view, report) = runtime::run(async {
        let opened = flags.open(&[&args.before, &args.after], details > Details::Names).await?;
        let [before, after] = opened.sides.as_slice() else { unreachable!("there are two references") };
        let mut report = diff(&opened.context, before, after, &request, &progress.observer()).await?;
        report.notes.splice(0..0, opened.notes);
        Ok((DiffView::of(before, after, &report), report))
    })?;
    drop(progress);
    let output = global.stdout();
    output.result(&view, || view::text(output, &report, details))?;
    if !output.is_json() {
        report.notes.iter().for_each(|note| output::note(&format!("note: {}", output::printable(note))));
        output::note(&view::summary(&report));
    }
    Ok(code(&report, args.exit_code))
}

/// The selector, which may have conditions on names only: a manifest says no more.
fn by_name(flags: &SelectorFlags) -> Result<Selector> {
    let selector = flags.selector().unwrap_or_default();
    let Selector { types, tiers, key_ids, tags, .. } = &selector;
    match types.is_empty() && tiers.is_empty() && key_ids.is_empty() && tags.is_empty() {
        true => Ok(selector),
        false => Err(Failure::usage("parameters are chosen here by their names alone")
            .hint("leave --type, --tier, --key-id and --tag out; --path, --include and the like stay")),
    }
}

/// That something could not be read is said also where nobody asks for a code.
fn code(report: &DiffReport, asked: bool) -> u8 {
    let unread = report.count(DifferenceKind::Unread);
    match (report.differences.len() > unread, unread) {
        (true, _) if asked => exit_code::DIFFERENT,
        (_, 0) => exit_code::COMPLETE,
        _ => exit_code::PARTIAL,
    }
}
