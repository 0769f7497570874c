//! `parados snapshots`.

use parados_backup::manifest::Purpose;
use parados_backup::repository::{Objects, Repository, SnapshotEntry, SnapshotFilter, Snapshots};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, StoreFlags};
use crate::error::{Failure, Result};
use crate::wiring::Located;
use crate::{output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Also what restores were about to change, as it was before
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// What `snapshots` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SnapshotsView {
    /// The repository.
    repository: String,
    /// The snapshots, oldest first.
    snapshots: Vec<SnapshotView>,
    /// Manifests that cannot be read.
    damaged: Vec<DamagedView>,
}

/// A snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SnapshotView {
    /// Its id.
    pub(crate) id: String,
    /// Its place in its target's chain.
    pub(crate) sequence: u64,
    /// The project.
    pub(crate) project: String,
    /// The environment.
    pub(crate) environment: String,
    /// The account.
    pub(crate) account: String,
    /// The Region.
    pub(crate) region: String,
    /// What it was made for, where it is no ordinary backup: undo or import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purpose: Option<Purpose>,
    /// When it was begun.
    pub(crate) started_at: String,
    /// Complete or partial.
    pub(crate) verdict: String,
    /// Parameters in it.
    pub(crate) parameter_count: u64,
    /// What is not in it.
    pub(crate) missing_count: u64,
    /// The data object's key.
    pub(crate) key: String,
    /// The data object's size.
    pub(crate) bytes: u64,
    /// Who can open it; nobody is needed where there is none.
    pub(crate) recipients: Vec<String>,
    /// What was selected.
    pub(crate) selector: String,
    /// Who signed it.
    pub(crate) signer: String,
}

/// A manifest that cannot be read.
#[derive(Debug, Serialize, JsonSchema)]
struct DamagedView {
    /// Its key.
    key: String,
    /// Why.
    reason: String,
}

impl SnapshotView {
    /// `entry` in text.
    pub(crate) fn of(entry: &SnapshotEntry) -> Self {
        let summary = &entry.summary;
        Self {
            id: summary.id.to_string(),
            sequence: summary.sequence,
            project: summary.target.project.clone(),
            environment: summary.target.environment.clone(),
            account: summary.target.account.clone(),
            region: summary.target.region.clone(),
            purpose: summary.purpose,
            started_at: summary.started_at.to_string(),
            verdict: summary.verdict.to_string(),
            parameter_count: summary.counts.parameters,
            missing_count: summary.counts.missing,
            key: summary.document.key.clone(),
            bytes: summary.document.size,
            recipients: summary.recipients.clone(),
            selector: summary.selector.clone(),
            signer: summary.signer.clone(),
        }
    }
}

/// Lists them. Manifests that cannot be read make the command fail although the others are listed.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let (location, mut found) = runtime::run(async {
        let repository = open(&args.environment, &args.store, global).await?;
        Ok((repository.location().to_owned(), repository.snapshots(&filter(&args.environment)).await?))
    })?;
    if !args.all && args.environment.environment.is_none() {
        found.entries.retain(|entry| entry.summary.purpose.is_none_or(Purpose::is_whole));
    }
    let view = view(location, &found);
    let output = global.stdout();
    output.result(&view, || {
        let rows = view.snapshots.iter().zip(&found.entries).map(|(snapshot, entry)| {
            vec![
                snapshot.id.clone(),
                snapshot.sequence.to_string(),
                entry.summary.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                format!("{}/{}", snapshot.project, snapshot.environment),
                format!("{}/{}", snapshot.account, snapshot.region),
                snapshot.verdict.clone(),
                snapshot.parameter_count.to_string(),
                snapshot.bytes.to_string(),
            ]
        });
        output.table(&["ID", "NO", "BEGUN", "ENVIRONMENT", "FROM", "VERDICT", "PARAMETERS", "BYTES"], rows)
    })?;
    if view.snapshots.is_empty() && view.damaged.is_empty() && !output.is_json() {
        output::note(&format!("there are no snapshots in {} yet", view.repository));
    }
    match view.damaged.as_slice() {
        [] => Ok(()),
        damaged => {
            let keys: Vec<_> = damaged.iter().map(|one| format!("{}: {}", one.key, one.reason)).collect();
            Err(Failure::failed(format!("{} manifests cannot be read: {}", keys.len(), keys.join("; ")))
                .hint("restore them from an older version or a copy of the repository"))
        }
    }
}

fn view(repository: String, found: &Snapshots) -> SnapshotsView {
    SnapshotsView {
        repository,
        snapshots: found.entries.iter().map(SnapshotView::of).collect(),
        damaged: found
            .damaged
            .iter()
            .map(|(key, error)| DamagedView { key: key.clone(), reason: error.to_string() })
            .collect(),
    }
}

/// Which snapshots the flags mean.
pub(crate) fn filter(flags: &EnvironmentFlags) -> SnapshotFilter {
    SnapshotFilter {
        project: flags.project.as_ref().map(ToString::to_string),
        environment: flags.environment.as_ref().map(ToString::to_string),
        account: flags.account.as_ref().map(ToString::to_string),
        region: None,
    }
}

/// Opens the repository that the flags, or the configuration, name, to read it.
pub(crate) async fn open(
    environment: &EnvironmentFlags,
    store: &StoreFlags,
    global: &GlobalArgs,
) -> Result<Repository> {
    Located::of_flags(environment, store, global).await?.open().await
}

/// The objects of that repository, before anybody has looked whether it is one.
pub(crate) async fn objects(
    environment: &EnvironmentFlags,
    store: &StoreFlags,
    global: &GlobalArgs,
) -> Result<Objects> {
    Located::of_flags(environment, store, global).await?.objects().await
}
