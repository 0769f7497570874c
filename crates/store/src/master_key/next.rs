//! A store's next master key: kept beside the one in use until nothing is wrapped under that any more.
//!
//! The files say how far it came, whatever ended it: with a `.next` file both keys are of use, and the database says which of them it
//! needs. Only when it needs the old one no more does the next one take its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{MasterKeySource, NEXT, PLAIN_FILE, PLAIN_PREFIX, WRAPPED_FILE, Wrapped, contents, load_path, read};
use crate::open_error::OpenError;
use crate::private_file;
use crate::seal::MasterKey;

/// Makes the next master key and keeps it, durably, or takes the one that an interrupted rekey to the same `source` left. It was read
/// back from where it is kept.
///
/// # Errors
/// [`OpenError::RekeyUnderWay`] where a rekey to another source was begun; and when the key cannot be made, wrapped or kept.
pub(crate) async fn stage(directory: &Path, source: &MasterKeySource) -> Result<MasterKey, OpenError> {
    let path = match source {
        MasterKeySource::File | MasterKeySource::FileAt(_) => directory.join(format!("{PLAIN_FILE}{NEXT}")),
        MasterKeySource::KeyManagement { .. } => directory.join(format!("{WRAPPED_FILE}{NEXT}")),
    };
    match staged(directory) {
        Some(staged) if staged != path => Err(OpenError::RekeyUnderWay { staged }),
        _ => stage_at(&path, source).await,
    }
}

/// As [`stage`], for a master key in a file whose name does not say how it is kept.
pub(crate) async fn stage_beside(file: &Path, source: &MasterKeySource) -> Result<MasterKey, OpenError> {
    stage_at(&beside(file), source).await
}

/// The file of the master key that is to follow the one in `file`.
pub(crate) fn beside(file: &Path) -> PathBuf {
    file.with_added_extension(&NEXT[1..])
}

async fn stage_at(path: &Path, source: &MasterKeySource) -> Result<MasterKey, OpenError> {
    if is_named(path) {
        if !is_from(path, source)? {
            return Err(OpenError::RekeyUnderWay { staged: path.to_owned() });
        }
    } else if let MasterKeySource::FileAt(elsewhere) = source {
        let elsewhere = std::path::absolute(elsewhere).map_err(OpenError::file("find", elsewhere))?;
        if !elsewhere.exists() {
            let key = contents(&MasterKey::generate(), &elsewhere, source).await?;
            private_file::create(&elsewhere, key.as_bytes()).map_err(OpenError::file("create", &elsewhere))?;
        }
        load_path(&elsewhere, None).await?;
        private_file::link(&elsewhere, path).map_err(OpenError::file("create", path))?;
    } else {
        let key = contents(&MasterKey::generate(), path, source).await?;
        private_file::create(path, key.as_bytes()).map_err(OpenError::file("create", path))?;
    }
    let service = match source {
        MasterKeySource::KeyManagement { service, .. } => Some(service),
        _ => None,
    };
    load_path(path, service).await
}

/// Puts the next master key in the place of the one in use, which is gone then. It can be repeated.
pub(crate) fn promote(directory: &Path) -> Result<(), OpenError> {
    for (name, other) in [(PLAIN_FILE, WRAPPED_FILE), (WRAPPED_FILE, PLAIN_FILE)] {
        let staged = directory.join(format!("{name}{NEXT}"));
        if !is_named(&staged) {
            continue;
        }
        // First, so that there are never two that could be meant.
        let other = directory.join(other);
        if is_named(&other) {
            private_file::remove(&other).map_err(OpenError::file("remove", &other))?;
        }
        let path = directory.join(name);
        private_file::replace(&staged, &path).map_err(OpenError::file("replace", &path))?;
    }
    Ok(())
}

/// As [`promote`], for the key that [`stage_beside`] kept.
pub(crate) fn promote_beside(file: &Path) -> Result<(), OpenError> {
    match beside(file) {
        staged if is_named(&staged) => private_file::replace(&staged, file).map_err(OpenError::file("replace", file)),
        _ => Ok(()),
    }
}

/// Whether there is a next master key.
pub(crate) fn is_staged(directory: &Path) -> bool {
    staged(directory).is_some()
}

/// The file of a next master key.
fn staged(directory: &Path) -> Option<PathBuf> {
    let paths = [PLAIN_FILE, WRAPPED_FILE].map(|name| directory.join(format!("{name}{NEXT}")));
    paths.into_iter().find(|path| is_named(path))
}

/// Whether there is something of this name, be it a link to nothing.
pub(crate) fn is_named(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether the staged key is kept where `source` says.
fn is_from(path: &Path, source: &MasterKeySource) -> Result<bool, OpenError> {
    let link = match fs::read_link(path) {
        Ok(target) => Some(target),
        // It is no link.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => None,
        Err(error) => return Err(OpenError::file("read", path)(error)),
    };
    Ok(match source {
        MasterKeySource::File => link.is_none() && read(path)?.starts_with(PLAIN_PREFIX.as_bytes()),
        MasterKeySource::FileAt(elsewhere) => {
            link == Some(std::path::absolute(elsewhere).map_err(OpenError::file("find", elsewhere))?)
        }
        MasterKeySource::KeyManagement { key, .. } => {
            let wrapped: Result<Wrapped, _> = serde_json::from_slice(&read(path)?);
            // One that is not wrapped is another's, too.
            wrapped.is_ok_and(|wrapped| wrapped.key_id == *key)
        }
    })
}
