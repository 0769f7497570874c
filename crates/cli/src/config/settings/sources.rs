//! The two places of a file that speak of an environment.

use std::path::{Path, PathBuf};

use parados_backup::repository::RepositoryUrl;
use parados_parameter::KeyId;

use super::{DEFAULT_SHARE, QuotaSettings};
use crate::config::error::closest;
use crate::config::file::{ConfigFile, EncryptionAlgorithm, EncryptionSection, EnvironmentSection, QuotaSection};
use crate::config::flags::{EnvironmentFlags, SnapshotFlags};
use crate::config::value::TrustedSigner;
use crate::config::{Config, ConfigError};
use crate::directories::Directories;

/// The two places of a file that speak of an environment: its own section, and the top.
pub(super) struct Sources<'a> {
    /// Its name.
    pub(super) environment: String,
    /// The file.
    pub(super) top: Option<&'a ConfigFile>,
    /// Its section, where the file has one that says anything.
    pub(super) section: Option<&'a EnvironmentSection>,
}

impl<'a> Sources<'a> {
    /// Finds the environment that is meant.
    pub(super) fn of(config: Option<&'a Config>, flags: &EnvironmentFlags) -> Result<Self, ConfigError> {
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
    pub(super) fn pick<T>(
        &self,
        of_top: impl FnOnce(&'a ConfigFile) -> Option<T>,
        of_section: impl FnOnce(&'a EnvironmentSection) -> Option<T>,
    ) -> Option<T> {
        self.section.and_then(of_section).or_else(|| self.top.and_then(of_top))
    }

    /// Where snapshots are.
    pub(super) fn repository(&self, directories: &Directories, base: &Path) -> Option<RepositoryUrl> {
        self.pick(|top| top.repository.as_ref(), |section| section.repository.as_ref()).map(|url| match &url.0 {
            RepositoryUrl::Folder(path) => RepositoryUrl::Folder(directories.expand(&path.to_string_lossy(), base)),
            other => other.clone(),
        })
    }

    /// The Region of the bucket.
    pub(super) fn repository_region(&self) -> Option<String> {
        self.pick(|top| top.repository_region.as_ref(), |section| section.repository_region.as_ref())
            .map(|region| region.0.to_string())
    }

    /// What opens snapshots; the default identity where there is one.
    pub(super) fn identities(&self, directories: &Directories, base: &Path) -> Vec<PathBuf> {
        match self.pick(|top| top.identities.as_ref(), |section| section.identities.as_ref()) {
            Some(files) => files.iter().map(|file| directories.expand(file, base)).collect(),
            None => directories.identity().ok().filter(|path| path.exists()).into_iter().collect(),
        }
    }

    /// What signs.
    pub(super) fn signing_key(&self, directories: &Directories, base: &Path) -> Option<PathBuf> {
        self.pick(|top| top.signing_key.as_ref(), |section| section.signing_key.as_ref())
            .map(|path| directories.expand(path, base))
    }

    /// Whose signatures count.
    pub(super) fn trusted_signers(&self, directories: &Directories, base: &Path) -> Vec<TrustedSigner> {
        let signers = self.pick(|top| top.trusted_signers.as_ref(), |section| section.trusted_signers.as_ref());
        let expanded = signers.into_iter().flatten().map(|signer| match &signer.0 {
            TrustedSigner::File(path) => TrustedSigner::File(directories.expand(&path.to_string_lossy(), base)),
            key @ TrustedSigner::Key(_) => key.clone(),
        });
        expanded.collect()
    }

    /// What S3 encrypts under.
    pub(super) fn s3_kms_key(&self) -> Option<KeyId> {
        let encryption = self.pick(|top| top.encryption.as_ref(), |section| section.encryption.as_ref());
        match encryption.map(|encryption| &encryption.value) {
            Some(EncryptionSection { algorithm: EncryptionAlgorithm::AwsKms, key }) => {
                key.as_ref().map(|key| key.0.clone())
            }
            _ => None,
        }
    }

    /// How much of the quota is taken.
    pub(super) fn quota(&self, flags: &SnapshotFlags) -> QuotaSettings {
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
