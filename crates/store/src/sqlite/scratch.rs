//! Folders that are removed at the end of whoever made them.
//!
//! A folder is locked (`flock`) for as long as its maker lives, whatever ends it, so that one that was left behind is told from one
//! that is in use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::open_error::OpenError;
use crate::private_file;

const PREFIX: &str = "scratch-";

/// A folder of mode 0700, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub(crate) struct ScratchFolder {
    path: PathBuf,
    _lock: File,
}

impl ScratchFolder {
    /// Makes one in `parent`.
    pub(crate) fn create(parent: &Path) -> Result<Self, OpenError> {
        private_file::create_directory(parent)?;
        let path = parent.join(format!("{PREFIX}{:016x}", rand::random::<u64>()));
        let made = || {
            fs::DirBuilder::new().mode(0o700).create(&path)?;
            let lock = File::open(&path)?;
            lock.try_lock()?;
            Ok(lock)
        };
        let lock = made().map_err(OpenError::file("create", &path))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // What cannot be removed is an abandoned one from now on, which `remove_abandoned` names.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Removes the throw-away stores in `folder` that no living process has; gives those that it removed.
///
/// # Errors
/// The first that cannot be looked at or removed.
pub fn remove_abandoned(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(OpenError::file("read", folder)(error)),
    };
    let mut removed = Vec::new();
    for entry in entries {
        let path = entry.map_err(OpenError::file("read", folder))?.path();
        let is_ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if !is_ours || !path.is_dir() {
            continue;
        }
        let lock = File::open(&path).map_err(OpenError::file("read", &path))?;
        match lock.try_lock() {
            Ok(()) => fs::remove_dir_all(&path).map_err(OpenError::file("remove", &path))?,
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(OpenError::file("lock", &path)(error)),
        }
        removed.push(path);
    }
    removed.sort();
    Ok(removed)
}
