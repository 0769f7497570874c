//! A store in PostgreSQL: where the database is, and the file of its master key.

use std::path::{Path, PathBuf};

use parados_store::DatabaseUrl;

use super::sources::Sources;
use crate::config::ConfigError;
use crate::directories::Directories;

/// The variable of the environment that holds the database's URL, where that is not to be read by others.
pub(crate) const DATABASE_VARIABLE: &str = "PARADOS_DATABASE_URL";

/// A database, and what its values are sealed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseSettings {
    /// Where it is.
    pub(crate) url: DatabaseUrl,
    /// The file of its master key.
    pub(crate) master_key: PathBuf,
}

impl DatabaseSettings {
    /// The database of `url`, or where it is [`None`] the one that the environment names.
    ///
    /// # Errors
    /// When nothing names one, or what the environment names is none.
    pub(crate) fn resolve(
        url: Option<&DatabaseUrl>,
        master_key: Option<PathBuf>,
        directories: &Directories,
    ) -> Result<Self, ConfigError> {
        let named = named_by_environment()?;
        let url = match (url, named) {
            // The same database, with a password perhaps.
            (Some(url), Some(named)) if *url == named => named,
            (Some(url), _) => url.clone(),
            (None, Some(named)) => named,
            (None, None) => {
                return Err(ConfigError::new(
                    "no PostgreSQL database is named",
                    format!(
                        "set {DATABASE_VARIABLE} to postgres://USER:PASSWORD@HOST/DATABASE, or write that without a password"
                    ),
                ));
            }
        };
        let master_key = master_key.map_or_else(|| directories.database_master_key(), Ok)?;
        Ok(Self { url, master_key })
    }

    /// The master key's file that the configuration names.
    pub(super) fn master_key_of(sources: &Sources<'_>, directories: &Directories, base: &Path) -> Option<PathBuf> {
        let file = sources.pick(|top| top.master_key.as_ref(), |section| section.master_key.as_ref())?;
        Some(directories.expand(file, base))
    }
}

/// The database that the environment names, where it does.
pub(crate) fn named_by_environment() -> Result<Option<DatabaseUrl>, ConfigError> {
    let Some(text) = std::env::var_os(DATABASE_VARIABLE).filter(|text| !text.is_empty()) else { return Ok(None) };
    let url = text.to_str().unwrap_or_default().parse::<DatabaseUrl>();
    url.map(Some)
        .map_err(|invalid| ConfigError::new(format!("{DATABASE_VARIABLE}: {invalid}"), "correct it, or unset it"))
}
