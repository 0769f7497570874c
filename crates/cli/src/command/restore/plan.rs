//! `parados restore plan`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;
use parados_backup::restore::{
    Action, Conflict, KeyMap, NameMap, PlanContext, PlanId, RestorePlan, RestoreRequest, plan,
};
use parados_parameter::{Selector, SystemClock};

use super::opened::{OpenedInto, RestoreFlags, SourceReference};
use super::view;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, QuotaFlags, SelectorFlags, SnapshotFlags, StoreChoice, StoreFlags, TrustFlags};
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::wiring::TOOL;
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, a data object's key; or a document in a file: ./ssm-backup-….json
    source: SourceReference,
    #[command(flatten)]
    restore: RestoreArgs,
    /// Save the plan into this file, from which `parados restore apply` does it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with code 4 when something is to be done
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
    #[command(flatten)]
    quota: QuotaFlags,
}

/// What is restored, and how.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Restore")]
pub(crate) struct RestoreArgs {
    /// The store to restore into: aws, embedded, embedded:DIR or postgres://… [default: the environment's own]
    #[arg(long, value_name = "STORE")]
    into: Option<StoreChoice>,
    /// The state of this time, 2025-10-15T12:00:00Z, by the versions that the snapshot has
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// What begins with the levels of FROM begins with TO: /prod/=/dr/; the first that fits counts; can be given several times
    #[arg(long = "map", value_name = "FROM=TO")]
    maps: Vec<NameMap>,
    /// What was encrypted under OLD is encrypted under NEW; *=NEW means every key; can be given several times
    #[arg(long = "key", value_name = "OLD=NEW")]
    keys: Vec<KeyMap>,
    /// What becomes of a parameter that is there and differs
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    conflict: ConflictChoice,
    /// Delete what the store has and the snapshot has not, of what the selection means: without one, of the environment
    #[arg(long)]
    delete_extra: bool,
    /// Restore all older versions that the snapshot has, rather than those that bear a label
    #[arg(long)]
    with_history: bool,
    /// Leave labels as they are, which on AWS saves a call for each parameter that is there
    #[arg(long)]
    without_labels: bool,
    /// Leave out an expiration that is past, rather than refuse to restore the parameter
    #[arg(long)]
    drop_expired: bool,
}

/// What becomes of a parameter that is there and differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ConflictChoice {
    /// It stays as it is
    Skip,
    /// It becomes what the snapshot has
    #[default]
    Overwrite,
    /// The plan cannot be applied
    Fail,
}

impl RestoreArgs {
    /// What they ask for. Without a selection everything that the source has is meant; to delete, the environment's is.
    fn request(&self, selector: &SelectorFlags, into: &OpenedInto) -> RestoreRequest {
        let (selector, selector_text) = match selector.selector().is_some() || self.delete_extra {
            true => (into.settings.selector.clone(), into.settings.selector_text()),
            false => (Selector::default(), "everything".to_owned()),
        };
        RestoreRequest {
            selector,
            selector_text,
            names: None,
            at: self.at,
            maps: self.maps.clone(),
            keys: self.keys.clone(),
            conflict: match self.conflict {
                ConflictChoice::Skip => Conflict::Skip,
                ConflictChoice::Overwrite => Conflict::Overwrite,
                ConflictChoice::Fail => Conflict::Fail,
            },
            delete_extra: self.delete_extra,
            delete: Default::default(),
            with_history: self.with_history,
            with_labels: !self.without_labels,
            drop_expired: self.drop_expired,
        }
    }
}

/// Makes a plan, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let snapshot = SnapshotFlags {
        quota_share: args.quota.quota_share,
        unlimited: args.quota.unlimited,
        ..SnapshotFlags::default()
    };
    let flags = RestoreFlags {
        environment: &args.environment,
        store: &args.store,
        into: args.restore.into.as_ref(),
        selector: &args.selector,
        trust: &args.trust,
        snapshot: &snapshot,
        global,
    };
    let progress = Progress::new(global.progress);
    let plan = runtime::run(async {
        let source = flags.source(&args.source).await?;
        let into = flags.into(source.of.as_ref()).await?;
        let request = args.restore.request(&args.selector, &into);
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
        let mut plan = plan(&context, &request, &progress.observer()).await?;
        plan.warnings.splice(0..0, source.warnings);
        Ok(plan)
    })?;
    drop(progress);
    if let Some(path) = &args.out {
        std::fs::write(path, plan.to_saved())
            .map_err(|error| Failure::failed(format!("writing the plan to {}: {error}", path.display())))?;
    }
    let stdout = global.stdout();
    stdout.result(&plan, || view::text(&plan, args.out.as_deref()))?;
    if !stdout.is_json() && plan.changes.is_empty() {
        output::note("nothing of the source is selected; `parados show` says what a snapshot has");
    }
    Ok(code(&plan, args.exit_code))
}

/// The code that a plan ends the process with.
fn code(plan: &RestorePlan, tell_differences: bool) -> u8 {
    let any = |test: &dyn Fn(Action) -> bool| plan.changes.iter().any(|change| test(change.action));
    match () {
        () if any(&|action| action == Action::Conflict) => exit_code::FAILED,
        () if plan.changes.is_empty() => exit_code::PARTIAL,
        () if tell_differences && any(&|action| action != Action::Unchanged) => exit_code::DIFFERENT,
        () if any(&|action| action == Action::Impossible) => exit_code::PARTIAL,
        () => exit_code::COMPLETE,
    }
}
