//! Files of a folder that are no object: what a process that was killed was writing, or had written and not named yet. No listing shows
//! them, and nothing reads them. FORMAT.md, "Leftovers", is normative.
//!
//! Owns how they are found and removed. Which of them go is [`prune`](crate::prune)'s.

use std::path::Path;
use std::{fs, io};

use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::{Repository, RepositoryError, layout};

/// A file that is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// Its path in the folder: an object's key, `#` and a number, or a name below `.staging/`.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written last, by the clock of the machine that has the folder.
    pub written_at: Timestamp,
}

impl Repository {
    /// Lists the files of a folder that are not complete, by name; in a bucket there are none. One whose name is none that this format
    /// has is somebody else's, and left out. Those of a write that is under way are among them.
    ///
    /// # Errors
    /// Those of listing.
    pub async fn staged_files(&self) -> Result<Vec<StagedFile>, RepositoryError> {
        self.in_folder(Vec::new(), |folder| {
            let mut found = Vec::new();
            walk(folder, Path::new(""), &mut found)?;
            found.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(found)
        })
        .await
    }

    /// Removes a file that is not complete. That there is none is as good.
    ///
    /// # Errors
    /// [`RepositoryError::Damaged`] when it was written to since `file` was listed, and stays then; those of looking at it and deleting.
    pub async fn remove_staged(&self, file: &StagedFile) -> Result<(), RepositoryError> {
        let listed = file.clone();
        let is_it = self.in_folder(false, move |folder| {
            match look(folder, &listed.name)? {
                Some(found) if found == listed => unless_gone(fs::remove_file(folder.join(&found.name))).map(|_| true),
                // That it is gone is as good.
                found => Ok(found.is_none()),
            }
        });
        match is_it.await? {
            true => Ok(()),
            false => Err(RepositoryError::Damaged {
                key: file.name.clone(),
                repository: self.location().into(),
                reason: "it is not the file that was listed as not complete".into(),
            }),
        }
    }

    /// What `work` does in the folder; `elsewhere` where the repository is in none.
    async fn in_folder<T: Send + 'static>(
        &self,
        elsewhere: T,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        let Some(folder) = self.objects.folder().map(Path::to_owned) else { return Ok(elsewhere) };
        let path = folder.clone();
        let done = spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| RepositoryError::Folder { path, source })
    }
}

/// Takes down what is not complete below `folder`, whose name in the repository is `name`. Links are not followed.
fn walk(folder: &Path, name: &Path, found: &mut Vec<StagedFile>) -> io::Result<()> {
    // Others write here at the same time: what is gone by now is none of these.
    let Some(entries) = unless_gone(fs::read_dir(folder.join(name)))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = name.join(entry.file_name());
        match (entry.file_type()?.is_dir(), name.to_str()) {
            (true, _) => walk(folder, &name, found)?,
            (false, Some(name)) => found.extend(look(folder, name)?),
            (false, None) => {}
        }
    }
    Ok(())
}

/// The file of this name, where it is one that is not complete.
fn look(folder: &Path, name: &str) -> io::Result<Option<StagedFile>> {
    let is_one = layout::is_staged(name);
    let Some(metadata) = unless_gone(folder.join(name).symlink_metadata())?.filter(|found| found.is_file() && is_one)
    else {
        return Ok(None);
    };
    let written_at = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
    Ok(Some(StagedFile { name: name.to_owned(), size: metadata.len(), written_at }))
}

fn unless_gone<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}
