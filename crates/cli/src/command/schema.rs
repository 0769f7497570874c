//! `parados schema`.

use clap::ValueEnum;
use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::cli::GlobalArgs;
use crate::config::ConfigFile;
use crate::error::{ErrorDocument, Result};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Of what
    #[arg(value_enum)]
    of: Subject,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// `parados.yaml`
    Config,
    /// What a command that failed prints on standard error
    Error,
}

/// Prints a schema.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let generator = || SchemaSettings::draft2020_12();
    let schema: Schema = match args.of {
        Subject::Config => generator().for_deserialize().into_generator().into_root_schema_for::<ConfigFile>(),
        Subject::Error => generator().for_serialize().into_generator().into_root_schema_for::<ErrorDocument<'_>>(),
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    global.stdout().text(&format!("{text}\n"))
}
