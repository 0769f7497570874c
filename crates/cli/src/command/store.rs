//! `parados store`: one verb a file.

mod serve;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::error::Result;

/// What is done with a store of one's own.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve a parameter store that any AWS client uses unchanged
    Serve(serve::Args),
}

/// Does it.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<()> {
    match verb {
        Verb::Serve(args) => serve::run(args, global),
    }
}
