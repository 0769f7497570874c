//! `parados show`.

use parados_backup::snapshot_reference::SnapshotReference;
use schemars::JsonSchema;
use serde::Serialize;

use super::snapshots::{self, SnapshotView};
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, StoreFlags};
use crate::error::Result;
use crate::output::printable;
use crate::runtime;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// latest, an id or its beginning, @2025-10-15, @2025-10-15T12:00Z, or a data object's key
    snapshot: SnapshotReference,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// What `show` prints. It holds no value: fingerprints tell whether two are the same.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ShowView {
    /// The snapshot.
    snapshot: SnapshotView,
    /// Its parameters, by name.
    parameters: Vec<EntryView>,
    /// What is not in it, and why.
    missing: Vec<parados_backup::report::Missing>,
}

/// A parameter of a snapshot.
#[derive(Debug, Serialize, JsonSchema)]
struct EntryView {
    /// The name.
    name: String,
    /// String, StringList or SecureString.
    #[serde(rename = "type")]
    parameter_type: String,
    /// The version.
    version: i64,
    /// When that version was put.
    last_modified_date: String,
    /// Of the value, under the repository's key.
    fingerprint: String,
}

/// Shows one, after its manifest's signature was checked.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let view = runtime::run(async {
        let repository = snapshots::open(&args.environment, &args.store, global).await?;
        let found = repository.snapshots(&snapshots::filter(&args.environment)).await?;
        let entry = args.snapshot.resolve(&found.entries)?;
        let manifest = repository.read_manifest(&entry.manifest_key).await?.manifest;
        // Where it is, and who can open it, since it was last sealed.
        let document = repository.document(&entry.summary).await?;
        let parameters = manifest.parameters.iter().map(|parameter| EntryView {
            name: parameter.name.to_string(),
            parameter_type: parameter.parameter_type.to_string(),
            version: parameter.version.get(),
            last_modified_date: parameter.last_modified_date.to_string(),
            fingerprint: parameter.fingerprint.to_string(),
        });
        Ok(ShowView {
            snapshot: SnapshotView {
                key: document.object.key,
                bytes: document.object.size,
                recipients: document.recipients,
                ..SnapshotView::of(entry)
            },
            parameters: parameters.collect(),
            missing: manifest.summary.missing,
        })
    })?;
    let output = global.stdout();
    output.result(&view, || {
        let snapshot = &view.snapshot;
        let facts = [
            ("Snapshot", snapshot.id.clone()),
            ("Environment", format!("{}/{}", snapshot.project, snapshot.environment)),
            ("From", format!("{}/{}", snapshot.account, snapshot.region)),
            ("Begun", snapshot.started_at.clone()),
            ("Verdict", snapshot.verdict.clone()),
            ("Selected", snapshot.selector.clone()),
            ("Key", snapshot.key.clone()),
            ("Recipients", snapshot.recipients.join(", ")),
            ("Signer", snapshot.signer.clone()),
        ];
        let rows = view.parameters.iter().map(|parameter| {
            vec![
                parameter.name.clone(),
                parameter.parameter_type.clone(),
                parameter.version.to_string(),
                parameter.last_modified_date.clone(),
                parameter.fingerprint.clone(),
            ]
        });
        let missing = view
            .missing
            .iter()
            .map(|missing| format!("missing: {}: {}\n", printable(missing.name.as_str()), printable(&missing.reason)));
        format!(
            "{}\n{}{}",
            output.facts(facts),
            output.table(&["NAME", "TYPE", "VERSION", "MODIFIED", "FINGERPRINT"], rows),
            missing.collect::<String>()
        )
    })
}
