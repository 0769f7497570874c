//! Files and directories that nobody but their owner can get at, whatever the umask.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::open_error::OpenError;

const OTHERS: u32 = 0o077;

/// Makes `directory` with mode 0700, and those above it that are missing. One that is there is closed to others when it
/// is empty, and must be closed already when it is not: it may be there for something else.
pub(crate) fn create_directory(directory: &Path) -> Result<(), OpenError> {
    let failed = OpenError::file("create", directory);
    let made = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if fs::read_dir(directory)?.next().is_none() {
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    made().map_err(failed)?;
    check_closed(directory)
}

/// Refuses a file or directory that its group or others can get at.
pub(crate) fn check_closed(path: &Path) -> Result<(), OpenError> {
    let mode = fs::metadata(path).map_err(OpenError::file("read", path))?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(OpenError::PermissionsTooOpen { path: path.to_owned(), mode });
    }
    Ok(())
}

/// An empty file of mode 0600 beside `path`, to be filled and then [`publish`]ed.
pub(crate) fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{:016x}.new", rand::random::<u64>()));
    let file = File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
    Ok((draft, file))
}

/// Makes an empty file of mode 0600, not durably.
pub(crate) fn create_empty(path: &Path) -> io::Result<()> {
    File::options().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// Gives `draft` the name `path`, durably, or fails with `AlreadyExists` and leaves what is there alone. The draft is gone
/// either way.
pub(crate) fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    let published = File::open(draft).and_then(|file| file.sync_all()).and_then(|()| fs::hard_link(draft, path));
    fs::remove_file(draft)?;
    published?;
    sync_parent(path)
}

/// Writes a file of mode 0600 as a whole, durably, or fails with `AlreadyExists`.
pub(crate) fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let (draft, mut file) = create_beside(path)?;
    if let Err(error) = file.write_all(contents) {
        fs::remove_file(&draft)?;
        return Err(error);
    }
    publish(&draft, path)
}

/// Makes `path` a symbolic link to `target`, durably, or fails with `AlreadyExists`.
pub(crate) fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)?;
    sync_parent(path)
}

/// Gives `from` the name `to`, durably, in place of what has it.
pub(crate) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Removes a file, durably.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// The directory that a file is in, which for a bare name is the current one.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_bare_name_is_in_the_current_directory() {
        assert_eq!(folder_of(Path::new("key")), Path::new("."));
        assert_eq!(folder_of(Path::new("keys/key")), Path::new("keys"));
    }

    #[test]
    fn a_file_is_made_once_and_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, b"first").unwrap();
        assert_eq!(create(&path, b"second").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_directory_is_closed_when_it_is_empty_and_otherwise_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (inner, open) = (directory.path().join("a/b"), directory.path().join("open"));
        create_directory(&inner).unwrap();
        assert_eq!((mode(&inner), mode(inner.parent().unwrap())), (0o700, 0o700));

        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        create_directory(&open).unwrap();
        assert_eq!(mode(&open), 0o700);

        fs::write(open.join("file"), "").unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
        let message = create_directory(&open).unwrap_err().to_string();
        assert!(message.contains("mode 0755") && message.contains("chmod 700"), "{message}");
        assert_eq!(mode(&open), 0o755);
    }
}
