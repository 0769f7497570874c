//! The words of `parados.yaml`. The doc comments are the descriptions of its JSON Schema.

use std::collections::BTreeMap;

use parados_backup::repository::RepositoryUrl;
use parados_backup::retention::Period;
use parados_backup::seal::Recipient;
use parados_parameter::{Glob, KeyId, ParameterType, Tag, Tier};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::value::{Account, Name, Parsed, Region, RoleArn, StoreChoice, TrustedSigner};

/// A mapping that takes settings of its own and those that stand at the top as a default and in an environment as an exception
/// to it.
macro_rules! with_settings {
    ($(#[$meta:meta])* pub(crate) struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($own)*
            /// Where the parameters are: `aws`, `embedded`, `embedded:DIR`, `postgres://USER@HOST/DATABASE` without a password, or
            /// `postgres` for the database that the variable PARADOS_DATABASE_URL names. By default `aws`.
            #[schemars(example = &"aws")]
            pub(crate) store: Option<Parsed<StoreChoice>>,
            /// The file of the master key of a store in PostgreSQL. By default the one that `parados init` makes. `~/` is the home
            /// folder; what is relative is relative to this file.
            pub(crate) master_key: Option<String>,
            /// What is backed up, each with a chain of snapshots of its own. By default the one place that the credentials at hand
            /// lead to.
            #[schemars(with = "Option<Vec<TargetSection>>")]
            pub(crate) targets: Option<Spanned<Vec<TargetSection>>>,
            /// Where snapshots go: `s3://BUCKET[/PREFIX]`, `gs://…`, `az://…` or `file:///DIR`. By default the S3 bucket whose name
            /// the store holds under `/PROJECT/ENVIRONMENT/backup/s3-bucket-name`.
            #[schemars(example = &"s3://example-ssm-backup/parados")]
            pub(crate) repository: Option<Parsed<RepositoryUrl>>,
            /// The Region of the repository's bucket. By default that of the target.
            pub(crate) repository_region: Option<Parsed<Region>>,
            /// How S3 encrypts what is stored there.
            #[schemars(with = "Option<EncryptionSection>")]
            pub(crate) encryption: Option<Spanned<EncryptionSection>>,
            /// Who can open a snapshot: age (`age1…`) and OpenSSH (`ssh-ed25519 …`, `ssh-rsa …`) public keys and ARNs of KMS keys.
            /// An empty list leaves snapshots unsealed.
            pub(crate) recipients: Option<Vec<Parsed<Recipient>>>,
            /// Files with the age identities or OpenSSH private keys that open snapshots, for what has to read them. `~/` is the home
            /// folder; what is relative is relative to this file.
            pub(crate) identities: Option<Vec<String>>,
            /// The OpenSSH ed25519 private key that manifests are signed with. Made where the default one is not there.
            pub(crate) signing_key: Option<String>,
            /// Whose signatures count when snapshots are checked: OpenSSH ed25519 public keys (`ssh-ed25519 AAAA…`), or files of them, one
            /// a line. This machine's own signing key counts too. Where neither names anybody, every signer is accepted.
            pub(crate) trusted_signers: Option<Vec<Parsed<TrustedSigner>>>,
            /// What `parados prune` keeps. A snapshot that none of these keeps is marked, and removed by a later run when its grace
            /// time is over.
            #[schemars(with = "Option<KeepSection>")]
            pub(crate) keep: Option<Spanned<KeepSection>>,
            /// How much of the account's quota a backup takes.
            #[schemars(with = "Option<QuotaSection>")]
            pub(crate) quota: Option<Spanned<QuotaSection>>,
            /// Whether all versions of each parameter are backed up, and not only the newest.
            pub(crate) history: Option<bool>,
            /// Whether labels are backed up, and with them the older versions that bear one. By default they are; on AWS this costs
            /// a call for each parameter that is read, of a quota that AWS does not document.
            pub(crate) labels: Option<bool>,
            /// Whether targets are backed up all at once, and not in order up to the first failure.
            pub(crate) parallel: Option<bool>,
        }
    };
}

with_settings! {
    /// The configuration of Parados.
    pub(crate) struct ConfigFile {
        /// The version of this format: 1.
        #[schemars(with = "u32", range(min = 1, max = 1))]
        pub(crate) version: Spanned<u32>,
        /// The project that is backed up; it stands in the names of what is stored.
        pub(crate) project: Parsed<Name>,
        /// The environments, by name.
        #[schemars(with = "BTreeMap<String, Option<EnvironmentSection>>")]
        pub(crate) environments: Spanned<BTreeMap<String, Option<EnvironmentSection>>>,
    }
}

with_settings! {
    /// An environment: what of it is selected, and what differs from the defaults.
    pub(crate) struct EnvironmentSection {
        /// Which parameters belong to it. By default those whose name contains `/ENVIRONMENT/`.
        pub(crate) selector: Option<SelectorSection>,
    }
}

