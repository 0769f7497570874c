//! `parados restore apply`.

use std::path::PathBuf;
use std::sync::Arc;

use parados_backup::backup::BackupContext;
use parados_backup::manifest::SnapshotId;
use parados_backup::repository::Repository;
use parados_backup::restore::{
    Action, ApplyContext, Journal, PlanSource, RestorePlan, RestoreReport, RestoreSource, RestoreVerdict, UndoContext,
    apply,
};
use parados_backup::seal::Identities;
use parados_backup::snapshot_reference::SnapshotReference;
use parados_backup::target::{StoreKind, Target};
use parados_parameter::SystemClock;

use super::opened::{OpenedInto, OpenedSource, RestoreFlags, SourceReference};
use super::{outcome, view};
use crate::cli::GlobalArgs;
use crate::command::snapshots;
use crate::config::{EnvironmentFlags, QuotaFlags, SelectorFlags, SnapshotFlags, StoreChoice, StoreFlags, TrustFlags};
use crate::confirm::confirm;
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::progress::Progress;
use crate::wiring::{TOOL, keys};
use crate::{exit_code, runtime};

/// Parameters that are written at once: enough to use the quota of puts whatever an answer takes.
const NAMES_IN_FLIGHT: usize = 4;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plan that `parados restore plan --out FILE` saved
    plan: PathBuf,
    /// Apply it only if it is the plan of this hash: the one that was approved
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
    #[command(flatten)]
    doing: DoingArgs,
}

/// How a plan is done, and with what.
#[derive(Debug, clap::Args)]
pub(super) struct DoingArgs {
    /// Do it without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// Take no snapshot of what is there before, so that it cannot be undone
    #[arg(long)]
    pub(super) no_undo: bool,
    /// The store to restore into, where it is not the environment's own: aws, embedded or embedded:DIR [default: the plan's]
    #[arg(long, value_name = "STORE")]
    pub(super) into: Option<StoreChoice>,
    #[command(flatten)]
    pub(super) environment: EnvironmentFlags,
    #[command(flatten)]
    pub(super) store: StoreFlags,
    #[command(flatten)]
    pub(super) trust: TrustFlags,
    #[command(flatten)]
    quota: QuotaFlags,
}

/// Applies a plan, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let path = args.plan.display();
    let bytes =
        std::fs::read(&args.plan).map_err(|error| Failure::usage(format!("reading the plan {path}: {error}")))?;
    let plan = RestorePlan::from_saved(&bytes).map_err(|error| {
        Failure::caused(crate::error::FailureKind::Usage, &error).while_doing(&format!("reading the plan {path}"))
    })?;
    let hash = plan.hash().to_string();
    if let Some(approved) = args.hash.as_ref().filter(|approved| **approved != hash) {
        return Err(Failure::usage(format!("the plan {path} has the hash {hash}, and not {approved}"))
            .hint("apply the file that was approved, or have this one approved"));
    }
    ask(&plan, args.doing.yes, global)?;
    let doing = Doing::new(&args.doing, global);
    let progress = Progress::new(global.progress);
    let report = runtime::run(async {
        let source = doing.source_of(&plan).await?;
        let into = doing.store_of(&plan, &source).await?;
        doing.apply(&plan, source, into, &progress).await
    });
    drop(progress);
    say(&report?, global)
}

/// Shows what will be done, and asks.
pub(super) fn ask(plan: &RestorePlan, yes: bool, global: &GlobalArgs) -> Result<()> {
    let writes = plan.changes.iter().filter(|change| change.action.writes()).count();
    if yes || writes == 0 || plan.changes.iter().any(|change| change.action == Action::Conflict) {
        return Ok(());
    }
    if !global.stdout().is_json() {
        global.stdout().text(&view::text(plan, None))?;
    }
    confirm(&format!("Apply this plan, which writes {writes} parameters?"), "nothing was changed")
}

/// Prints what became of a plan.
pub(super) fn say(report: &RestoreReport, global: &GlobalArgs) -> Result<u8> {
    let output = global.stdout();
    output.result(report, || outcome::text(output, report))?;
    if let (Some(error), false) = (&report.error, output.is_json()) {
        Failure::failed(error.clone()).hints(report.hints.iter().cloned()).print(global.output);
    }
    Ok(match report.verdict {
        RestoreVerdict::Complete => exit_code::COMPLETE,
        RestoreVerdict::Partial => exit_code::PARTIAL,
        RestoreVerdict::Failed => exit_code::FAILED,
    })
}

/// Does plans.
pub(super) struct Doing<'a> {
    pub(super) args: &'a DoingArgs,
    pub(super) global: &'a GlobalArgs,
    selector: SelectorFlags,
    snapshot: SnapshotFlags,
}

impl<'a> Doing<'a> {
    pub(super) fn new(args: &'a DoingArgs, global: &'a GlobalArgs) -> Self {
        let snapshot = SnapshotFlags {
            signing_key: args.trust.signing_key.clone(),
            quota_share: args.quota.quota_share,
            unlimited: args.quota.unlimited,
            ..SnapshotFlags::default()
        };
        Self { args, global, selector: SelectorFlags::default(), snapshot }
    }

