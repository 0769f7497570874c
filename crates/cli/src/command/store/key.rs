//! `parados store key`: the principals of a server, and their access keys.

use clap::{Subcommand, ValueEnum};
use parados_parameter::{Clock as _, SystemClock};
use parados_server::policy::{full_access, read_access};
use parados_server::principal::{
    AccessKeyId, AccessTables, AccessTablesError, KeyState, NewAccessKey, Principal, PrincipalRecord,
};
use serde::Serialize;

use super::place::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::Result;
use crate::output::note;
use crate::runtime;

/// What is done with access keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make an access key for a principal, and the principal where it is new; its secret is shown once
    Create(CreateArgs),
    /// List principals and their access keys
    List(ListArgs),
    /// Make a second access key for a principal, which takes over from the first
    Rotate(RotateArgs),
    /// Revoke an access key, or all of a principal's, for good: within 5 seconds no server takes it any more
    Revoke(RevokeArgs),
    /// Delete a revoked access key, and with the last one its principal
    Delete(DeleteArgs),
}

/// Who.
#[derive(Debug, clap::Args)]
struct PrincipalFlags {
    /// The principal's name
    #[arg(value_name = "NAME")]
    name: String,
    /// Its account, of 12 digits
    #[arg(long, value_name = "ACCOUNT")]
    account: String,
}

impl PrincipalFlags {
    fn principal(&self) -> Result<Principal> {
        Ok(Principal::new(&self.account, &self.name)?)
    }
}

/// The arguments of `key create`.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    principal: PrincipalFlags,
    /// Store a policy for it, named as it is [default: full for the first principal of a store, and none for others]
    #[arg(long, value_enum)]
    grant: Option<Grant>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What a principal may do from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Grant {
    /// Everything in its account
    Full,
    /// Every read in its account
    Read,
    /// What other policies permit
    None,
}

