//! The master keys that this process has of the database: loaded when it is opened, and again when it meets one that it does not know, or is
//! asked for one.
//!
//! They are in a file, and while a database gets a new master key in another beside it whose name ends in `.next`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use parados_parameter::{KeyManagement, StoreErrorKind};
use sqlx::postgres::PgPool;
use tokio::sync::Mutex;

use super::connection::acquire;
use super::schema;
use crate::failure::Failure;
use crate::master_key::{self, KeyFiles};
use crate::open_error::OpenError;
use crate::seal::{Keyring, MasterKey};

/// The master keys, and where more of them come from.
pub(super) struct Keys {
    ring: RwLock<Arc<Keyring>>,
    file: PathBuf,
    key_management: Option<Arc<dyn KeyManagement>>,
    loaded: Mutex<Loaded>,
}

/// What was loaded, and out of which files.
struct Loaded {
    keys: Vec<Arc<MasterKey>>,
    files: KeyFiles,
}

impl Keys {
    /// The keys of a database with these checks, out of `file`.
    pub(super) async fn load(
        file: PathBuf,
        key_management: Option<Arc<dyn KeyManagement>>,
        checks: &[(i64, Vec<u8>)],
    ) -> Result<Self, OpenError> {
        let files = files(&file)?;
        let loaded = master_key::load_all(&files, key_management.as_ref()).await;
        let ring = Keyring::of(checks, &loaded.keys);
        match loaded.error {
            Some(error) if ring.lacks(checks) => Err(error),
            error => {
                // Files of which one could not be read are looked at again.
                let files = if error.is_none() { files } else { KeyFiles::default() };
                let loaded = Mutex::new(Loaded { keys: loaded.keys, files });
                Ok(Self { ring: RwLock::new(Arc::new(ring)), file, key_management, loaded })
            }
        }
    }

    /// The file of the master key.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Those that are known now.
    pub(super) fn ring(&self) -> Arc<Keyring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes one more key to those that are at hand.
    pub(super) async fn know(&self, key: Arc<MasterKey>) {
        self.loaded.lock().await.keys.push(key);
    }

    /// Why the key that `check` was made under is not at hand, unless it is, be it that it was put there just now.
    pub(super) async fn why_not(&self, check: &[u8]) -> Option<String> {
        let mut loaded = self.loaded.lock().await;
        let is_known = |keys: &[Arc<MasterKey>]| keys.iter().any(|key| key.is_checked_by(check));
        if is_known(&loaded.keys) {
            return None;
        }
        let looked = self.look_again(&mut loaded).await;
        if is_known(&loaded.keys) {
            return None;
        }
        let next = master_key::next::beside(&self.file);
        Some(match looked {
            Err(error) => error.to_string(),
            Ok(()) if master_key::next::is_named(&next) => format!("{} holds another key", next.display()),
            Ok(()) => format!("{} is not there", next.display()),
        })
    }

    /// Asks the database and the key's files again, since a key is missing.
    pub(super) async fn refresh(&self, pool: &PgPool) -> Result<Arc<Keyring>, Failure> {
        let mut loaded = self.loaded.lock().await;
        let mut free = acquire(pool).await?;
        let checks = schema::key_checks(&mut free).await.map_err(Failure::from);
        free.ended(&checks);
        let checks = checks?;
        if Keyring::of(&checks, &loaded.keys).lacks(&checks) {
            let looked = self.look_again(&mut loaded).await;
            if Keyring::of(&checks, &loaded.keys).lacks(&checks) {
                return Err(self.missing(looked.err()));
            }
        }
        let ring = Arc::new(Keyring::of(&checks, &loaded.keys));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.clone();
        Ok(ring)
    }

    /// Reads the files again where they are others than before: a key that is not there costs no call to KMS for each read.
    async fn look_again(&self, loaded: &mut Loaded) -> Result<(), OpenError> {
        let files = files(&self.file)?;
        if files == loaded.files {
            return Ok(());
        }
        let more = master_key::load_all(&files, self.key_management.as_ref()).await;
        loaded.keys.extend(more.keys);
        match more.error {
            // It may be asked for again, since another time it may be there.
            Some(error) => Err(error),
            None => {
                loaded.files = files;
                Ok(())
            }
        }
    }

    fn missing(&self, error: Option<OpenError>) -> Failure {
        let (file, next) = (self.file.display(), master_key::next::beside(&self.file));
        let why = error.map_or_else(String::new, |error| format!(": {error}"));
        let message = format!(
            "the database has a new master key, which this server has neither in {file} nor in {}; copy it from where it was made{why}",
            next.display()
        );
        Failure::Storage(StoreErrorKind::Storage, message)
    }
}

fn files(file: &Path) -> Result<KeyFiles, OpenError> {
    KeyFiles::among([file.to_owned(), master_key::next::beside(file)])
}