    /// What a plan was made of: its snapshot, in the repository that is named or in the one that it was in.
    pub(super) async fn source_of(&self, plan: &RestorePlan) -> Result<OpenedSource> {
        match &plan.source {
            PlanSource::Document { path, .. } => self.source(&SourceReference::File(path.into()), None).await,
            PlanSource::Snapshot { repository, snapshot, .. } => {
                self.source(&SourceReference::Snapshot(SnapshotReference::Id(snapshot.to_string())), Some(repository))
                    .await
            }
        }
    }

    /// The source that `reference` means, in the repository that is named or in `repository`.
    pub(super) async fn source(&self, reference: &SourceReference, repository: Option<&str>) -> Result<OpenedSource> {
        let environment = self.environment(repository);
        // Snapshots for undo are of another environment than the one that is named.
        let environment = EnvironmentFlags { project: None, environment: None, ..environment };
        self.flags(&environment, None).source(reference).await
    }

    /// The store of a plan: the one that is named, or the plan's own.
    pub(super) async fn store_of(&self, plan: &RestorePlan, source: &OpenedSource) -> Result<OpenedInto> {
        let planned = match (&plan.into.kind, &plan.into.folder, &plan.into.database) {
            (StoreKind::Embedded, Some(folder), _) => format!("embedded:{folder}").parse().ok(),
            (StoreKind::Postgres, _, Some(database)) => database.parse().ok(),
            (StoreKind::Aws, ..) => Some(StoreChoice::Aws),
            _ => None,
        };
        let names_one = self.args.into.is_some() || self.args.store.store.is_some();
        let into = self.args.into.clone().or(planned.filter(|_| !names_one));
        self.flags(&self.args.environment, into.as_ref()).into_planned(&plan.into, source.of.as_ref()).await
    }

    fn environment(&self, repository: Option<&str>) -> EnvironmentFlags {
        let mut environment = self.args.environment.clone();
        environment.repository = environment.repository.or_else(|| repository.and_then(|url| url.parse().ok()));
        environment
    }

    fn flags<'f>(&'f self, environment: &'f EnvironmentFlags, into: Option<&'f StoreChoice>) -> RestoreFlags<'f> {
        RestoreFlags {
            environment,
            store: &self.args.store,
            into,
            selector: &self.selector,
            trust: &self.args.trust,
            snapshot: &self.snapshot,
            global: self.global,
        }
    }

    /// Applies a plan. It and its journal are kept, to go on with it and to undo it.
    pub(super) async fn apply(
        &self,
        plan: &RestorePlan,
        source: OpenedSource,
        into: OpenedInto,
        progress: &Progress,
    ) -> Result<RestoreReport> {
        let folder = Directories::of_user().restores()?.join(plan.id.as_str());
        keys::private_folder(&folder)?;
        let saved = folder.join(PLAN);
        if !saved.exists() {
            std::fs::write(&saved, plan.to_saved())
                .map_err(|error| Failure::failed(format!("writing {}: {error}", saved.display())))?;
        }
        let undo = match self.args.no_undo {
            true => None,
            false => Some(self.undo(plan, &source, &into).await?),
        };
        let context = ApplyContext {
            source: source.source,
            identities: source.identities,
            store: into.opened.store,
            into: into.identity,
            meter: into.opened.meter,
            fingerprints: source.fingerprints,
            clock: Arc::new(SystemClock),
            undo,
            journal: Journal::in_folder(folder),
            names_in_flight: NAMES_IN_FLIGHT,
        };
        Ok(apply(&context, plan, &progress.observer()).await)
    }

    /// What a snapshot of what is there is taken with: it goes into the repository that the restore is from.
    async fn undo(&self, plan: &RestorePlan, source: &OpenedSource, into: &OpenedInto) -> Result<UndoContext> {
        let settings = &into.settings;
        let repository: Arc<Repository> = match &source.source {
            RestoreSource::Snapshot { repository, .. } => repository.clone(),
            RestoreSource::Document { .. } | RestoreSource::Held { .. } => Arc::new(
                snapshots::open(&self.args.environment, &self.args.store, self.global).await.map_err(|failure| {
                    failure.hint("what is there before is kept in a repository; without one, --no-undo goes on")
                })?,
            ),
        };
        let recipients = keys::recipients(&settings.recipients)?;
        let target = Target {
            project: settings.project.clone(),
            environment: settings.environment.clone(),
            account: plan.into.account.clone(),
            region: plan.into.region.clone(),
            store: plan.into.kind,
        };
        Ok(UndoContext {
            backup: BackupContext {
                store: into.opened.store.clone(),
                meter: into.opened.meter.clone(),
                repository,
                signing_key: keys::signing_key(&settings.signing_key, &settings.store)?,
                sealer: keys::sealer(recipients, into.key_management.clone())?,
                identities: Identities::default(),
                clock: Arc::new(SystemClock),
                tool: TOOL.to_owned(),
            },
            target,
            id: SnapshotId::from_bytes(rand::random()),
        })
    }
}

/// The name of a plan beside its journal.
pub(super) const PLAN: &str = "plan.json";
