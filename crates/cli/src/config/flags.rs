//! What the command line says in place of `parados.yaml`, for once.

use std::path::PathBuf;

use clap::Args;
use parados_backup::repository::RepositoryUrl;
use parados_backup::retention::{Period as RetentionPeriod, RetentionPolicy};
use parados_backup::seal::{Recipient, RecipientError};
use parados_parameter::{Glob, ParameterType, Selector, Tag, Tier};

use super::TargetSettings;
use super::value::{Account, Name, Region, RoleArn, StoreChoice, TrustedSigner};

/// Which store, and how to get in.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreFlags {
    /// Where the parameters are: aws, embedded, embedded:DIR, postgres://USER@HOST/DATABASE, or postgres for the database that
    /// PARADOS_DATABASE_URL names
    #[arg(long, value_name = "STORE")]
    pub(crate) store: Option<StoreChoice>,
    /// The file of the master key of a store in PostgreSQL [default: the one that `parados init` made]
    #[arg(long, value_name = "FILE", env = "PARADOS_MASTER_KEY")]
    pub(crate) master_key: Option<PathBuf>,
    /// The AWS Region
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<Region>,
    /// The profile of the AWS configuration
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// The role to assume
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "role_arn")]
    pub(crate) external_id: Option<String>,
}

impl StoreFlags {
    /// Whether they say where in AWS.
    pub(crate) fn names_a_target(&self) -> bool {
        self.region.is_some() || self.profile.is_some() || self.role_arn.is_some()
    }
}

/// Of what, and where its snapshots are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Environment")]
pub(crate) struct EnvironmentFlags {
    /// The project [default: the file's, or without a file `default`]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<Name>,
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    pub(crate) environment: Option<Name>,
    /// Of the targets in the file only this one, by its name; can be given several times
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<Name>,
    /// The account that the credentials have to lead to
    #[arg(long, value_name = "NUMBER")]
    pub(crate) account: Option<Account>,
    /// Where snapshots are: s3://BUCKET[/PREFIX], gs://…, az://… or file:///DIR
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<RepositoryUrl>,
    /// The Region of the repository's bucket [default: the target's]
    #[arg(long, value_name = "REGION")]
    pub(crate) repository_region: Option<Region>,
    /// A file with identities that open snapshots; can be given several times
    #[arg(long = "identity", value_name = "FILE")]
    pub(crate) identities: Vec<PathBuf>,
}

/// How to get into the place that is copied to, which may be another account's.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Copy")]
pub(crate) struct PlaceFlags {
    /// The Region of the copy's bucket [default: where it is found to be]
    #[arg(long, value_name = "REGION")]
    to_region: Option<Region>,
    /// The profile of the AWS configuration that leads to it
    #[arg(long, value_name = "PROFILE")]
    to_profile: Option<String>,
    /// The role to assume for it
    #[arg(long, value_name = "ARN")]
    to_role_arn: Option<RoleArn>,
    /// The external id that the role's trust policy asks for
    #[arg(long, value_name = "ID", requires = "to_role_arn")]
    to_external_id: Option<String>,
    /// The KMS key with which S3 encrypts what is stored there, in place of AES256
    #[arg(long, value_name = "KEY")]
    pub(crate) to_s3_kms_key: Option<parados_parameter::KeyId>,
}

impl PlaceFlags {
    /// The Region, where it is given.
    pub(crate) fn region(&self) -> Option<String> {
        self.to_region.as_ref().map(ToString::to_string)
    }

    /// How to get in.
    pub(crate) fn target(&self) -> TargetSettings {
        TargetSettings {
            profile: self.to_profile.clone(),
            region: self.region(),
            role_arn: self.to_role_arn.as_ref().map(ToString::to_string),
            external_id: self.to_external_id.clone(),
            ..TargetSettings::default()
        }
    }
}

/// Whose signatures count.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustFlags {
    /// A public key (ssh-ed25519 …), or a file of them, whose signatures count, in place of the file's; this machine's own counts too;
    /// can be given several times
    #[arg(long = "trusted-signer", value_name = "KEY|FILE")]
    pub(crate) trusted_signers: Vec<TrustedSigner>,
    /// This machine's own signing key [default: the file's, or the one that `parados init` made]
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
}

