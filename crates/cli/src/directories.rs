//! Where Parados keeps what it makes on a machine, where no configuration says otherwise (XDG base directories).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;

/// The name of the list of recipients, beside the identity.
pub(crate) const RECIPIENTS: &str = "recipients.txt";

/// The folders and files of the embedded default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directories {
    data: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Directories {
    /// Those of the user that runs this. Where neither XDG_DATA_HOME nor HOME says where they are, only what asks for one fails.
    pub(crate) fn of_user() -> Self {
        Self::from_environment(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))
    }

    fn from_environment(xdg_data_home: Option<OsString>, home: Option<OsString>) -> Self {
        let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
        let home = home.and_then(absolute);
        // The specification: "If an implementation encounters a relative path […] it should consider the path invalid".
        let data = xdg_data_home.and_then(absolute).or_else(|| home.as_ref().map(|home| home.join(".local/share")));
        Self { data: data.map(|data| data.join("parados")), home }
    }

    /// Those in `data`, for tests.
    #[cfg(test)]
    pub(crate) fn at(data: impl Into<PathBuf>, home: impl Into<PathBuf>) -> Self {
        Self { data: Some(data.into()), home: Some(home.into()) }
    }

    /// None at all, for tests.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self { data: None, home: None }
    }

    /// `…/parados`.
    ///
    /// # Errors
    /// When nothing says where; so do the others.
    pub(crate) fn data(&self) -> Result<&Path, ConfigError> {
        self.data.as_deref().ok_or_else(|| {
            ConfigError::new(
                "there is no folder to keep data in: neither XDG_DATA_HOME nor HOME is set",
                "set HOME, or XDG_DATA_HOME to an absolute path",
            )
        })
    }

    /// The embedded store.
    pub(crate) fn store(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("store"))
    }

    /// The local repository.
    pub(crate) fn repository(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("repository"))
    }

    /// The folder of the keys.
    pub(crate) fn keys(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("keys"))
    }

    /// The folder of the newest manifests that this machine has seen.
    pub(crate) fn pins(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("pins"))
    }

    /// The plans that were applied, each in a folder with its journal.
    pub(crate) fn restores(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("restores"))
    }

    /// The folder of the evidence of drills.
    pub(crate) fn drills(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("drills"))
    }

    /// The folder of stores that are thrown away.
    pub(crate) fn scratch(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.data()?.join("scratch"))
    }

    /// The key that manifests are signed with.
    pub(crate) fn signing_key(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.keys()?.join("signing_ed25519"))
    }

    /// The master key of a store in PostgreSQL.
    pub(crate) fn database_master_key(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.keys()?.join("database.master.key"))
    }

    /// The age identity that opens snapshots.
    pub(crate) fn identity(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.keys()?.join("identity.age.txt"))
    }

    /// The list of those who can open snapshots, where others than the age identity alone can.
    pub(crate) fn recipients(&self) -> Result<PathBuf, ConfigError> {
        Ok(self.keys()?.join(RECIPIENTS))
    }

    /// `path` as it is meant: `~/` is the home folder, and what is relative is relative to `base`.
    pub(crate) fn expand(&self, path: &str, base: &Path) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => base.join(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_folder_is_the_specification_s() {
        let data = |xdg: Option<&str>, home: Option<&str>| {
            Directories::from_environment(xdg.map(Into::into), home.map(Into::into)).data().map(Path::to_owned)
        };
        assert_eq!(data(Some("/x"), Some("/users/a")).unwrap(), Path::new("/x/parados"));
        assert_eq!(data(Some("x"), Some("/users/a")).unwrap(), Path::new("/users/a/.local/share/parados"));
        assert_eq!(data(None, Some("/users/a")).unwrap(), Path::new("/users/a/.local/share/parados"));
        data(None, None).unwrap_err();
    }

    #[test]
    fn a_path_is_relative_to_its_file_or_to_home() {
        let directories = Directories::from_environment(None, Some("/users/a".into()));
        assert_eq!(directories.expand("~/k", Path::new("/etc")), Path::new("/users/a/k"));
        assert_eq!(directories.expand("k", Path::new("/etc")), Path::new("/etc/k"));
        assert_eq!(directories.expand("/k", Path::new("/etc")), Path::new("/k"));
    }
}
