//! `parados key`: who can open snapshots.

mod change;
mod check;

use std::path::Path;

use clap::Subcommand;
use parados_backup::reseal::RecipientChange;
use parados_backup::seal::{Recipient, RecipientError};

use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, StoreFlags, TrustFlags};
use crate::error::Result;

pub(crate) use change::KeyChangeView;
pub(crate) use check::KeyCheckView;

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let somebody else open snapshots too: those that are there are sealed again, and new ones are sealed so
    Add(AddArgs),
    /// Seal snapshots again without somebody; who has the key and an old object can still open that one
    Remove(RemoveArgs),
    /// Put one key in the place of another; without keys, seal every snapshot to whom new ones are sealed to
    Rotate(RotateArgs),
    /// Say of each snapshot who can open it, and try whether this machine can
    Check(check::Args),
}

/// The arguments of `key add`.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// age1…, ssh-…, the ARN of a KMS key, or a file that holds a public key
    #[arg(value_name = "KEY", required = true, value_parser = recipient)]
    keys: Vec<Recipient>,
    #[command(flatten)]
    flags: ChangeFlags,
}

/// The arguments of `key remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// age1…, ssh-…, the ARN of a KMS key, or a file that holds a public key
    #[arg(value_name = "KEY", required = true, value_parser = recipient)]
    keys: Vec<Recipient>,
    #[command(flatten)]
    flags: ChangeFlags,
}

/// The arguments of `key rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// The key that goes
    #[arg(value_name = "OLD", requires = "new", value_parser = recipient)]
    old: Option<Recipient>,
    /// The key that comes in its place
    #[arg(value_name = "NEW", value_parser = recipient)]
    new: Option<Recipient>,
    #[command(flatten)]
    flags: ChangeFlags,
}

/// What every change takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ChangeFlags {
    /// Say what would be sealed again, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Does it, and says with what code the process ends.
pub(crate) fn run(verb: Verb, global: &GlobalArgs) -> Result<u8> {
    match verb {
        Verb::Add(args) => change::run(&args.flags, |_| Ok(RecipientChange::Add(args.keys.clone())), global),
        Verb::Remove(args) => change::run(&args.flags, |_| Ok(RecipientChange::Remove(args.keys.clone())), global),
        Verb::Rotate(RotateArgs { old: Some(old), new: Some(new), flags }) => {
            let change = RecipientChange::Replace { old, new };
            change::run(&flags, |_| Ok(change.clone()), global)
        }
        Verb::Rotate(args) => change::run(&args.flags, change::become_as_configured, global),
        Verb::Check(args) => check::run(&args, global),
    }
}

/// A recipient, or the one in a file.
fn recipient(text: &str) -> std::result::Result<Recipient, String> {
    const RULE: &str = "a key begins with age1, ssh-ed25519, ssh-rsa or arn:aws:kms:, or is a file that holds one";
    match text.parse() {
        Ok(recipient) => Ok(recipient),
        // What it is instead may be a secret.
        Err(RecipientError::UnknownKind { .. }) => match std::fs::read_to_string(Path::new(text)) {
            Ok(content) => {
                let line = content.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
                line.unwrap_or_default().parse().map_err(|error| match error {
                    RecipientError::UnknownKind { .. } => RULE.to_owned(),
                    error => error.to_string(),
                })
            }
            Err(_) => Err(RULE.to_owned()),
        },
        Err(error) => Err(error.to_string()),
    }
}
