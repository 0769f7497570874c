//! `parados lock`: snapshots that pruning must not remove.

use clap::Subcommand;
use parados_backup::repository::{Lock, LockDraft, Records, Repository};
use parados_backup::retention::Period;
use parados_backup::signature::SigningKey;
use parados_backup::snapshot_reference::SnapshotReference;
use parados_parameter::{Clock as _, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, ReadingSettings, StoreFlags, TrustFlags};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::Output;
use crate::{output, runtime};

/// What is done with locks.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lock a snapshot, so that it is not pruned
    Add(AddArgs),
    /// List locks
    List(ListArgs),
    /// Take the locks of a snapshot away
    Remove(RemoveArgs),
}

/// The arguments of `lock add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, or a data object's key
    snapshot: SnapshotReference,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For how long: 12h, 30d, 6w, 3mo, 1y [default: until it is taken away]
    #[arg(long = "for", value_name = "TIME")]
    period: Option<Period>,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// The arguments of `lock list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// The arguments of `lock remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The snapshot, all of whose locks go, as for show; or the key of one lock
    #[arg(value_name = "SNAPSHOT|LOCK")]
    what: String,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// What a command about locks prints: those that were made, are there, or were taken away.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LocksView {
    /// The repository.
    repository: String,
    /// The locks.
    locks: Vec<LockView>,
    /// Locks that cannot be read, by key. They hold all the same.
    damaged: Vec<DamagedLockView>,
}

/// A lock.
#[derive(Debug, Serialize, JsonSchema)]
struct LockView {
    /// Its key.
    key: String,
    /// The snapshot's id.
    snapshot: String,
    /// Why.
    reason: String,
    /// When it was made.
    created_at: String,
    /// Until when it holds; absent where it does until it is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Whether it holds now.
    holds: bool,
    /// Who signed it.
    signer: String,
}

/// A lock that cannot be read.
#[derive(Debug, Serialize, JsonSchema)]
struct DamagedLockView {
    /// Its key.
    key: String,
    /// Why.
    reason: String,
}

/// Does what is asked.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<()> {
    let (view, done) = match verb {
        Verb::Add(args) => (runtime::run(add(args, global))?, "locked"),
        Verb::List(args) => (runtime::run(list(args, global))?, ""),
        Verb::Remove(args) => (runtime::run(remove(args, global))?, "not locked any longer"),
    };
    let output = global.stdout();
    output.result(&view, || text(output, &view, done))?;
    if !output.is_json() {
        view.damaged
            .iter()
            .for_each(|one| output::note(&format!("{}: {}; it holds all the same", one.key, one.reason)));
    }
    Ok(())
}

async fn add(args: &AddArgs, global: &GlobalArgs) -> Result<LocksView> {
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let settings = ReadingSettings::resolve(config.as_ref(), &directories, &args.environment, &args.trust)?;
    let signing_key = settings.signing_key.as_deref().map(SigningKey::load).transpose()?.ok_or_else(|| {
        Failure::configuration("there is no key to sign with")
            .hint("make one with `parados init`, or name it with --signing-key")
    })?;
    let repository = snapshots::open(&args.environment, &args.store, global).await?;
    let found = repository.snapshots(&snapshots::filter(&args.environment)).await?;
    let summary = &args.snapshot.resolve(&found.entries)?.summary;
    let created_at = SystemClock.now();
    let draft = LockDraft {
        id: rand::random(),
        snapshot: summary.id,
        reason: args.reason.clone(),
        created_at,
        until: args.period.map(|period| period.after(created_at)),
    };
    let key = repository.lock(draft, &signing_key).await?;
    // Pruning writes a removal and then looks for locks; here it is the other way round. So one of the two sees the other.
    if repository.is_removed(&summary.target, summary.sequence).await? {
        return Err(Failure::failed(format!("{} is being removed; the lock may have come too late", summary.id))
            .hint("look with `parados snapshots`; what the lock found stays, and `parados copy` has it elsewhere"));
    }
    let mut locks = repository.locks().await?;
    locks.entries.retain(|(one, _)| *one == key);
    locks.damaged.clear();
    Ok(view(&repository, locks))
}

async fn list(args: &ListArgs, global: &GlobalArgs) -> Result<LocksView> {
    let repository = snapshots::open(&args.environment, &args.store, global).await?;
    let locks = repository.locks().await?;
    Ok(view(&repository, locks))
}

async fn remove(args: &RemoveArgs, global: &GlobalArgs) -> Result<LocksView> {
    let repository = snapshots::open(&args.environment, &args.store, global).await?;
    let mut locks = repository.locks().await?;
    let is_named = |key: &String| key == &args.what;
    if locks.entries.iter().any(|(key, _)| is_named(key)) || locks.damaged.iter().any(|(key, _)| is_named(key)) {
        locks.entries.retain(|(key, _)| is_named(key));
        locks.damaged.retain(|(key, _)| is_named(key));
    } else {
        let reference: SnapshotReference = args.what.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let found = repository.snapshots(&snapshots::filter(&args.environment)).await?;
        let id = reference.resolve(&found.entries)?.summary.id;
        let of_it = format!("locks/{id}.");
        locks.entries.retain(|(key, _)| key.starts_with(&of_it));
        locks.damaged.retain(|(key, _)| key.starts_with(&of_it));
        if locks.entries.is_empty() && locks.damaged.is_empty() {
            return Err(Failure::failed(format!("{id} is not locked")).hint("`parados lock list` shows what is"));
        }
    }
    for key in locks.entries.iter().map(|(key, _)| key).chain(locks.damaged.iter().map(|(key, _)| key)) {
        repository.unlock(key).await?;
    }
    Ok(view(&repository, locks))
}

fn view(repository: &Repository, locks: Records<Lock>) -> LocksView {
    let now = SystemClock.now();
    LocksView {
        repository: repository.location().to_owned(),
        locks: locks
            .entries
            .into_iter()
            .map(|(key, lock)| LockView {
                key,
                snapshot: lock.snapshot.to_string(),
                created_at: lock.created_at.to_string(),
                until: lock.until.map(|until| until.to_string()),
                holds: lock.holds_at(now),
                reason: lock.reason,
                signer: lock.signer,
            })
            .collect(),
        damaged: locks
            .damaged
            .into_iter()
            .map(|(key, error)| DamagedLockView { key, reason: error.to_string() })
            .collect(),
    }
}

fn text(output: Output, view: &LocksView, done: &str) -> String {
    let rows = view.locks.iter().map(|lock| {
        let until = lock.until.clone().unwrap_or_else(|| "for good".to_owned());
        let state = match (done, lock.holds) {
            ("", true) => "locked",
            ("", false) => "over",
            (done, _) => done,
        };
        vec![lock.snapshot.clone(), state.to_owned(), until, lock.reason.clone(), lock.key.clone()]
    });
    output.table(&["SNAPSHOT", "STATE", "UNTIL", "REASON", "LOCK"], rows)
}