/// Which parameters. Given one, the file's selector does not count.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectorFlags {
    /// The name contains this; can be given several times, as can all of these
    #[arg(long, value_name = "TEXT")]
    name_contains: Vec<String>,
    /// The name begins with this
    #[arg(long, value_name = "TEXT")]
    name_begins_with: Vec<String>,
    /// The name lies under this path
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// The type: String, StringList or SecureString
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<ParameterType>,
    /// The tier: Standard or Advanced
    #[arg(long = "tier", value_name = "TIER")]
    tiers: Vec<Tier>,
    /// The KMS key
    #[arg(long = "key-id", value_name = "KEY")]
    key_ids: Vec<parados_parameter::KeyId>,
    /// It bears this tag
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<Tag>,
    /// The name matches this glob
    #[arg(long, value_name = "GLOB")]
    include: Vec<Glob>,
    /// The name does not match this glob
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Glob>,
}

impl SelectorFlags {
    /// The selector that they make; none where none is given.
    pub(crate) fn selector(&self) -> Option<Selector> {
        let selector = Selector {
            name_contains: self.name_contains.clone(),
            name_begins_with: self.name_begins_with.clone(),
            paths: self.paths.clone(),
            types: self.types.clone(),
            tiers: self.tiers.clone(),
            key_ids: self.key_ids.clone(),
            tags: self.tags.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
        };
        (!selector.is_everything()).then_some(selector)
    }
}

/// How a snapshot is made.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Snapshot")]
pub(crate) struct SnapshotFlags {
    /// Who can open it: age1…, ssh-…, the ARN of a KMS key, or none; can be given several times
    #[arg(long = "recipient", value_name = "KEY")]
    pub(crate) recipients: Vec<RecipientFlag>,
    /// The key that the manifest is signed with
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
    /// The KMS key with which S3 encrypts what is stored, in place of AES256
    #[arg(long, value_name = "KEY")]
    pub(crate) s3_kms_key: Option<parados_parameter::KeyId>,
    /// The share of the account's quota to take, more than 0 and at most 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) quota_share: Option<f64>,
    /// Do not hold calls back at all
    #[arg(long, conflicts_with = "quota_share")]
    pub(crate) unlimited: bool,
    /// Back up all versions of each parameter
    #[arg(long)]
    pub(crate) with_history: bool,
    /// Leave labels out, which on AWS cost a call for each parameter that is read
    #[arg(long)]
    pub(crate) no_labels: bool,
    /// Back all targets up at once
    #[arg(long)]
    pub(crate) parallel: bool,
}

/// How much of an account's quota a restore takes.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Quota")]
pub(crate) struct QuotaFlags {
    /// The share of the account's quota to take, more than 0 and at most 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) quota_share: Option<f64>,
    /// Do not hold calls back at all
    #[arg(long, conflicts_with = "quota_share")]
    pub(crate) unlimited: bool,
}

/// The one store that is meant: what the flags say of it, or the file.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OneStoreFlags {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// The environment of the file whose store it is [default: what stands at the top of the file]
    #[arg(long, short, value_name = "NAME", help_heading = "Store")]
    pub(crate) environment: Option<Name>,
    /// Of several targets in the file this one, by its name
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    pub(crate) target: Option<Name>,
}

/// What is kept. Given one of these, the file's `keep` does not count but for its grace time.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Keep")]
pub(crate) struct KeepFlags {
    /// Keep this many of the newest of each target
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_last: u32,
    /// Keep the newest of each of this many hours that have one
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_hourly: u32,
    /// Of each of this many days
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_daily: u32,
    /// Of each of this many weeks
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_weekly: u32,
    /// Of each of this many months
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_monthly: u32,
    /// Of each of this many years
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    keep_yearly: u32,
    /// Keep all that are at most this much older than the newest: 12h, 30d, 6w, 3mo, 1y
    #[arg(long, value_name = "TIME")]
    keep_within: Option<RetentionPeriod>,
    /// How long what is not kept stays marked before it is removed [default: the file's, or 7d]
    #[arg(long, value_name = "TIME")]
    pub(crate) grace: Option<RetentionPeriod>,
}

impl KeepFlags {
    /// The policy that they make; none where none is given.
    pub(crate) fn policy(&self) -> Option<RetentionPolicy> {
        let policy = RetentionPolicy {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            within: self.keep_within,
        };
        (!policy.is_empty()).then_some(policy)
    }
}

/// A `--recipient`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecipientFlag {
    /// Nobody: the snapshot is not sealed.
    None,
    /// Somebody.
    Key(Recipient),
}

impl std::str::FromStr for RecipientFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            key => key.parse().map(Self::Key).map_err(|error| match error {
                // What it is instead may be a secret.
                RecipientError::UnknownKind { .. } => {
                    "a recipient begins with age1, ssh-ed25519, ssh-rsa or arn:aws:kms:, or is none".to_owned()
                }
                other => other.to_string(),
            }),
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("write more than 0 and at most 1, as 0.5".to_owned()),
    }
}
