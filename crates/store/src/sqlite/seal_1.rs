//! The sealing of values as schema 1 had it, to be opened only: XChaCha20-Poly1305 under the master key.
//!
//! A sealed value is a random nonce of 24 bytes, the ciphertext and the tag of 16 bytes. The name and the version are authenticated
//! with it.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use parados_parameter::{ParameterName, Secret, Version};
use zeroize::Zeroizing;

use crate::seal::{MasterKey, Unopened};

const NONCE_BYTES: usize = 24;
const KEY_CHECK: &[u8] = b"parados-store key check v1";

/// Opens values.
pub(super) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(super) fn new(key: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new((&**key.bytes()).into()))
    }

    /// Opens the value of a version.
    pub(super) fn open(&self, name: &ParameterName, version: Version, sealed: &[u8]) -> Result<Secret, Unopened> {
        let opened = self.decrypt(&place(name, version), sealed)?;
        String::from_utf8(opened).map(Secret::new).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Unopened
        })
    }

    /// Whether `check` was made under this key.
    pub(super) fn is_checked_by(&self, check: &[u8]) -> bool {
        self.decrypt(KEY_CHECK, check).is_ok()
    }

    fn decrypt(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unopened)?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg, aad }).map_err(|_| Unopened)
    }
}

/// The associated data of a value: a word for the format, the version in eight bytes, the canonical name.
fn place(name: &ParameterName, version: Version) -> Vec<u8> {
    [b"parados-store value v1".as_slice(), &version.get().to_be_bytes(), name.canonical().as_bytes()].concat()
}
