//! `parados store rekey`.

use std::path::PathBuf;
use std::sync::Arc;

use parados_parameter::KeyId;
use parados_store::{MasterKeySource, RekeyStep};
use schemars::JsonSchema;
use serde::Serialize;

use super::DataFlags;
use crate::cli::GlobalArgs;
use crate::config::TargetSettings;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;
use crate::wiring::{connect, open_database};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: DataFlags,
    /// Keep the new key in this file, away from the store; it is made where it is missing [default: in the store's folder]
    #[arg(long, value_name = "FILE")]
    to_key_file: Option<PathBuf>,
    /// Keep the new key encrypted under this KMS key, and no plain one
    #[arg(long, value_name = "KEY", conflicts_with = "to_key_file")]
    to_kms_key: Option<KeyId>,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RekeyView {
    /// The store's folder.
    folder: String,
    /// Data keys that were wrapped anew by this run.
    wrapped: u64,
    /// Data keys that did not open before, and do not now.
    damaged: u64,
    /// Whether nothing that was wrapped under the old key is left in the store's files.
    nothing_is_left: bool,
}

/// Changes the master key.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let folder = args.data.folder()?;
    let view = runtime::run(async {
        let service = match &args.to_kms_key {
            Some(_) => Some(Arc::new(connect(&TargetSettings::default()).await?.key_management()) as Arc<_>),
            None => None,
        };
        let to = match (&args.to_kms_key, service.clone(), &args.to_key_file) {
            (Some(key), Some(service), _) => MasterKeySource::KeyManagement { service, key: key.clone() },
            (_, _, Some(file)) => MasterKeySource::FileAt(file.clone()),
            _ => MasterKeySource::File,
        };
        let database = open_database(&folder, service).await?;
        let report = database.rekey(&to, &mut tell).await.map_err(|error| {
            Failure::from(error).hint("the store is whole and in use; the same command goes on where this ended")
        })?;
        database.close().await;
        Ok(RekeyView {
            folder: folder.display().to_string(),
            wrapped: report.wrapped,
            damaged: report.damaged,
            nothing_is_left: report.nothing_is_left,
        })
    })?;
    global.stdout().result(&view, || {
        format!(
            "{}: {} data keys are under the new master key; the old one opens nothing.\n",
            view.folder, view.wrapped
        )
    })?;
    if view.damaged > 0 {
        note(&format!("warning: {} data keys do not open, as they did not before", view.damaged));
    }
    if !view.nothing_is_left {
        note(
            "warning: another process reads the store, so keys that were wrapped under the old master key are still in its log;\n         \
             they go when that process ends: destroy the old master key only then",
        );
    }
    Ok(())
}

fn tell(step: RekeyStep) {
    match step {
        RekeyStep::Begun { left } => {
            note(&format!("{left} data keys are to be wrapped anew; both master keys are in use"))
        }
        RekeyStep::OldKeyForgotten => note("every data key is under the new master key"),
        RekeyStep::KeyKept | RekeyStep::Wrapped { .. } | RekeyStep::KeyReplaced => {}
    }
}
