//! `parados restore`: one verb a file.

mod opened;
mod plan;
mod view;

use clap::Subcommand;

pub(crate) use parados_backup::restore::RestorePlan;

use crate::cli::GlobalArgs;
use crate::error::Result;

/// The acts of a restore.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a restore would do, and save it to be applied
    Plan(Box<plan::Args>),
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Plan(args) => plan::run(&args, global),
    }
}
