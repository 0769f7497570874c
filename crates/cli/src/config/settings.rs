//! What is to be done for one environment: what the file says, with what the command line says in its place, and the defaults for
//! what neither says.

use std::path::{Path, PathBuf};

use parados_backup::repository::RepositoryUrl;
use parados_backup::seal::Recipient;
use parados_parameter::{KeyId, Selector};

use super::error::closest;
use super::file::{
    ConfigFile, EncryptionAlgorithm, EncryptionSection, EnvironmentSection, QuotaSection, RatesSection,
    SelectorSection, TargetSection,
};
use super::flags::{EnvironmentFlags, RecipientFlag, SelectorFlags, SnapshotFlags, StoreFlags};
use super::value::{Parsed, StoreChoice};
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
    /// Whoever has the identity in this file, which `parados init` makes.
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
            .or_else(|| sources.section.and_then(|section| section.selector.as_ref()).map(to_selector))
            .unwrap_or_else(|| Selector::environment(&name));
        let store_settings = resolve_store(&sources, store, environment, directories, base)?;
        let repository_place = match environment.repository.clone().or_else(|| sources.repository()) {
            Some(url) => RepositoryPlace::At(url),
            None => match store_settings {
                StoreSettings::Embedded(_) => RepositoryPlace::Folder(directories.repository()),
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
            None => SigningKeySettings { path: directories.signing_key(), made_when_missing: true },
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
            history: snapshot.with_history || sources.pick(|top| top.history, |section| section.history) == Some(true),
            parallel: snapshot.parallel || sources.pick(|top| top.parallel, |section| section.parallel) == Some(true),
        })
    }
}

impl StoreSettings {
    /// The one place that a command means which is about a store and no environment: what the flags say, or the top of the file.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        flags: &StoreFlags,
    ) -> Result<Self, ConfigError> {
        let top = config.map(|config| &config.file);
        let sources = Sources { environment: String::new(), top, section: None };
        let base = config.map_or(Path::new(""), Config::folder);
        match resolve_store(&sources, flags, &EnvironmentFlags::default(), directories, base)? {
            Self::Aws(targets) if targets.len() > 1 => Err(ConfigError::new(
                "the configuration has several targets, and none is named",
                "say which with --region, --profile or --role-arn",
            )),
            one => Ok(one),
        }
    }
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { share: Some(DEFAULT_SHARE), rates: RatesSection::default() }
    }
}

/// The two places of a file that speak of an environment: its own section, and the top.
struct Sources<'a> {
    environment: String,
    top: Option<&'a ConfigFile>,
    section: Option<&'a EnvironmentSection>,
}

impl<'a> Sources<'a> {
    fn of(config: Option<&'a Config>, flags: &EnvironmentFlags) -> Result<Self, ConfigError> {
        let named = flags.environment.as_ref().map(ToString::to_string);
        let Some(config) = config else {
            let environment = named.ok_or_else(|| {
                ConfigError::new("no environment is named", "add --environment NAME, such as --environment dev")
            })?;
            return Ok(Self { environment, top: None, section: None });
        };
        let environments = &config.file.environments.value;
        let names = || environments.keys().map(String::as_str);
        let listed = || names().collect::<Vec<_>>().join(", ");
        let environment = match (named, environments.len()) {
            (Some(name), _) => name,
            (None, 1) => names().next().unwrap_or_default().to_owned(),
            (None, _) => {
                let message = format!("{} has several environments, and none is named", config.path.display());
                return Err(ConfigError::new(message, format!("add --environment with one of {}", listed())));
            }
        };
        let Some(section) = environments.get(&environment) else {
            let hint = match closest(&environment, names()) {
                Some(one) => format!("did you mean `{one}`?"),
                None => format!("it has {}", listed()),
            };
            let message = format!("{} has no environment `{environment}`", config.path.display());
            return Err(ConfigError::new(message, hint));
        };
        Ok(Self { environment, top: Some(&config.file), section: section.as_ref() })
    }

