//! What is to be done for one environment: what the file says, with what the command line says in its place, and the defaults for
//! what neither says.

mod database;
mod keep;
mod keys;
mod reading;
mod selection;
mod sources;
mod targets;

use std::path::{Path, PathBuf};

use parados_backup::repository::RepositoryUrl;
use parados_backup::seal::Recipient;
use parados_parameter::{KeyId, Selector};

pub(crate) use self::database::{DATABASE_VARIABLE, DatabaseSettings, named_by_environment};
pub(crate) use self::keep::prune_rules;
pub(crate) use self::keys::{KeySettings, RecipientSource};
pub(crate) use self::reading::ReadingSettings;
use self::sources::Sources;
use self::targets::{resolve_store, which_target};
use super::file::RatesSection;
use super::flags::{EnvironmentFlags, OneStoreFlags, RecipientFlag, SelectorFlags, SnapshotFlags, StoreFlags};
use super::{Config, ConfigError};
use crate::directories::Directories;

/// The project of a machine without a configuration.
const DEFAULT_PROJECT: &str = "default";
/// The share of the quota that is taken: the other half is production's.
const DEFAULT_SHARE: f64 = 0.5;

/// The settings of one environment.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The project.
    pub(crate) project: String,
    /// The environment.
    pub(crate) environment: String,
    /// What of the store belongs to it.
    pub(crate) selector: Selector,
    /// The store.
    pub(crate) store: StoreSettings,
    /// Where snapshots are.
    pub(crate) repository_place: RepositoryPlace,
    /// How that is spoken to.
    pub(crate) repository: RepositorySettings,
    /// Who can open snapshots.
    pub(crate) recipients: RecipientSettings,
    /// The files that open them.
    pub(crate) identities: Vec<PathBuf>,
    /// What signs manifests.
    pub(crate) signing_key: SigningKeySettings,
    /// How much of the quota is taken.
    pub(crate) quota: QuotaSettings,
    /// Whether all versions are backed up.
    pub(crate) history: bool,
    /// The labels.
    pub(crate) labels: bool,
    /// Whether targets are backed up at once.
    pub(crate) parallel: bool,
}

/// Where the parameters are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreSettings {
    /// In these accounts and Regions of AWS; at least one.
    Aws(Vec<TargetSettings>),
    /// In this folder.
    Embedded(PathBuf),
    /// In this PostgreSQL database.
    Postgres(DatabaseSettings),
}

/// An account and Region, and how to get in. What is absent is as the AWS configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TargetSettings {
    /// What it is called.
    pub(crate) name: Option<String>,
    /// The account that it has to be.
    pub(crate) account: Option<String>,
    /// The Region.
    pub(crate) region: Option<String>,
    /// The role to assume.
    pub(crate) role_arn: Option<String>,
    /// The external id for that.
    pub(crate) external_id: Option<String>,
    /// The profile.
    pub(crate) profile: Option<String>,
}

/// How the place where snapshots are is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepositorySettings {
    /// The Region of the bucket; the target's where there is none.
    pub(crate) region: Option<String>,
    /// Under which KMS key S3 encrypts; under a key of its own (AES256) where there is none.
    pub(crate) s3_kms_key: Option<KeyId>,
}

/// Where snapshots are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RepositoryPlace {
    /// There.
    At(RepositoryUrl),
    /// In this folder, which `parados init` makes.
    Folder(PathBuf),
    /// In the S3 bucket whose name this parameter holds.
    BucketNamedBy(String),
}

/// Who can open snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecipientSettings {
    /// These; nobody is needed where there are none.
    Keys(Vec<Recipient>),
    /// Those in the list beside this identity file, and without a list whoever has the identity, which `parados init` makes.
    IdentityFile(PathBuf),
}

/// What signs manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SigningKeySettings {
    /// The file.
    pub(crate) path: PathBuf,
    /// Whether it is the default one, which is made where it is missing.
    pub(crate) made_when_missing: bool,
}

/// How much of the quota is taken.
#[derive(Clone, Debug)]
pub(crate) struct QuotaSettings {
    /// The share; nothing is held back where there is none.
    pub(crate) share: Option<f64>,
    /// Quotas that differ from AWS's defaults.
    pub(crate) rates: RatesSection,
}

impl Settings {
    /// The settings that `config`, where there is one, and the flags make.
    ///
    /// # Errors
    /// [`ConfigError`] when no environment is named, or one that the file does not have; when a target is named that it does not
    /// have; when `none` is a recipient beside others.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        store: &StoreFlags,
        environment: &EnvironmentFlags,
        selector: &SelectorFlags,
        snapshot: &SnapshotFlags,
    ) -> Result<Self, ConfigError> {
        let sources = Sources::of(config, environment)?;
        let name = sources.environment.clone();
        let project = match (&environment.project, config) {
            (Some(project), _) => project.to_string(),
            (None, Some(config)) => config.file.project.0.to_string(),
            (None, None) => DEFAULT_PROJECT.to_owned(),
        };
        let base = config.map_or(Path::new(""), Config::folder);
        let selector = selector
            .selector()
            .or_else(|| sources.section.and_then(|section| section.selector.as_ref()).map(selection::of_section))
            .unwrap_or_else(|| Selector::environment(&name));
        let store_settings = resolve_store(&sources, store, environment, directories, base)?;
        let repository_place = match environment.repository.clone().or_else(|| sources.repository(directories, base)) {
            Some(url) => RepositoryPlace::At(url),
            None => match store_settings {
                StoreSettings::Embedded(_) | StoreSettings::Postgres(_) => {
                    RepositoryPlace::Folder(directories.repository()?)
                }
                StoreSettings::Aws(_) => {
                    RepositoryPlace::BucketNamedBy(format!("/{project}/{name}/backup/s3-bucket-name"))
                }
            },
        };
        let identities = match environment.identities.as_slice() {
            [] => sources.identities(directories, base),
            files => files.to_vec(),
        };
        let signing_key = match snapshot.signing_key.clone().or_else(|| sources.signing_key(directories, base)) {
            Some(path) => SigningKeySettings { path, made_when_missing: false },
            None => SigningKeySettings { path: directories.signing_key()?, made_when_missing: true },
        };
        Ok(Self {
            recipients: resolve_recipients(&sources, snapshot, &store_settings, directories)?,
            project,
            environment: name,
            selector,
            store: store_settings,
            repository_place,
            repository: RepositorySettings {
                region: environment
                    .repository_region
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(|| sources.repository_region()),
                s3_kms_key: snapshot.s3_kms_key.clone().or_else(|| sources.s3_kms_key()),
            },
            identities,
            signing_key,
            quota: sources.quota(snapshot),
            labels: !snapshot.no_labels && sources.pick(|top| top.labels, |section| section.labels) != Some(false),
            history: snapshot.with_history || sources.pick(|top| top.history, |section| section.history) == Some(true),
            parallel: snapshot.parallel || sources.pick(|top| top.parallel, |section| section.parallel) == Some(true),
        })
    }
}

