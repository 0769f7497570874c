//! `parados key check`.

use std::sync::Arc;

use parados_backup::reseal::{KeyCheck, check};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, KeySettings, StoreFlags, TrustFlags};
use crate::directories::Directories;
use crate::error::Result;
use crate::output::{self, Output};
use crate::wiring::{self, keys};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// What `key check` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyCheckView {
    /// The keys at hand, by their public halves.
    identities: Vec<String>,
    /// Whom new snapshots are sealed to; empty when they are not sealed, absent where that is not known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_snapshots: Option<Vec<String>>,
    /// Each snapshot, oldest first.
    snapshots: Vec<KeyCheck>,
}

/// Tries each. One that does not open makes the code that of a partial outcome.
pub(super) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let settings = KeySettings::resolve(config.as_ref(), &directories, &args.store, &args.environment, &args.trust)?;
    // Who has no list of them may still have keys to try.
    let configured = keys::recipients(&settings.recipients).ok();
    let trust = wiring::trust(&settings.reading)?;
    let view = runtime::run(async {
        let repository = snapshots::open(&args.environment, &args.store, global).await?;
        let repository = Arc::new(match settings.reading.trusted_signers.is_empty() {
            true => repository,
            false => repository.trusting(trust.signers),
        });
        let filter = snapshots::filter(&args.environment);
        let found = repository.snapshots(&filter).await?.entries;
        let identities = keys::identities_of(&settings.reading.identities, &repository, &found).await?;
        Ok(KeyCheckView {
            identities: identities.recipients().map(ToString::to_string).collect(),
            new_snapshots: configured.as_ref().map(|keys| keys.iter().map(ToString::to_string).collect()),
            snapshots: check(&repository, &identities, &filter, configured.as_deref()).await?,
        })
    })?;
    let output = global.stdout();
    output.result(&view, || text(output, &view))?;
    let others = view.snapshots.iter().filter(|one| one.as_configured == Some(false)).count();
    if others > 0 && !output.is_json() {
        output::note(&format!(
            "hint: {others} snapshots are sealed to others than new ones are; seal them again with: parados key rotate"
        ));
    }
    Ok(match view.snapshots.iter().all(|one| one.opens) {
        true => exit_code::COMPLETE,
        false => exit_code::PARTIAL,
    })
}

fn text(output: Output, view: &KeyCheckView) -> String {
    let rows = view.snapshots.iter().map(|one| {
        let who =
            if one.recipients.is_empty() { "anybody: it is not sealed".into() } else { one.recipients.join(", ") };
        vec![
            one.snapshot.clone(),
            one.target.to_string(),
            if one.opens { "opens" } else { "does not open" }.to_owned(),
            who,
            one.reason.clone().unwrap_or_default(),
        ]
    });
    output.table(&["SNAPSHOT", "OF", "HERE", "WHO CAN", "WHY"], rows)
}
