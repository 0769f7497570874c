//! `parados store rekey`.

use std::path::PathBuf;
use std::time::Duration;

use parados_parameter::KeyId;
use parados_store::{MasterKeySource, RekeyStep};
use schemars::JsonSchema;
use serde::Serialize;

use super::operate::short_time;
use super::place::{OwnPlaceArgs, Parameters, Place};
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;
use crate::wiring::master_key_source;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: OwnPlaceArgs,
    /// Keep the new key in this file, away from the store, and a link to it where the old one is; it is made where it is missing
    #[arg(long, value_name = "FILE")]
    to_key_file: Option<PathBuf>,
    /// Keep the new key encrypted under this KMS key, and no plain one
    #[arg(long, value_name = "KEY", conflicts_with = "to_key_file")]
    to_kms_key: Option<KeyId>,
    /// How long the servers of a PostgreSQL database are given to say whether they have the new key: each looks every 10 seconds; 0s where
    /// no server runs
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = short_time)]
    wait: Duration,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RekeyView {
    /// Where the store is.
    store: String,
    /// Data keys that were wrapped anew by this run.
    wrapped: u64,
    /// Data keys that did not open before, and do not now.
    damaged: u64,
    /// Whether nothing that was wrapped under the old key is left in the store's files.
    nothing_is_left: bool,
}

/// Changes the master key.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let place = args.place.place()?;
    let view = runtime::run(async {
        let to = match (&args.to_kms_key, &args.to_key_file) {
            (None, Some(file)) => MasterKeySource::FileAt(file.clone()),
            (key, _) => master_key_source(key.as_ref()).await?,
        };
        let parameters = place.parameters().await?;
        let report = match &parameters {
            Parameters::Sqlite(database) => database.rekey(&to, &mut tell).await,
            Parameters::Postgres(database) => database.rekey(&to, args.wait, &mut tell).await,
        };
        let report = report.map_err(|error| {
            Failure::from(error).hint("the store is whole and in use; the same command goes on where this ended")
        })?;
        parameters.close().await;
        Ok(RekeyView {
            store: place.to_string(),
            wrapped: report.wrapped,
            damaged: report.damaged,
            nothing_is_left: report.nothing_is_left,
        })
    })?;
    global.stdout().result(&view, || {
        format!("{}: {} data keys are under the new master key; the old one opens nothing.\n", view.store, view.wrapped)
    })?;
    if view.damaged > 0 {
        note(&format!("warning: {} data keys do not open, as they did not before", view.damaged));
    }
    match &place {
        Place::Database(settings) => {
            let file = settings.master_key.display();
            note(&format!(
                "on each other server, now: mv {file}.next {file}\n\
                 PostgreSQL's log and its backups from before have what was wrapped under the old master key: keep that with them, or \
                 destroy both"
            ));
        }
        Place::Folder(_) if !view.nothing_is_left => note(
            "warning: another process reads the store, so keys that were wrapped under the old master key are still in its log;\n         \
             they go when that process ends: destroy the old master key only then",
        ),
        Place::Folder(_) => {}
    }
    Ok(())
}

fn tell(step: RekeyStep) {
    match step {
        RekeyStep::Begun { left } => {
            note(&format!("{left} data keys are to be wrapped anew; both master keys are in use"))
        }
        RekeyStep::Asked { wait } => {
            note(&format!("every server is asked whether it has the new master key, for {} seconds", wait.as_secs()))
        }
        RekeyStep::OldKeyForgotten => note("every data key is under the new master key"),
        RekeyStep::KeyKept | RekeyStep::Wrapped { .. } | RekeyStep::KeyReplaced => {}
    }
}
