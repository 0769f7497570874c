//! Where a repository is, as a person writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::RepositoryError;

/// The place of a repository: `s3://bucket[/prefix]`, `gs://bucket[/prefix]`, `az://container[/prefix]`,
/// `file:///absolute/folder`, or the path of a folder as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RepositoryUrl {
    /// A bucket of S3, or of what speaks its protocol.
    S3(Bucket),
    /// A bucket of Google Cloud Storage.
    Google(Bucket),
    /// A container of Azure Blob Storage.
    Azure(Bucket),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// A bucket and what the keys in it begin with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Without slashes at its ends; empty for none.
    pub prefix: String,
}

impl RepositoryUrl {
    /// Parses what a person wrote.
    ///
    /// # Errors
    /// [`RepositoryError::InvalidUrl`] names the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, RepositoryError> {
        let invalid = |rule: &str| RepositoryError::InvalidUrl { url: without_credentials(text), rule: rule.into() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(invalid("it is empty")),
                _ => Ok(Self::Folder(text.into())),
            };
        };
        match scheme {
            "s3" => bucket(rest).map(Self::S3).map_err(invalid),
            "gs" => bucket(rest).map(Self::Google).map_err(invalid),
            "az" => bucket(rest).map(Self::Azure).map_err(invalid),
            "file" => {
                let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
                let path = url.to_file_path().map_err(|()| {
                    invalid("a folder is written file:///absolute/path, with three slashes and no host")
                })?;
                Ok(Self::Folder(path))
            }
            _ => Err(invalid(&format!("{scheme}:// is not known here"))),
        }
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            _ => None,
        }
    }
}

/// A URL as errors repeat it: what stands before an `@` may be a password.
fn without_credentials(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

fn bucket(rest: &str) -> Result<Bucket, &'static str> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    if name.is_empty() {
        return Err("it names no bucket");
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-$".contains(*c))) {
        return Err(match c {
            '@' | ':' => "credentials and ports do not belong into it",
            '?' | '#' => "parameters do not belong into it",
            _ => "the bucket's name has a character that no bucket's name can have",
        });
    }
    match object_store::path::Path::parse(prefix) {
        Ok(path) if path.as_ref() == object_store::path::Path::from(prefix).as_ref() => {
            Ok(Bucket { name: name.into(), prefix: prefix.into() })
        }
        _ => Err("the prefix has an empty or relative part, or a character that keys should not have"),
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => write!(f, "s3://{bucket}"),
            Self::Google(bucket) => write!(f, "gs://{bucket}"),
            Self::Azure(bucket) => write!(f, "az://{bucket}"),
            Self::Folder(path) => match Url::from_file_path(path) {
                Ok(url) => f.write_str(url.as_str()),
                Err(()) => path.display().fmt(f),
            },
        }
    }
}

impl FromStr for RepositoryUrl {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, RepositoryError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3://company-backups", "s3://company-backups")]
    #[case("s3://company-backups/", "s3://company-backups")]
    #[case("s3://company.backups/a/b/", "s3://company.backups/a/b")]
    #[case("gs://b/p", "gs://b/p")]
    #[case("az://c", "az://c")]
    #[case("file:///var/lib/parados", "file:///var/lib/parados")]
    #[case("/var/lib/my backups", "file:///var/lib/my%20backups")]
    #[case("backups", "backups")]
    fn reads_and_shows(#[case] text: &str, #[case] shown: &str) {
        let url = RepositoryUrl::parse(text).unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(RepositoryUrl::parse(shown).unwrap(), url);
    }

    #[rstest]
    #[case("", "empty")]
    #[case("s3://", "names no bucket")]
    #[case("s3:///p", "names no bucket")]
    #[case("s3://key:secret@b", "credentials")]
    #[case("s3://b?region=x", "parameters")]
    #[case("s3://b/a//c", "prefix")]
    #[case("s3://b/../c", "prefix")]
    #[case("file://host/x", "three slashes")]
    #[case("ftp://b", "ftp:// is not known")]
    fn refuses(#[case] text: &str, #[case] rule: &str) {
        let error = RepositoryUrl::parse(text).unwrap_err();
        assert!(error.to_string().contains(rule), "{error}");
        assert!(!error.hints().is_empty());
    }
}