/// The arguments of `key list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `key rotate`.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    principal: PrincipalFlags,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `key revoke`.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The access key's id
    #[arg(value_name = "KEY", required_unless_present = "principal", value_parser = AccessKeyId::new)]
    key: Option<AccessKeyId>,
    /// Instead, every access key of the principal of this name
    #[arg(long, value_name = "NAME", requires = "account", conflicts_with = "key")]
    principal: Option<String>,
    /// Its account, of 12 digits
    #[arg(long, value_name = "ACCOUNT", requires = "principal")]
    account: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The arguments of `key delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// The access key's id
    #[arg(value_name = "KEY", value_parser = AccessKeyId::new)]
    key: AccessKeyId,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What a new access key prints: the one time that its secret is shown.
#[derive(Debug, Serialize)]
struct NewKeyView<'a> {
    /// The principal's ARN.
    principal: String,
    /// The id.
    access_key_id: &'a str,
    /// The secret.
    secret_access_key: &'a str,
    /// The policy that was stored with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    /// The principal's other active keys.
    others: Vec<String>,
}

/// A principal and its keys.
#[derive(Debug, Serialize)]
struct PrincipalView {
    /// The ARN.
    principal: String,
    /// The unique id.
    user_id: String,
    /// When it was made.
    created_at: String,
    /// The keys, oldest first.
    keys: Vec<KeyView>,
}

/// An access key.
#[derive(Debug, Serialize)]
struct KeyView {
    /// The id.
    access_key_id: String,
    /// Whether it may be used.
    state: KeyState,
    /// When it was made.
    created_at: String,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    /// When it was used, to about a quarter of an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

impl From<PrincipalRecord> for PrincipalView {
    fn from(record: PrincipalRecord) -> Self {
        let key = |key: parados_server::principal::AccessKeyRecord| KeyView {
            access_key_id: key.id.to_string(),
            state: key.state,
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
        };
        Self {
            principal: record.principal.to_string(),
            user_id: record.user_id,
            created_at: record.created_at.to_string(),
            keys: record.keys.into_iter().map(key).collect(),
        }
    }
}

/// Does it.
pub(crate) fn run(verb: &Verb, global: &GlobalArgs) -> Result<()> {
    match verb {
        Verb::Create(args) => runtime::run(create(args, global)),
        Verb::List(args) => runtime::run(list(args, global)),
        Verb::Rotate(args) => runtime::run(rotate(args, global)),
        Verb::Revoke(args) => runtime::run(revoke(args)),
        Verb::Delete(args) => runtime::run(async {
            args.place.tables().await?.delete_key(&args.key).await?;
            note(&format!("{} is deleted", args.key));
            Ok(())
        }),
    }
}

async fn create(args: &CreateArgs, global: &GlobalArgs) -> Result<()> {
    let (principal, tables) = (args.principal.principal()?, args.place.tables().await?);
    let is_first = tables.principals().await?.is_empty();
    let grant = args.grant.unwrap_or(if is_first { Grant::Full } else { Grant::None });
    let key = tables.create_key(&principal, SystemClock.now()).await?;
    let policy = match grant {
        Grant::Full => Some(full_access(&principal.arn())),
        Grant::Read => Some(read_access(&principal.arn())),
        Grant::None => None,
    };
    let name = format!("{}-{}", principal.account(), principal.name());
    if let Some(text) = &policy {
        tables.set_policy(&name, text, SystemClock.now()).await?;
    }
    show_new(&key, policy.is_some().then_some(&*name), global)?;
    match grant {
        Grant::Full => note(&format!("{principal} may do everything in its account: policy {name}")),
        Grant::Read => note(&format!("{principal} may read everything in its account: policy {name}")),
        Grant::None => note(&format!("{principal} may do what policies permit: parados store policy set")),
    }
    Ok(())
}

async fn rotate(args: &RotateArgs, global: &GlobalArgs) -> Result<()> {
    let (principal, tables) = (args.principal.principal()?, args.place.tables().await?);
    if !tables.principals().await?.iter().any(|record| record.principal == principal) {
        return Err(AccessTablesError::NoPrincipal(principal).into());
    }
    let key = tables.create_key(&principal, SystemClock.now()).await?;
    show_new(&key, None, global)?;
    for other in &key.others {
        note(&format!("{other} goes on working; when nobody uses it any more: parados store key revoke {other}"));
    }
    Ok(())
}

async fn list(args: &ListArgs, global: &GlobalArgs) -> Result<()> {
    let principals = args.place.tables().await?.principals().await?;
    let principals: Vec<PrincipalView> = principals.into_iter().map(Into::into).collect();
    let output = global.stdout();
    output.result(&principals, || {
        let rows = principals.iter().flat_map(|principal| {
            principal.keys.iter().map(|key| {
                let state = if key.state == KeyState::Active { "active" } else { "revoked" };
                let used = key.last_used_at.clone().unwrap_or_else(|| "never".to_owned());
                vec![
                    principal.principal.clone(),
                    key.access_key_id.clone(),
                    state.to_owned(),
                    key.created_at.clone(),
                    used,
                ]
            })
        });
        output.table(&["PRINCIPAL", "ACCESS KEY", "STATE", "CREATED", "LAST USED"], rows)
    })
}

async fn revoke(args: &RevokeArgs) -> Result<()> {
    let tables: AccessTables = args.place.tables().await?;
    match (&args.key, &args.principal, &args.account) {
        (None, Some(name), Some(account)) => {
            let principal = Principal::new(account, name)?;
            let revoked = tables.revoke_principal(&principal, SystemClock.now()).await?;
            note(&format!(
                "{principal}: {revoked} access keys revoked; within 5 seconds no server takes them any more"
            ));
        }
        (Some(key), ..) => {
            tables.revoke_key(key, SystemClock.now()).await?;
            note(&format!("{key} is revoked; within 5 seconds no server takes it any more"));
        }
        _ => {}
    }
    Ok(())
}

/// Prints a new key. This is the one place where its secret goes out.
fn show_new(key: &NewAccessKey, policy: Option<&str>, global: &GlobalArgs) -> Result<()> {
    let view = NewKeyView {
        principal: key.principal.to_string(),
        access_key_id: key.id.as_str(),
        secret_access_key: key.secret.reveal(),
        policy,
        others: key.others.iter().map(ToString::to_string).collect(),
    };
    global.stdout().result(&view, || {
        format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n", view.access_key_id, view.secret_access_key)
    })?;
    note("the secret is shown this once");
    Ok(())
}
