//! Where the master key is kept: in a file of its own, or wrapped by a KMS key.
//!
//! While a store gets a new master key, that is kept in a file beside, whose name ends in `.next`, and both are in use.

pub(crate) mod next;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parados_parameter::{EncryptionContext, KeyId, KeyManagement};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::open_error::OpenError;
use crate::private_file;
use crate::seal::{KEY_BYTES, KeyBytes, MasterKey};

const PLAIN_FILE: &str = "master.key";
const WRAPPED_FILE: &str = "master.key.kms";
const NEXT: &str = ".next";
const PLAIN_PREFIX: &str = "parados-master-key-v1:";

/// How a store that is made keeps its master key.
#[derive(Clone, Debug, Default)]
pub enum MasterKeySource {
    /// In `master.key`, a file of mode 0600: whoever has the directory has the values.
    #[default]
    File,
    /// In a file of mode 0600 elsewhere, to which `master.key` is a symbolic link: whoever has the directory alone has no value. The key
    /// that is there is taken; where there is none, one is made.
    FileAt(PathBuf),
    /// In `master.key.kms`, encrypted under a KMS key: whoever has the directory and may use the key has the values.
    KeyManagement {
        /// The service.
        service: Arc<dyn KeyManagement>,
        /// The key.
        key: KeyId,
    },
}

/// `master.key.kms`.
#[derive(Serialize, Deserialize)]
struct Wrapped {
    key_id: KeyId,
    ciphertext: String,
}

/// Makes a master key, or takes the one that an interrupted init left.
pub(crate) async fn create(directory: &Path, source: &MasterKeySource) -> Result<MasterKey, OpenError> {
    let service = match source {
        MasterKeySource::File => None,
        MasterKeySource::KeyManagement { .. } if is_there(&directory.join(PLAIN_FILE))? => {
            return Err(OpenError::MasterKeyAmbiguous { directory: directory.to_owned() });
        }
        MasterKeySource::KeyManagement { service, .. } => Some(service),
        MasterKeySource::FileAt(_) => return create_elsewhere(directory, source).await,
    };
    match load(directory, service).await {
        Err(OpenError::MasterKeyMissing { .. }) => {}
        loaded => return loaded,
    }
    let key = MasterKey::generate();
    let file = if service.is_some() { WRAPPED_FILE } else { PLAIN_FILE };
    let path = directory.join(file);
    let contents = contents(&key, &path, source).await?;
    match private_file::create(&path, contents.as_bytes()) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(directory, service).await,
        Err(error) => Err(OpenError::file("create", &path)(error)),
    }
}

async fn create_elsewhere(directory: &Path, source: &MasterKeySource) -> Result<MasterKey, OpenError> {
    match load(directory, None).await {
        Err(OpenError::MasterKeyMissing { .. }) => {}
        loaded => return loaded,
    }
    next::stage(directory, source).await?;
    next::promote(directory)?;
    load(directory, None).await
}

/// Reads the master key in `directory`, but none that is to be its next one.
async fn load(directory: &Path, service: Option<&Arc<dyn KeyManagement>>) -> Result<MasterKey, OpenError> {
    let (plain, wrapped) = (directory.join(PLAIN_FILE), directory.join(WRAPPED_FILE));
    match (is_there(&plain)?, is_there(&wrapped)?) {
        (false, false) => Err(OpenError::MasterKeyMissing { directory: directory.to_owned() }),
        (true, true) => Err(OpenError::MasterKeyAmbiguous { directory: directory.to_owned() }),
        (true, false) => load_path(&plain, service).await,
        (false, true) => load_path(&wrapped, service).await,
    }
}

/// Files that hold a master key, and what tells each from another one of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyFiles(Vec<(PathBuf, Stamp)>);

/// Device, inode, seconds, nanoseconds and bytes of a file.
type Stamp = (u64, u64, i64, i64, u64);

impl KeyFiles {
    /// Those that there are in a directory now, in the order in which they are of use.
    ///
    /// # Errors
    /// [`OpenError::MasterKeyAmbiguous`] for two of the same rank.
    pub(crate) fn find(directory: &Path) -> Result<Self, OpenError> {
        let mut found = Self::default();
        for ending in ["", NEXT] {
            let files = Self::among([PLAIN_FILE, WRAPPED_FILE].map(|name| directory.join(format!("{name}{ending}"))))?;
            if files.0.len() > 1 {
                return Err(OpenError::MasterKeyAmbiguous { directory: directory.to_owned() });
            }
            found.0.extend(files.0);
        }
        Ok(found)
    }

