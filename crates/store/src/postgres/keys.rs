//! The master keys that this process has of the database: loaded when it is opened, and again when it meets one that it does not know.
//!
//! They are in a file, and while a database gets a new master key in another beside it whose name ends in `.next`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use parados_parameter::{KeyManagement, StoreErrorKind};
use sqlx::postgres::PgPool;

use super::connection::acquire;
use super::schema;
use crate::failure::Failure;
use crate::master_key;
use crate::open_error::OpenError;
use crate::seal::{Keyring, MasterKey};

/// The master keys, and where more of them come from.
pub(super) struct Keys {
    ring: RwLock<Arc<Keyring>>,
    file: PathBuf,
    key_management: Option<Arc<dyn KeyManagement>>,
}

impl Keys {
    /// The keys of a database with these checks, out of `file`.
    pub(super) async fn load(
        file: PathBuf,
        key_management: Option<Arc<dyn KeyManagement>>,
        checks: &[(i64, Vec<u8>)],
    ) -> Result<Self, OpenError> {
        let at_hand = at_hand(&file, key_management.as_ref()).await?;
        let ring = RwLock::new(Arc::new(Keyring::of(checks, &at_hand)));
        Ok(Self { ring, file, key_management })
    }

    /// Those that are known now.
    pub(super) fn ring(&self) -> Arc<Keyring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the database and the key's files again, since a key is missing.
    pub(super) async fn refresh(&self, pool: &PgPool) -> Result<Arc<Keyring>, Failure> {
        let mut free = acquire(pool).await?;
        let checks = schema::key_checks(&mut free).await.map_err(Failure::from);
        free.ended(&checks);
        let checks = checks?;
        let at_hand = at_hand(&self.file, self.key_management.as_ref()).await;
        let at_hand =
            at_hand.map_err(|error| Failure::Storage(StoreErrorKind::Storage, format!("the master key: {error}")))?;
        let ring = Arc::new(Keyring::of(&checks, &at_hand));
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.clone();
        Ok(ring)
    }
}

/// The file of the key that is to follow the one in `file`.
pub(super) fn next_file(file: &Path) -> PathBuf {
    file.with_added_extension("next")
}

async fn at_hand(file: &Path, service: Option<&Arc<dyn KeyManagement>>) -> Result<Vec<Arc<MasterKey>>, OpenError> {
    let mut keys = vec![Arc::new(master_key::load_path(file, service).await?)];
    let next = next_file(file);
    if master_key::is_there(&next)? {
        keys.push(Arc::new(master_key::load_path(&next, service).await?));
    }
    Ok(keys)
}
