//! `parados store audit`: what a server did, by whom.

mod export;
mod query;
mod verify;

use clap::Subcommand;
use parados_server::audit::AuditChain;

use super::place::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::exit_code;

/// What is done with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check that no entry was changed, removed, put elsewhere or cut off, and name the first one that was
    Verify(verify::Args),
    /// Show the newest entries that everything fits which is asked for
    Query(query::Args),
    /// Write entries as JSON, one a line, and say the head: keep it elsewhere, for a later check
    Export(export::Args),
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Verify(args) => verify::run(args, global),
        Verb::Query(args) => query::run(args, global).map(|()| exit_code::COMPLETE),
        Verb::Export(args) => export::run(args, global).map(|()| exit_code::COMPLETE),
    }
}

/// The audit of a store.
async fn chain(place: &PlaceArgs) -> Result<AuditChain> {
    Ok(AuditChain::open(&place.place()?.open().await?.state).await?)
}
