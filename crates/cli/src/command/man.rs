//! `parados man`.

use std::path::PathBuf;

use crate::cli;
use crate::error::{Failure, Result};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; it is made where it is not there
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a page for each command.
pub(crate) fn run(args: &Args) -> Result<()> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(cli::definition(), &args.dir))
        .map_err(|error| Failure::failed(format!("writing man pages into {}: {error}", args.dir.display())))
}
