//! `parados store`: one verb a file.

mod audit;
mod export;
mod import;
mod init;
mod key;
mod operate;
mod place;
mod policy;
mod rekey;
mod serve;
mod webhook;

use clap::Subcommand;
use parados_parameter::AccountRegion;

use self::place::Place;
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::exit_code;

pub(crate) use export::ExportView;
pub(crate) use rekey::RekeyView;

/// What is done with a store of one's own.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an empty store, before the first server or command needs it
    Init(init::Args),
    /// Serve a parameter store that any AWS client uses unchanged
    Serve(Box<serve::Args>),
    /// Make, list, rotate and revoke the access keys that clients sign with
    #[command(subcommand)]
    Key(key::Verb),
    /// Say what principals may do, in Cedar, and ask why one may or may not
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Put the parameters of a document into a store: of a snapshot, of an export, or of the old pipeline
    Import(Box<import::Args>),
    /// Write a store, or a part of it, as one document
    Export(Box<export::Args>),
    /// Give a store a new master key while it is in use
    Rekey(rekey::Args),
    /// See what was done, by whom, and check that nobody has changed that record
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Tell others what changes, signed, at least once
    #[command(subcommand)]
    Webhook(webhook::Verb),
}

/// Which of the stores in a place.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StoreOfFlags {
    /// The account and Region, of which a server's store may have several [default: those of the URL, and 000000000000/embedded]
    #[arg(long = "of", value_name = "ACCOUNT/REGION")]
    of: Option<AccountRegion>,
}

impl StoreOfFlags {
    fn of(&self, place: &Place) -> AccountRegion {
        self.of.clone().unwrap_or_else(|| place.own())
    }
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Init(args) => init::run(args, global).map(|()| exit_code::COMPLETE),
        Verb::Serve(args) => serve::run(args, global).map(|()| exit_code::COMPLETE),
        Verb::Key(verb) => key::run(verb, global).map(|()| exit_code::COMPLETE),
        Verb::Policy(verb) => policy::run(verb, global).map(|()| exit_code::COMPLETE),
        Verb::Import(args) => import::run(args, global),
        Verb::Export(args) => export::run(args, global),
        Verb::Rekey(args) => rekey::run(args, global).map(|()| exit_code::COMPLETE),
        Verb::Audit(verb) => audit::run(verb, global),
        Verb::Webhook(verb) => webhook::run(verb, global).map(|()| exit_code::COMPLETE),
    }
}