/// A choice of parameters. All of the keys given have to hold; of the values of one key any does, except of `tags`, where all do.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SelectorSection {
    /// Texts, one of which the name contains.
    pub(crate) name_contains: Vec<String>,
    /// Texts, with one of which the name begins.
    pub(crate) name_begins_with: Vec<String>,
    /// Paths, under one of which the name lies.
    pub(crate) paths: Vec<String>,
    /// `String`, `StringList`, `SecureString`.
    pub(crate) types: Vec<Parsed<ParameterType>>,
    /// `Standard`, `Advanced`.
    pub(crate) tiers: Vec<Parsed<Tier>>,
    /// KMS keys, under one of which the value is encrypted.
    pub(crate) keys: Vec<Parsed<KeyId>>,
    /// `KEY=VALUE`, all of which it bears.
    pub(crate) tags: Vec<Parsed<Tag>>,
    /// Globs, one of which the name matches: `*` within a level, `**` across levels.
    pub(crate) include: Vec<Parsed<Glob>>,
    /// Globs, none of which the name matches.
    pub(crate) exclude: Vec<Parsed<Glob>>,
}

/// An account and Region, and how to get in.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TargetSection {
    /// What it is called, for `--target`.
    pub(crate) name: Option<Parsed<Name>>,
    /// The account's number. Where it is given, a backup that finds itself in another account stops.
    #[schemars(extend("type" = ["string", "integer", "null"]))]
    pub(crate) account: Option<Parsed<Account>>,
    /// The Region. By default that of the profile or of AWS_REGION.
    pub(crate) region: Option<Parsed<Region>>,
    /// The role to assume.
    pub(crate) role_arn: Option<Parsed<RoleArn>>,
    /// The external id that the role's trust policy asks for.
    pub(crate) external_id: Option<String>,
    /// The profile of the AWS configuration.
    pub(crate) profile: Option<String>,
}

/// Which snapshots of a target are kept. One is kept when any of these keeps it. The newest and the last good one always are, and those
/// that are locked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KeepSection {
    /// This many of the newest.
    pub(crate) last: Option<u32>,
    /// The newest of each of this many hours that have one, in UTC; a complete one rather than a partial one, here and below.
    pub(crate) hourly: Option<u32>,
    /// Of each of this many days.
    pub(crate) daily: Option<u32>,
    /// Of each of this many weeks, which begin on Monday.
    pub(crate) weekly: Option<u32>,
    /// Of each of this many months.
    pub(crate) monthly: Option<u32>,
    /// Of each of this many years.
    pub(crate) yearly: Option<u32>,
    /// All that are at most this much older than the newest: `12h`, `30d`, `6w`, `3mo`, `1y`.
    pub(crate) within: Option<Parsed<Period>>,
    /// How long what is not kept stays marked before it is removed. By default `7d`.
    pub(crate) grace: Option<Parsed<Period>>,
}

/// How S3 encrypts what is stored there (`x-amz-server-side-encryption`).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EncryptionSection {
    /// `AES256` or `aws:kms`.
    pub(crate) algorithm: EncryptionAlgorithm,
    /// The KMS key, with `aws:kms`.
    pub(crate) key: Option<Parsed<KeyId>>,
}

/// The algorithms that S3 knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum EncryptionAlgorithm {
    /// Under a key of S3's own.
    #[default]
    #[serde(rename = "AES256")]
    Aes256,
    /// Under a KMS key.
    #[serde(rename = "aws:kms")]
    AwsKms,
}

/// How much of the account's quota a backup takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuotaSection {
    /// The share, more than 0 and at most 1. By default 0.5: the other half is production's.
    pub(crate) share: Option<f64>,
    /// Whether calls are not held back at all, for a store without quotas.
    pub(crate) unlimited: bool,
    /// Quotas that differ from AWS's defaults, because they were raised.
    pub(crate) rates: RatesSection,
}

/// Quotas by group of operations.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RatesSection {
    /// DescribeParameters.
    pub(crate) describe: Option<RateSection>,
    /// GetParameter, GetParameters and GetParametersByPath together.
    pub(crate) get: Option<RateSection>,
    /// GetParameterHistory.
    pub(crate) history: Option<RateSection>,
    /// Reads of tags.
    pub(crate) tags: Option<RateSection>,
    /// PutParameter.
    pub(crate) put: Option<RateSection>,
    /// DeleteParameter.
    pub(crate) delete: Option<RateSection>,
    /// Labels and tags, written.
    pub(crate) annotate: Option<RateSection>,
}

/// A quota.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateSection {
    /// Calls a second.
    pub(crate) per_second: f64,
    /// Calls at once after a rest. By default 20.
    pub(crate) burst: Option<f64>,
}
