//! `parados store init`: an empty store, made before it is used.

use parados_parameter::KeyId;
use parados_store::{EmbeddedStore, InitOptions};
use schemars::JsonSchema;
use serde::Serialize;

use super::place::{Place, PlaceArgs};
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::runtime;
use crate::wiring::{init_database, master_key_source};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Wrap the master key under this KMS key, and keep no plain one
    #[arg(long, value_name = "KEY")]
    key_id: Option<KeyId>,
}

/// What there is now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StoreInitReport {
    /// Where the store is.
    store: String,
    /// The file of its master key.
    master_key: String,
    /// Whether it was made now; otherwise it was there and stays as it is.
    made: bool,
}

/// Makes it, where there is none.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let place = args.place.place()?;
    let report = runtime::run(async {
        match &place {
            Place::Database(database) => Ok(StoreInitReport {
                made: init_database(database, args.key_id.as_ref()).await?,
                store: database.url.to_string(),
                master_key: database.master_key.display().to_string(),
            }),
            Place::Folder(folder) => {
                let made = !EmbeddedStore::exists(folder);
                if made {
                    let master_key = master_key_source(args.key_id.as_ref()).await?;
                    EmbeddedStore::init(&InitOptions { directory: folder.clone(), master_key }).await?;
                }
                let file = if args.key_id.is_some() { "master.key.kms" } else { "master.key" };
                let master_key = folder.join(file).display().to_string();
                Ok(StoreInitReport { store: folder.display().to_string(), master_key, made })
            }
        }
    })?;
    let output = global.stdout();
    output.result(&report, || match report.made {
        true => format!(
            "made a store in {}\nKeep a copy of {} elsewhere: without it no value can be read.\n",
            report.store, report.master_key
        ),
        false => format!("there is a store in {} already; it stays as it is\n", report.store),
    })
}
