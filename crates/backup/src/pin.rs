//! The newest manifest of each chain that this machine has seen.
//!
//! Nothing in a repository shows that its newest snapshots were taken away, or that all of it was put back to an older state: that
//! takes a number that was seen before, kept elsewhere. A pin is that number. Owns its files. Does not decide when one is set.
//!
//! The files: `REPOSITORY/PROJECT/ENVIRONMENT/ACCOUNT/REGION.json` in the folder, each part percent-encoded as in a manifest's
//! key, and `places.json`, which says what id the repository at each place had.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use object_store::path::PathPart;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::document::Digest;
use crate::manifest::SnapshotId;
use crate::target::Target;

/// The newest manifest that was seen of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Its number.
    pub sequence: u64,
    /// Of its stored object, whole.
    pub digest: Digest,
    /// Its snapshot.
    pub id: SnapshotId,
    /// When it was seen first.
    pub seen_at: Timestamp,
}

/// A pin in its file.
#[derive(Serialize, Deserialize)]
struct Pinned {
    target: Target,
    #[serde(flatten)]
    pin: Pin,
}

/// The pins of one machine.
#[derive(Clone, Debug)]
pub struct Pins {
    folder: PathBuf,
}

/// What became of a pin that was to be advanced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advance {
    /// It names the new manifest now.
    Advanced,
    /// It named the same one already.
    Same,
    /// It stays: it names a later manifest, or another one of the same number.
    Stays(Pin),
}

/// A pin that could not be read or written.
#[derive(Debug, Error)]
pub enum PinError {
    /// Its file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its file is not a pin's.
    #[error("{} is damaged; when you know that the repository is whole, delete the file, and a new one is begun", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl Pins {
    /// Those in `folder`, which is made when the first one is.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The pin of a chain, where there is one.
    ///
    /// # Errors
    /// [`PinError::Read`] and [`PinError::Damaged`].
    pub fn get(&self, repository_id: &str, target: &Target) -> Result<Option<Pin>, PinError> {
        Ok(read::<Pinned>(&self.file(repository_id, target))?.map(|pinned| pinned.pin))
    }

    /// The pins of all chains of a repository, by target.
    ///
    /// # Errors
    /// [`PinError::Read`] and [`PinError::Damaged`].
    pub fn all(&self, repository_id: &str) -> Result<BTreeMap<Target, Pin>, PinError> {
        let mut pins = BTreeMap::new();
        let mut folders = vec![self.folder.join(PathPart::from(repository_id).as_ref())];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                outcome => outcome.map_err(|source| PinError::Read { path: folder.clone(), source })?,
            };
            for entry in entries {
                let path = entry.map_err(|source| PinError::Read { path: folder.clone(), source })?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "json") {
                    pins.extend(read::<Pinned>(&path)?.map(|Pinned { target, pin }| (target, pin)));
                }
            }
        }
        Ok(pins)
    }

    /// Pins the newest manifest of a chain, unless a later one is. A pin never moves back.
    ///
    /// # Errors
    /// [`PinError`]; the pin is as it was then.
    pub fn advance(&self, repository_id: &str, target: &Target, pin: &Pin) -> Result<Advance, PinError> {
        let path = self.file(repository_id, target);
        self.locked(|| match read::<Pinned>(&path)?.map(|pinned| pinned.pin) {
            Some(old) if old.sequence == pin.sequence && old.digest == pin.digest => Ok(Advance::Same),
            Some(old) if old.sequence >= pin.sequence => Ok(Advance::Stays(old)),
            _ => write(&path, &Pinned { target: target.clone(), pin: pin.clone() }).map(|()| Advance::Advanced),
        })
    }

    /// The id of the repository that was seen last at `location`, where one was.
    ///
    /// # Errors
    /// [`PinError::Read`] and [`PinError::Damaged`].
    pub fn repository_at(&self, location: &str) -> Result<Option<String>, PinError> {
        Ok(self.places()?.remove(location))
    }

    /// Notes which repository is at `location`. One that is noted stays.
    ///
    /// # Errors
    /// [`PinError`].
    pub fn note_repository(&self, location: &str, repository_id: &str) -> Result<(), PinError> {
        if self.places()?.contains_key(location) {
            return Ok(());
        }
        self.locked(|| {
            let mut places = self.places()?;
            places.entry(location.to_owned()).or_insert_with(|| repository_id.to_owned());
            write(&self.places_file(), &places)
        })
    }

    /// The file that says which repository was seen at each place.
    pub fn places_file(&self) -> PathBuf {
        self.folder.join("places.json")
    }

    fn places(&self) -> Result<BTreeMap<String, String>, PinError> {
        read(&self.places_file()).map(Option::unwrap_or_default)
    }

    fn file(&self, repository_id: &str, target: &Target) -> PathBuf {
        let Target { project, environment, account, region, .. } = target;
        let file = format!("{region}.json");
        let parts = [repository_id, project, environment, account, &file];
        parts.into_iter().fold(self.folder.clone(), |path, part| path.join(PathPart::from(part).as_ref()))
    }

    /// Runs `change` while no other process changes a pin.
    fn locked<T>(&self, change: impl FnOnce() -> Result<T, PinError>) -> Result<T, PinError> {
        let path = self.folder.join(".lock");
        let lock = make_folder(&self.folder)
            .and_then(|()| OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|source| PinError::Write { path, source })?;
        let outcome = change();
        // Closed, it is unlocked.
        drop(lock);
        outcome
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, PinError> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| PinError::Damaged { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PinError::Read { path: path.to_owned(), source }),
    }
}

