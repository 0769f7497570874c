//! What holds for the reader of stored fingerprint keys, whatever the bytes.

use parados_backup::fingerprint::FingerprintKey;

/// Reading never panics; what reads is the same when it is written and read again, and is not shown.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(key) = FingerprintKey::from_stored(bytes) else { return };
    let stored = key.to_stored();
    let again = FingerprintKey::from_stored(&stored).expect("what was written is a key");
    assert_eq!((again.id(), again.to_stored()), (key.id(), stored));
    assert_eq!(format!("{key:?}"), format!("FingerprintKey({})", key.id()));
}
