//! `parados completions`.

use clap_complete::Shell;

use crate::cli::{self, GlobalArgs};
use crate::error::Result;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "parados", &mut script);
    global.stdout().text(&String::from_utf8_lossy(&script))
}
