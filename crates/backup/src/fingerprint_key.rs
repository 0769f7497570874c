//! The fingerprint key of a snapshot, for whoever may have it.

use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::fingerprint::{FingerprintKey, FingerprintKeyId};
use crate::repository::Repository;
use crate::seal::Identities;
use crate::signature::SigningKey;

/// The key of this id: the one that comes from `signing_key`, or one that `identities` open. None where neither leads to it, for
/// whatever reason: then what it would be needed for is done another way.
pub(crate) async fn find(
    repository: &Repository,
    id: &FingerprintKeyId,
    signing_key: Option<&SigningKey>,
    identities: &Identities,
) -> Option<Arc<FingerprintKey>> {
    let own = signing_key.map(|key| key.fingerprint_key(&repository.id())).filter(|key| key.id() == id);
    if let Some(own) = own {
        return Some(Arc::new(own));
    }
    for (_, sealed) in repository.read_keys(id).await.ok()? {
        let identities = identities.clone();
        let open = move || {
            let mut opened = Zeroizing::new(Vec::new());
            io::copy(&mut identities.open(&*sealed).ok()?, &mut *opened).ok()?;
            FingerprintKey::from_stored(&opened).ok()
        };
        let key = spawn_blocking(open).await.ok().flatten();
        if let Some(key) = key.filter(|key| key.id() == id) {
            return Some(Arc::new(key));
        }
    }
    None
}
