//! `parados.yaml`: what it may say, how it is read, and what follows from it and the command line together.
//!
//! Reading is strict: an unknown key, a value that is not what the key takes, and two settings that contradict one another are
//! errors with line, column and a hint. Nothing here opens a store or a repository; see [`wiring`](crate::wiring).

mod check;
mod error;
mod file;
mod flags;
mod period;
mod settings;
mod value;

use std::path::{Path, PathBuf};

pub(crate) use error::ConfigError;
pub(crate) use file::ConfigFile;
pub(crate) use flags::{
    EnvironmentFlags, KeepFlags, OneStoreFlags, PlaceFlags, QuotaFlags, SelectorFlags, SnapshotFlags, StoreFlags,
    TrustFlags,
};
pub(crate) use period::Period;
pub(crate) use settings::{
    DATABASE_VARIABLE, DatabaseSettings, KeySettings, QuotaSettings, ReadingSettings, RecipientSettings,
    RecipientSource, RepositoryPlace, RepositorySettings, Settings, SigningKeySettings, StoreSettings, TargetSettings,
    named_by_environment, prune_rules, selector_text,
};
pub(crate) use value::{Name, StoreChoice, TrustedSigner};

/// The file that is read where none is named.
pub(crate) const DEFAULT_FILE: &str = "parados.yaml";

/// A configuration file that was read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) file: ConfigFile,
}

impl Config {
    /// Reads the file that `named` names; without a name `parados.yaml` in the current folder, where there is one.
    ///
    /// # Errors
    /// [`ConfigError`] when the named file cannot be read, and when a file is not a configuration.
    pub(crate) fn find(named: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        match named {
            Some(path) => Self::read(path).map(Some),
            None if Path::new(DEFAULT_FILE).exists() => Self::read(Path::new(DEFAULT_FILE)).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Ok(Self { path: path.to_owned(), file: parse(&text, &path.display().to_string())? })
    }

    /// The folder that relative paths of the file are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// Parses and checks the text of a configuration; `name` is what errors call it.
fn parse(text: &str, name: &str) -> Result<ConfigFile, ConfigError> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let file: ConfigFile =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::malformed(name, &error))?;
    check::check(&file).map_err(|problem| problem.in_file(name))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