    /// What the environment says, or the top.
    fn pick<T>(
        &self,
        of_top: impl FnOnce(&'a ConfigFile) -> Option<T>,
        of_section: impl FnOnce(&'a EnvironmentSection) -> Option<T>,
    ) -> Option<T> {
        self.section.and_then(of_section).or_else(|| self.top.and_then(of_top))
    }

    fn repository(&self) -> Option<RepositoryUrl> {
        self.pick(|top| top.repository.as_ref(), |section| section.repository.as_ref()).map(|url| url.0.clone())
    }

    fn repository_region(&self) -> Option<String> {
        self.pick(|top| top.repository_region.as_ref(), |section| section.repository_region.as_ref())
            .map(|region| region.0.to_string())
    }

    fn identities(&self, directories: &Directories, base: &Path) -> Vec<PathBuf> {
        match self.pick(|top| top.identities.as_ref(), |section| section.identities.as_ref()) {
            Some(files) => files.iter().map(|file| directories.expand(file, base)).collect(),
            None => Some(directories.identity()).filter(|path| path.exists()).into_iter().collect(),
        }
    }

    fn signing_key(&self, directories: &Directories, base: &Path) -> Option<PathBuf> {
        self.pick(|top| top.signing_key.as_ref(), |section| section.signing_key.as_ref())
            .map(|path| directories.expand(path, base))
    }

    fn s3_kms_key(&self) -> Option<KeyId> {
        let encryption = self.pick(|top| top.encryption.as_ref(), |section| section.encryption.as_ref());
        match encryption.map(|encryption| &encryption.value) {
            Some(EncryptionSection { algorithm: EncryptionAlgorithm::AwsKms, key }) => {
                key.as_ref().map(|key| key.0.clone())
            }
            _ => None,
        }
    }

    fn quota(&self, flags: &SnapshotFlags) -> QuotaSettings {
        let quota = self.pick(|top| top.quota.as_ref(), |section| section.quota.as_ref());
        let default = QuotaSection::default();
        let quota = quota.map_or(&default, |quota| &quota.value);
        let share = match (flags.unlimited, flags.quota_share) {
            (true, _) => None,
            (false, Some(share)) => Some(share),
            (false, None) => (!quota.unlimited).then(|| quota.share.unwrap_or(DEFAULT_SHARE)),
        };
        QuotaSettings { share, rates: quota.rates.clone() }
    }
}

fn resolve_store(
    sources: &Sources<'_>,
    flags: &StoreFlags,
    environment: &EnvironmentFlags,
    directories: &Directories,
    base: &Path,
) -> Result<StoreSettings, ConfigError> {
    let in_file = sources.pick(|top| top.store.as_ref(), |section| section.store.as_ref()).map(|store| &store.0);
    let default = match sources.top {
        Some(_) => StoreChoice::Aws,
        None => StoreChoice::Embedded(None),
    };
    match flags.store.as_ref() {
        Some(StoreChoice::Embedded(Some(folder))) => Ok(StoreSettings::Embedded(folder.clone())),
        choice => match choice.or(in_file).unwrap_or(&default) {
            StoreChoice::Embedded(None) => Ok(StoreSettings::Embedded(directories.store())),
            StoreChoice::Embedded(Some(folder)) => {
                Ok(StoreSettings::Embedded(directories.expand(&folder.to_string_lossy(), base)))
            }
            StoreChoice::Aws => resolve_targets(sources, flags, environment).map(StoreSettings::Aws),
        },
    }
}

fn resolve_targets(
    sources: &Sources<'_>,
    flags: &StoreFlags,
    environment: &EnvironmentFlags,
) -> Result<Vec<TargetSettings>, ConfigError> {
    if flags.names_a_target() {
        return Ok(vec![TargetSettings {
            account: environment.account.as_ref().map(ToString::to_string),
            ..TargetSettings::of_flags(flags)
        }]);
    }
    let in_file = sources.pick(|top| top.targets.as_ref(), |section| section.targets.as_ref());
    let mut targets: Vec<_> = match in_file {
        Some(targets) => targets.value.iter().map(TargetSettings::of_section).collect(),
        None => vec![TargetSettings::default()],
    };
    if !environment.targets.is_empty() {
        let known: Vec<_> = targets.iter().filter_map(|target| target.name.clone()).collect();
        if let Some(unknown) = environment.targets.iter().find(|name| !known.iter().any(|one| one == name.as_str())) {
            let message = format!("the environment {} has no target `{unknown}`", sources.environment);
            let hint = match known.as_slice() {
                [] => "give its targets names in the file".to_owned(),
                known => format!("it has {}", known.join(", ")),
            };
            return Err(ConfigError::new(message, hint));
        }
        targets.retain(|target| environment.targets.iter().any(|name| target.name.as_deref() == Some(name.as_str())));
    }
    if let Some(account) = &environment.account {
        for target in &mut targets {
            target.account = Some(account.to_string());
        }
    }
    Ok(targets)
}

impl TargetSettings {
    /// What the command line says.
    pub(crate) fn of_flags(flags: &StoreFlags) -> Self {
        Self {
            name: None,
            account: None,
            region: flags.region.as_ref().map(ToString::to_string),
            role_arn: flags.role_arn.as_ref().map(ToString::to_string),
            external_id: flags.external_id.clone(),
            profile: flags.profile.clone(),
        }
    }

    fn of_section(section: &TargetSection) -> Self {
        fn text<T: ToString>(value: &Option<Parsed<T>>) -> Option<String> {
            value.as_ref().map(|value| value.0.to_string())
        }
        Self {
            name: text(&section.name),
            account: text(&section.account),
            region: text(&section.region),
            role_arn: text(&section.role_arn),
            external_id: section.external_id.clone(),
            profile: section.profile.clone(),
        }
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
        (None, StoreSettings::Embedded(_)) => RecipientSettings::IdentityFile(directories.identity()),
        (None, StoreSettings::Aws(_)) => RecipientSettings::Keys(Vec::new()),
    })
}

fn to_selector(section: &SelectorSection) -> Selector {
    fn plain<T: Clone>(values: &[Parsed<T>]) -> Vec<T> {
        values.iter().map(|value| value.0.clone()).collect()
    }
    Selector {
        name_contains: section.name_contains.clone(),
        name_begins_with: section.name_begins_with.clone(),
        paths: section.paths.clone(),
        types: plain(&section.types),
        tiers: plain(&section.tiers),
        key_ids: plain(&section.keys),
        tags: plain(&section.tags),
        include: plain(&section.include),
        exclude: plain(&section.exclude),
    }
}

#[cfg(test)]
mod tests;