    /// Those of `paths` that are there.
    pub(crate) fn among(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, OpenError> {
        let mut found = Vec::new();
        for path in paths {
            match fs::metadata(&path) {
                Ok(file) => {
                    let stamp = (file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.len());
                    found.push((path, stamp));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(OpenError::file("read", &path)(error)),
            }
        }
        Ok(Self(found))
    }
}

/// The master keys of some files, and why one of them has none.
pub(crate) struct LoadedKeys {
    pub(crate) keys: Vec<Arc<MasterKey>>,
    pub(crate) error: Option<OpenError>,
}

/// Reads every one of `files` that can be read: the caller knows which of the keys it needs.
pub(crate) async fn load_all(files: &KeyFiles, service: Option<&Arc<dyn KeyManagement>>) -> LoadedKeys {
    let mut loaded = LoadedKeys { keys: Vec::new(), error: None };
    for (path, _) in &files.0 {
        match load_path(path, service).await {
            Ok(key) => loaded.keys.push(Arc::new(key)),
            Err(error) => loaded.error = loaded.error.or(Some(error)),
        }
    }
    loaded
}

async fn unwrap(path: &Path, service: Option<&Arc<dyn KeyManagement>>) -> Result<MasterKey, OpenError> {
    let damaged = || OpenError::MasterKeyDamaged { path: path.to_owned() };
    let wrapped: Wrapped = serde_json::from_slice(&read(path)?).map_err(|_| damaged())?;
    let ciphertext = STANDARD.decode(&wrapped.ciphertext).map_err(|_| damaged())?;
    let Some(service) = service else {
        return Err(OpenError::KeyManagementMissing { path: path.to_owned(), key: wrapped.key_id });
    };
    let key = service
        .decrypt(&wrapped.key_id, &ciphertext, &context())
        .await
        .map_err(|source| OpenError::KeyManagement { path: path.to_owned(), source })?;
    as_key(&key).ok_or_else(damaged)
}

/// Reads the master key in a file of whatever name: what it holds says whether it is wrapped.
pub(crate) async fn load_path(path: &Path, service: Option<&Arc<dyn KeyManagement>>) -> Result<MasterKey, OpenError> {
    let contents = read(path)?;
    match contents.starts_with(PLAIN_PREFIX.as_bytes()) {
        true => read_plain(&contents).ok_or(OpenError::MasterKeyDamaged { path: path.to_owned() }),
        false => unwrap(path, service).await,
    }
}

/// Makes a master key in a file, or takes the one that is there.
pub(crate) async fn create_path(
    path: &Path,
    source: &MasterKeySource,
    service: Option<&Arc<dyn KeyManagement>>,
) -> Result<MasterKey, OpenError> {
    if !is_there(path)? {
        let key = MasterKey::generate();
        match private_file::create(path, contents(&key, path, source).await?.as_bytes()) {
            Ok(()) => return Ok(key),
            // Another process was first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(OpenError::file("create", path)(error)),
        }
    }
    load_path(path, service).await
}

/// What the file of `key` holds.
async fn contents(key: &MasterKey, path: &Path, source: &MasterKeySource) -> Result<Zeroizing<String>, OpenError> {
    let MasterKeySource::KeyManagement { service, key: key_id } = source else { return Ok(write_plain(key.bytes())) };
    let ciphertext = service
        .encrypt(key_id, &**key.bytes(), &context())
        .await
        .map_err(|source| OpenError::KeyManagement { path: path.to_owned(), source })?;
    let wrapped = Wrapped { key_id: key_id.clone(), ciphertext: STANDARD.encode(ciphertext) };
    let json = serde_json::to_string_pretty(&wrapped).expect("two texts are JSON");
    Ok(Zeroizing::new(format!("{json}\n")))
}

/// What is said to KMS beside the master key.
fn context() -> EncryptionContext {
    BTreeMap::from([("parados".to_owned(), "store-master-key".to_owned())])
}

pub(crate) fn is_there(path: &Path) -> Result<bool, OpenError> {
    path.try_exists().map_err(OpenError::file("read", path))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    private_file::check_closed(path)?;
    fs::read(path).map(Zeroizing::new).map_err(OpenError::file("read", path))
}

fn write_plain(key: &KeyBytes) -> Zeroizing<String> {
    let text = Zeroizing::new(STANDARD.encode(**key));
    Zeroizing::new([PLAIN_PREFIX, &text, "\n"].concat())
}

fn read_plain(contents: &[u8]) -> Option<MasterKey> {
    let text = contents.strip_prefix(PLAIN_PREFIX.as_bytes())?.trim_ascii_end();
    let key = Zeroizing::new(STANDARD.decode(text).ok()?);
    as_key(&key)
}

fn as_key(bytes: &[u8]) -> Option<MasterKey> {
    let mut key = KeyBytes::new([0; KEY_BYTES]);
    (bytes.len() == KEY_BYTES).then(|| key.copy_from_slice(bytes))?;
    Some(MasterKey::new(key))
}
