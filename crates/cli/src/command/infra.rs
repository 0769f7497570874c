//! `parados infra`: what is declared in `infra/`, and the way from what is there to that.

mod destroy;
mod export;
mod import;
mod opened;
mod outputs;
mod preview;
mod refresh;
mod up;
mod view;

use clap::Subcommand;
pub(super) use import::ImportView;
pub(super) use opened::FOLDER;
pub(super) use outputs::OutputsView;

use crate::cli::GlobalArgs;
use crate::error::Result;

/// What `parados infra` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what `up` would do, and change nothing
    Preview(preview::Args),
    /// Make what is declared, and change what is otherwise
    Up(up::Args),
    /// Say what has drifted from the declaration, and mend it on request
    Refresh(refresh::Args),
    /// Delete what the stack made
    Destroy(destroy::Args),
    /// Print the outputs of the stack
    Outputs(outputs::Args),
    /// Print the same resources for Terraform, CloudFormation or Pulumi
    Export(export::Args),
    /// Print what is there as a declaration, for `up --adopt` to take over
    Import(import::Args),
}

/// Runs a verb, and says with what code the process ends.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Preview(args) => preview::run(args, global),
        Verb::Up(args) => up::run(args, global),
        Verb::Refresh(args) => refresh::run(args, global),
        Verb::Destroy(args) => destroy::run(args, global),
        Verb::Outputs(args) => outputs::run(args, global),
        Verb::Export(args) => export::run(args, global),
        Verb::Import(args) => import::run(args, global),
    }
}
