//! The commands: each file holds the arguments of one and what it does with them.

mod backup;
mod completions;
mod copy;
mod demo;
mod diff;
mod doctor;
mod drill;
mod import;
mod infra;
mod init;
mod key;
mod lock;
mod log;
mod man;
mod parameter;
mod prune;
mod reference;
mod restore;
mod schema;
mod search;
mod show;
mod side;
mod snapshots;
mod status;
mod store;
mod verify;

use clap::Subcommand;

use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::exit_code;

/// What `parados` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make what is missing: an embedded store, keys and a local repository; or the files of a project on AWS
    Init(init::Args),
    /// Declare what backups need (buckets, keys, roles, parameters), make it, and keep it so
    #[command(subcommand)]
    Infra(Box<infra::Verb>),
    /// Back up the parameters of an environment
    Backup(Box<backup::Args>),
    /// List snapshots
    Snapshots(snapshots::Args),
    /// Show a snapshot: its parameters, and no value
    Show(show::Args),
    /// Say who can open snapshots, and seal them again when that changes
    #[command(subcommand)]
    Key(Box<key::Verb>),
    /// Say what differs between two snapshots, a snapshot and the store as it is now, or files of the old pipeline
    Diff(Box<diff::Args>),
    /// Tell the life of a parameter across snapshots: when, which version, by whom, what changed, deletions included
    Log(Box<log::Args>),
    /// Find parameters in snapshots by their names, or where else a value is used
    Search(Box<search::Args>),
    /// Copy a repository to a second one, in another account, Region or cloud, and read back what was written
    Copy(Box<copy::Args>),
    /// Check signatures, chains and digests, and with --read what is inside
    Verify(Box<verify::Args>),
    /// Take over the documents that the pipeline before Parados wrote, as snapshots of their time
    Import(Box<import::Args>),
    /// Mark the snapshots that are not kept any longer, and remove those whose grace time is over
    Prune(Box<prune::Args>),
    /// Lock snapshots, so that they are not pruned
    #[command(subcommand)]
    Lock(Box<lock::Verb>),
    /// How it stands: the newest good snapshot of each target, its age, and what is missing
    Status(Box<status::Args>),
    /// Plan what a restore would do, do it, and undo it
    #[command(subcommand)]
    Restore(restore::Verb),
    /// Restore into a place made for it, compare everything, and leave signed evidence
    Drill(Box<drill::Args>),
    /// Try everything that a backup needs, and say of each whether it is right or what to do
    Doctor(Box<doctor::Args>),
    /// See it work: a store, backups of it, a change and a second backup, in a folder to look around in
    Demo(demo::Args),
    /// Fill, read and annotate a store, parameter by parameter
    #[command(subcommand)]
    Parameter(parameter::Verb),
    /// Run a parameter store of one's own
    #[command(subcommand)]
    Store(Box<store::Verb>),
    /// Print the completion script of a shell
    Completions(completions::Args),
    /// Write the man pages into a folder
    Man(man::Args),
    /// Print a JSON Schema: of the configuration, or of what a command prints with --output json
    Schema(schema::Args),
    /// Print this reference as Markdown
    #[command(hide = true)]
    Reference,
}

/// Runs a command, and says with what code the process ends.
pub(crate) fn run(command: Command, global: &GlobalArgs) -> Result<u8> {
    let done = |outcome: Result<()>| outcome.map(|()| exit_code::COMPLETE);
    match command {
        Command::Init(args) => done(init::run(&args, global)),
        Command::Infra(verb) => infra::run(&verb, global),
        Command::Backup(args) => backup::run(&args, global),
        Command::Snapshots(args) => done(snapshots::run(&args, global)),
        Command::Show(args) => done(show::run(&args, global)),
        Command::Key(verb) => key::run(*verb, global),
        Command::Diff(args) => diff::run(&args, global),
        Command::Log(args) => log::run(&args, global),
        Command::Search(args) => search::run(&args, global),
        Command::Copy(args) => copy::run(&args, global),
        Command::Verify(args) => verify::run(&args, global),
        Command::Import(args) => import::run(&args, global),
        Command::Prune(args) => prune::run(&args, global),
        Command::Lock(verb) => done(lock::run(&verb, global)),
        Command::Status(args) => status::run(&args, global),
        Command::Restore(verb) => restore::run(verb, global),
        Command::Drill(args) => drill::run(&args, global),
        Command::Doctor(args) => doctor::run(&args, global),
        Command::Demo(args) => done(demo::run(&args, global)),
        Command::Parameter(verb) => parameter::run(verb, global),
        Command::Store(verb) => store::run(&verb, global),
        Command::Completions(args) => done(completions::run(&args, global)),
        Command::Man(args) => done(man::run(&args)),
        Command::Schema(args) => done(schema::run(&args, global)),
        Command::Reference => done(reference::run(global)),
    }
}
