//! The master keys that this process has of the database: loaded when it is opened, and again when it meets one that it does not know.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use parados_parameter::{KeyManagement, StoreErrorKind};
use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;

use super::schema;
use crate::failure::Failure;
use crate::master_key::{self, KeyFiles};
use crate::open_error::OpenError;
use crate::seal::{Keyring, MasterKey};

/// The master keys, and where more of them come from.
pub(super) struct Keys {
    ring: RwLock<Arc<Keyring>>,
    source: Option<Source>,
    loaded: Mutex<Loaded>,
}

/// Where master keys are kept.
pub(super) struct Source {
    pub(super) directory: PathBuf,
    pub(super) key_management: Option<Arc<dyn KeyManagement>>,
}

/// What was loaded, and out of which files.
struct Loaded {
    keys: Vec<Arc<MasterKey>>,
    files: KeyFiles,
}

impl Keys {
    /// The keys of a database whose key is nowhere but here.
    pub(super) fn in_memory(key: MasterKey, checks: &[(i64, Vec<u8>)]) -> Self {
        Self::of(None, vec![Arc::new(key)], KeyFiles::default(), checks)
    }

    /// The keys that `source` has, for a database with these checks.
    pub(super) fn new(source: Source, keys: Vec<Arc<MasterKey>>, files: KeyFiles, checks: &[(i64, Vec<u8>)]) -> Self {
        Self::of(Some(source), keys, files, checks)
    }

    fn of(source: Option<Source>, keys: Vec<Arc<MasterKey>>, files: KeyFiles, checks: &[(i64, Vec<u8>)]) -> Self {
        let ring = RwLock::new(Arc::new(Keyring::of(checks, &keys)));
        Self { ring, source, loaded: Mutex::new(Loaded { keys, files }) }
    }

    /// Those that are known now.
    pub(super) fn ring(&self) -> Arc<Keyring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes one more key to those that are at hand.
    pub(super) async fn know(&self, key: Arc<MasterKey>) {
        self.loaded.lock().await.keys.push(key);
    }

    /// Asks the database and the key's files again, since a key is missing. The files are read only where they are others than before:
    /// a key that is not there costs no call to KMS for each read.
    pub(super) async fn refresh(&self, readers: &SqlitePool) -> Result<Arc<Keyring>, Failure> {
        let mut loaded = self.loaded.lock().await;
        let checks = schema::key_checks(&mut *readers.acquire().await?).await?;
        if let Some(source) = &self.source {
            let files = KeyFiles::find(&source.directory).map_err(unloaded)?;
            if files != loaded.files {
                let more = master_key::load_all(&files, source.key_management.as_ref()).await;
                loaded.keys.extend(more.keys);
                match more.error {
                    // It may be asked for again, since another time it may be there.
                    Some(error) if Keyring::of(&checks, &loaded.keys).lacks(&checks) => return Err(unloaded(error)),
                    _ => loaded.files = files,
                }
            }
        }
        let ring = Arc::new(Keyring::of(&checks, &loaded.keys));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.clone();
        Ok(ring)
    }
}

fn unloaded(error: OpenError) -> Failure {
    Failure::Storage(
        StoreErrorKind::Storage,
        format!("the store has a new master key, which this process does not get; start it again: {error}"),
    )
}