pub(crate) use self::selection::text as selector_text;

impl Settings {
    /// The selector in words, as it stands in manifests.
    pub(crate) fn selector_text(&self) -> String {
        selection::text(&self.selector)
    }
}

impl RepositoryPlace {
    /// Where the snapshots are that a command means which reads a repository: what the flags say, or the file. Without an environment
    /// it is the place that stands at the top of the file, or the default one.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        store: &StoreFlags,
        environment: &EnvironmentFlags,
    ) -> Result<(Self, RepositorySettings), ConfigError> {
        if config.is_some_and(|config| config.file.repository.is_none() && environment.repository.is_none())
            || environment.environment.is_some()
        {
            let (selector, snapshot) = (SelectorFlags::default(), SnapshotFlags::default());
            let settings = Settings::resolve(config, directories, store, environment, &selector, &snapshot)?;
            return Ok((settings.repository_place, settings.repository));
        }
        let top = config.map(|config| &config.file);
        let sources = Sources { environment: String::new(), top, section: None };
        let settings = RepositorySettings {
            region: environment
                .repository_region
                .as_ref()
                .map(ToString::to_string)
                .or_else(|| sources.repository_region()),
            s3_kms_key: None,
        };
        let base = config.map_or(Path::new(""), Config::folder);
        match environment.repository.clone().or_else(|| sources.repository(directories, base)) {
            Some(url) => Ok((Self::At(url), settings)),
            None => Ok((Self::Folder(directories.repository()?), settings)),
        }
    }
}

impl StoreSettings {
    /// The one place that a command means which is about a store and no environment: what the flags say, or the top of the file.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        flags: &StoreFlags,
    ) -> Result<Self, ConfigError> {
        Self::resolve_one(config, directories, &OneStoreFlags { store: flags.clone(), ..OneStoreFlags::default() })
    }

    /// The same; or the one place of an environment, or of several that of the target that is named.
    pub(crate) fn resolve_one(
        config: Option<&Config>,
        directories: &Directories,
        flags: &OneStoreFlags,
    ) -> Result<Self, ConfigError> {
        let OneStoreFlags { store, environment, target } = flags;
        let named = EnvironmentFlags {
            environment: environment.clone(),
            targets: target.iter().cloned().collect(),
            ..EnvironmentFlags::default()
        };
        let sources = match environment {
            Some(_) => Sources::of(config, &named)?,
            None => Sources { environment: String::new(), top: config.map(|config| &config.file), section: None },
        };
        let base = config.map_or(Path::new(""), Config::folder);
        match resolve_store(&sources, store, &named, directories, base)? {
            Self::Aws(targets) if targets.len() > 1 => {
                let known: Vec<_> = targets.iter().filter_map(|target| target.name.clone()).collect();
                Err(ConfigError::new(
                    "the configuration has several targets, and none is named",
                    format!("{}; or say which with --region, --profile or --role-arn", which_target(&known)),
                ))
            }
            one => Ok(one),
        }
    }
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { share: Some(DEFAULT_SHARE), rates: RatesSection::default() }
    }
}

fn resolve_recipients(
    sources: &Sources<'_>,
    flags: &SnapshotFlags,
    store: &StoreSettings,
    directories: &Directories,
) -> Result<RecipientSettings, ConfigError> {
    let keys: Vec<_> = flags
        .recipients
        .iter()
        .filter_map(|recipient| match recipient {
            RecipientFlag::Key(key) => Some(key.clone()),
            RecipientFlag::None => None,
        })
        .collect();
    match (flags.recipients.len(), keys.len()) {
        (0, _) => {}
        (all, some) if some == all || some == 0 => return Ok(RecipientSettings::Keys(keys)),
        _ => return Err(ConfigError::new("`none` stands beside other recipients", "leave `--recipient none` out")),
    }
    let in_file = sources.pick(|top| top.recipients.as_ref(), |section| section.recipients.as_ref());
    Ok(match (in_file, store) {
        (Some(keys), _) => RecipientSettings::Keys(keys.iter().map(|key| key.0.clone()).collect()),
        (None, StoreSettings::Embedded(_) | StoreSettings::Postgres(_)) => {
            RecipientSettings::IdentityFile(directories.identity()?)
        }
        (None, StoreSettings::Aws(_)) => RecipientSettings::Keys(Vec::new()),
    })
}

#[cfg(test)]
mod tests;
