//! `parados restore`: one verb a file.

mod apply;
mod opened;
mod outcome;
mod plan;
mod undo;
mod view;

use clap::Subcommand;

pub(crate) use parados_backup::restore::{RestorePlan, RestoreReport};

pub(crate) use self::opened::{RestoreFlags, SourceReference};
pub(crate) use self::view::changes_text;

use crate::cli::GlobalArgs;
use crate::error::Result;

/// The acts of a restore.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a restore would do, and save it to be applied
    Plan(Box<plan::Args>),
    /// Do what a plan says, after a snapshot of what is there; again, it goes on where it stopped
    Apply(Box<apply::Args>),
    /// Bring back what was there before a plan was applied
    Undo(Box<undo::Args>),
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Plan(args) => plan::run(&args, global),
        Verb::Apply(args) => apply::run(&args, global),
        Verb::Undo(args) => undo::run(&args, global),
    }
}
