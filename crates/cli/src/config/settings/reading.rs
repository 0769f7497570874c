//! What a command needs that reads snapshots, whichever environment they are of.

use std::path::{Path, PathBuf};

use super::sources::Sources;
use crate::config::flags::{EnvironmentFlags, TrustFlags};
use crate::config::value::TrustedSigner;
use crate::config::{Config, ConfigError};
use crate::directories::Directories;

/// What opens snapshots, and whose signatures count.
#[derive(Clone, Debug)]
pub(crate) struct ReadingSettings {
    /// The files that open them.
    pub(crate) identities: Vec<PathBuf>,
    /// Whose signatures count.
    pub(crate) trusted_signers: Vec<TrustedSigner>,
    /// This machine's own signing key, where it has one.
    pub(crate) signing_key: Option<PathBuf>,
}

impl ReadingSettings {
    /// What `config`, where there is one, and the flags say. Without an environment it is what stands at the top of the file.
    pub(crate) fn resolve(
        config: Option<&Config>,
        directories: &Directories,
        environment: &EnvironmentFlags,
        trust: &TrustFlags,
    ) -> Result<Self, ConfigError> {
        let sources = match &environment.environment {
            Some(_) => Sources::of(config, environment)?,
            None => Sources { environment: String::new(), top: config.map(|config| &config.file), section: None },
        };
        let base = config.map_or(Path::new(""), Config::folder);
        let identities = match environment.identities.as_slice() {
            [] => sources.identities(directories, base),
            files => files.to_vec(),
        };
        let trusted_signers = match trust.trusted_signers.as_slice() {
            [] => sources.trusted_signers(directories, base),
            signers => signers.to_vec(),
        };
        let named = trust.signing_key.clone().or_else(|| sources.signing_key(directories, base));
        let signing_key = named.or_else(|| directories.signing_key().ok().filter(|path| path.exists()));
        Ok(Self { identities, trusted_signers, signing_key })
    }
}
