//! Principals, keys and policies as a server holds them in memory, never older than a bound.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use parados_parameter::Secret;
use tokio::time::Instant;

use super::tables::StoredKey;
use super::{AccessKeyId, AccessTables, AccessTablesError, Principal};
use crate::policy::PolicyBook;

/// How often a server looks whether something changed.
pub const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// How old what a server knows may be. When it cannot look for as long, it lets nobody in: so a revoked key is refused everywhere this long
/// after it was revoked, whatever fails.
pub const MAX_STALENESS: Duration = Duration::from_secs(5);
/// How much later a key has to be used for that to be noted again, in milliseconds.
const NOTE_USE_EVERY: i64 = 15 * 60 * 1000;

/// What a server knows of principals, keys and policies.
#[derive(Debug)]
pub struct Directory {
    tables: AccessTables,
    known: RwLock<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    revision: i64,
    as_of: Instant,
    keys: Arc<HashMap<String, Arc<KnownKey>>>,
    policies: Arc<PolicyBook>,
}

/// An active key.
#[derive(Debug)]
pub struct KnownKey {
    stored: StoredKey,
    arn: String,
    used_at: AtomicI64,
    noted_at: AtomicI64,
}

impl KnownKey {
    /// Whose it is.
    pub fn principal(&self) -> &Principal {
        &self.stored.principal
    }

    /// The principal's ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The principal's unique id.
    pub fn user_id(&self) -> &str {
        &self.stored.user_id
    }

    /// Says that it is used now.
    pub fn use_at(&self, now: Timestamp) {
        self.used_at.store(now.as_millisecond(), Ordering::Relaxed);
    }
}

impl Directory {
    /// Reads everything.
    ///
    /// # Errors
    /// The database failed. (A policy that does not parse any more denies everything, and is reported by the policies themselves.)
    pub async fn open(tables: AccessTables) -> Result<Self, AccessTablesError> {
        let known = load(&tables, &HashMap::new()).await?;
        Ok(Self { tables, known: RwLock::new(known) })
    }

    /// The active key of this id; none also when it is not known any more whether it is active.
    pub fn key(&self, access_key_id: &str) -> Option<Arc<KnownKey>> {
        let known = self.known();
        known.keys.get(access_key_id).cloned()
    }

    /// The policies.
    pub fn policies(&self) -> Arc<PolicyBook> {
        self.known().policies
    }

    /// Whether what is known may still be relied on.
    pub fn is_fresh(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).as_of.elapsed() <= MAX_STALENESS
    }

    /// Whether nobody can call, as in a store that was just made.
    pub fn is_empty(&self) -> bool {
        self.known().keys.is_empty()
    }

    /// Opens the secret of a key.
    ///
    /// # Errors
    /// It does not open, or the database failed.
    pub async fn secret(&self, key: &KnownKey) -> Result<Secret, AccessTablesError> {
        self.tables.open_secret(&key.stored).await
    }

    /// Looks whether something changed, and reads it.
    ///
    /// # Errors
    /// The database failed; what was known stays, and grows old.
    pub async fn refresh(&self) -> Result<(), AccessTablesError> {
        let before = self.known();
        let as_of = Instant::now();
        let now_known = match self.tables.revision().await? == before.revision {
            true => Known { as_of, ..before },
            false => load(&self.tables, &before.keys).await?,
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = now_known;
        Ok(())
    }

    /// Notes when keys were used, each at most once in a quarter of an hour.
    ///
    /// # Errors
    /// The database failed; it is noted the next time.
    pub async fn note_used(&self) -> Result<(), AccessTablesError> {
        let keys = self.known().keys;
        let mut used = Vec::new();
        for key in keys.values() {
            let at = key.used_at.load(Ordering::Relaxed);
            if at >= key.noted_at.load(Ordering::Relaxed).saturating_add(NOTE_USE_EVERY) {
                used.push((key.stored.id.clone(), at));
            }
        }
        if used.is_empty() {
            return Ok(());
        }
        self.tables.note_used(&used).await?;
        for (id, at) in used {
            if let Some(key) = keys.get(AccessKeyId::as_str(&id)) {
                key.noted_at.store(at, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn load(tables: &AccessTables, before: &HashMap<String, Arc<KnownKey>>) -> Result<Known, AccessTablesError> {
    let as_of = Instant::now();
    let stored = tables.load().await?;
    let known_key = |stored: StoredKey| {
        let id = stored.id.as_str().to_owned();
        let key = before.get(&id).cloned().unwrap_or_else(|| {
            let noted_at = AtomicI64::new(stored.last_used_at.unwrap_or(0));
            Arc::new(KnownKey { arn: stored.principal.arn(), stored, used_at: AtomicI64::new(0), noted_at })
        });
        (id, key)
    };
    let keys = stored.keys.into_iter().map(known_key).collect();
    let policies = PolicyBook::new(stored.policies.iter().map(|policy| (policy.name.as_str(), policy.text.as_str())));
    Ok(Known { revision: stored.revision, as_of, keys: Arc::new(keys), policies: Arc::new(policies) })
}
