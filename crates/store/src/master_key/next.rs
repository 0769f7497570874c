//! A store's next master key: kept beside the one in use until nothing is wrapped under that any more.
//!
//! The files say how far it came, whatever ended it: with a `.next` file both keys are of use, and the database says which of them it
//! needs. Only when it needs the old one no more does the next one take its place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{MasterKeySource, NEXT, PLAIN_FILE, WRAPPED_FILE, Wrapped, contents, load_path, read};
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
    let under_way = |staged: PathBuf| OpenError::RekeyUnderWay { directory: directory.to_owned(), staged };
    if let Some(staged) = staged(directory) {
        if staged != path || !is_from(&path, source)? {
            return Err(under_way(staged));
        }
    } else if let MasterKeySource::FileAt(elsewhere) = source {
        let elsewhere = std::path::absolute(elsewhere).map_err(OpenError::file("find", elsewhere))?;
        if !elsewhere.exists() {
            let key = contents(&MasterKey::generate(), &elsewhere, source).await?;
            private_file::create(&elsewhere, key.as_bytes()).map_err(OpenError::file("create", &elsewhere))?;
        }
        load_path(&elsewhere, None).await?;
        private_file::link(&elsewhere, &path).map_err(OpenError::file("create", &path))?;
    } else {
        let key = contents(&MasterKey::generate(), &path, source).await?;
        private_file::create(&path, key.as_bytes()).map_err(OpenError::file("create", &path))?;
    }
    let service = match source {
        MasterKeySource::KeyManagement { service, .. } => Some(service),
        _ => None,
    };
    load_path(&path, service).await
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
fn is_named(path: &Path) -> bool {
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
        MasterKeySource::File => link.is_none(),
        MasterKeySource::FileAt(elsewhere) => {
            link == Some(std::path::absolute(elsewhere).map_err(OpenError::file("find", elsewhere))?)
        }
        MasterKeySource::KeyManagement { key, .. } => {
            let wrapped: Result<Wrapped, _> = serde_json::from_slice(&read(path)?);
            wrapped.map_err(|_| OpenError::MasterKeyDamaged { path: path.to_owned() })?.key_id == *key
        }
    })
}