/// Replaces the file by one that is whole and on the disk.
fn write(path: &Path, content: &impl Serialize) -> Result<(), PinError> {
    let folder = path.parent().expect("it is in the folder of the pins");
    let next = path.with_extension("next");
    let write = || {
        make_folder(folder)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        let mut bytes = serde_json::to_vec(content)?;
        bytes.push(b'\n');
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| PinError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::target;

    const REPOSITORY: &str = "00112233445566778899aabbccddeeff";

    fn pin(sequence: u64, content: &str) -> Pin {
        Pin {
            sequence,
            digest: Digest::of(content.as_bytes()),
            id: SnapshotId::from_bytes([7; 8]),
            seen_at: "2025-10-15T12:00:45Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_pin_never_moves_back() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(folder.path().join("pins"));
        assert_eq!(pins.get(REPOSITORY, &target()).unwrap(), None);
        let advance = |pin: &Pin| pins.advance(REPOSITORY, &target(), pin).unwrap();
        assert_eq!(advance(&pin(2, "b")), Advance::Advanced);
        assert_eq!(advance(&pin(2, "b")), Advance::Same);
        assert_eq!(advance(&pin(2, "other")), Advance::Stays(pin(2, "b")));
        assert_eq!(advance(&pin(1, "a")), Advance::Stays(pin(2, "b")));
        assert_eq!(advance(&pin(4, "d")), Advance::Advanced);
        assert_eq!(pins.get(REPOSITORY, &target()).unwrap(), Some(pin(4, "d")));
    }

    #[test]
    fn each_chain_of_each_repository_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(folder.path());
        let mut odd = target();
        odd.environment = "../..".into();
        for (sequence, repository, target) in [(1, REPOSITORY, &target()), (2, REPOSITORY, &odd), (3, "f", &target())] {
            assert_eq!(pins.get(repository, target).unwrap(), None);
            pins.advance(repository, target, &pin(sequence, "x")).unwrap();
            assert_eq!(pins.get(repository, target).unwrap().unwrap().sequence, sequence);
        }
        let all = pins.all(REPOSITORY).unwrap();
        let numbers: BTreeMap<_, _> = all.iter().map(|(target, pin)| (target, pin.sequence)).collect();
        assert_eq!(numbers, BTreeMap::from([(&target(), 1), (&odd, 2)]));
        assert!(pins.all("none").unwrap().is_empty());
        assert!(pins.file(REPOSITORY, &odd).starts_with(folder.path().join(REPOSITORY).join("jenkins")));
        assert!(!pins.file(REPOSITORY, &odd).to_str().unwrap().contains("/../"));
    }

    #[test]
    fn the_first_repository_at_a_place_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(folder.path());
        assert_eq!(pins.repository_at("s3://a").unwrap(), None);
        pins.note_repository("s3://a", "1").unwrap();
        pins.note_repository("s3://b", "2").unwrap();
        pins.note_repository("s3://a", "3").unwrap();
        assert_eq!(pins.repository_at("s3://a").unwrap().as_deref(), Some("1"));
        assert_eq!(pins.repository_at("s3://b").unwrap().as_deref(), Some("2"));
    }

    #[test]
    fn a_damaged_pin_is_named_and_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(folder.path());
        pins.advance(REPOSITORY, &target(), &pin(1, "a")).unwrap();
        let file = pins.file(REPOSITORY, &target());
        fs::write(&file, "{").unwrap();
        assert!(matches!(pins.get(REPOSITORY, &target()), Err(PinError::Damaged { path }) if path == file));
        assert!(matches!(pins.advance(REPOSITORY, &target(), &pin(2, "b")), Err(PinError::Damaged { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"{");
    }
}
