//! What a command needs that is about keys, whichever environment's snapshots they open.

use std::path::{Path, PathBuf};

use super::sources::Sources;
use super::targets::resolve_store;
use super::{ReadingSettings, RecipientSettings, resolve_recipients};
use crate::config::flags::{EnvironmentFlags, SnapshotFlags, StoreFlags, TrustFlags};
use crate::config::{Config, ConfigError};
use crate::directories::Directories;

/// Who can open snapshots, and what this machine has to open them with.
#[derive(Clone, Debug)]
pub(crate) struct KeySettings {
    /// Whom new snapshots are sealed to.
    pub(crate) recipients: RecipientSettings,
    /// Where that is said.
    pub(crate) source: RecipientSource,
    /// What opens them, and signs.
    pub(crate) reading: ReadingSettings,
}

/// Where it is said whom new snapshots are sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecipientSource {
    /// In a configuration file, which nobody but its owner writes.
    File {
        /// The file.
        file: String,
        /// The environment whose section says so; none where it is the top.
        environment: Option<String>,
    },
    /// In the default's own list.
    List(PathBuf),
    /// Nowhere but on the command line of a backup.
    Flags,
}

impl KeySettings {
    /// What `config`, where there is one, and the flags say. Without an environment it is what stands at the top of the file.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        store: &StoreFlags,
        environment: &EnvironmentFlags,
        trust: &TrustFlags,
    ) -> Result<Self, ConfigError> {
        let reading = ReadingSettings::resolve(config, directories, environment, trust)?;
        let sources = match &environment.environment {
            Some(_) => Sources::of(config, environment)?,
            None => Sources { environment: String::new(), top: config.map(|config| &config.file), section: None },
        };
        let base = config.map_or(Path::new(""), Config::folder);
        let store = resolve_store(&sources, store, environment, directories, base)?;
        let recipients = resolve_recipients(&sources, &SnapshotFlags::default(), &store, directories)?;
        let source = match (&recipients, config) {
            (RecipientSettings::IdentityFile(_), ..) => RecipientSource::List(directories.recipients()?),
            (RecipientSettings::Keys(_), Some(config)) => RecipientSource::File {
                file: config.path.display().to_string(),
                environment: sources
                    .section
                    .filter(|section| section.recipients.is_some())
                    .map(|_| sources.environment.clone()),
            },
            (RecipientSettings::Keys(_), None) => RecipientSource::Flags,
        };
        Ok(Self { recipients, source, reading })
    }
}
