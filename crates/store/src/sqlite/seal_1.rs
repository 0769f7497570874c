//! The sealing of values as schema 1 has it: XChaCha20-Poly1305 under the master key.
//!
//! A sealed value is a random nonce of 24 bytes, the ciphertext and the tag of 16 bytes. The name and the version are
//! authenticated with it, so that a sealed value opens only where it was put. What it does not hide: that there is a value,
//! and its length.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use parados_parameter::{ParameterName, Secret, Version};
use zeroize::Zeroizing;

use crate::seal::{MasterKey, Unopened};

const NONCE_BYTES: usize = 24;
const KEY_CHECK: &[u8] = b"parados-store key check v1";

/// Seals and opens values.
pub(crate) struct Seal(XChaCha20Poly1305);

impl Seal {
    pub(crate) fn new(key: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new((&**key.bytes()).into()))
    }

    /// Seals the value of a version.
    pub(crate) fn seal(&self, name: &ParameterName, version: Version, value: &Secret) -> Vec<u8> {
        self.encrypt(&place(name, version), value.reveal().as_bytes())
    }

    /// Opens the value of a version.
    pub(crate) fn open(&self, name: &ParameterName, version: Version, sealed: &[u8]) -> Result<Secret, Unopened> {
        let opened = self.decrypt(&place(name, version), sealed)?;
        String::from_utf8(opened).map(Secret::new).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Unopened
        })
    }

    /// What a store keeps to tell later whether a master key is its own.
    pub(crate) fn key_check(&self) -> Vec<u8> {
        self.encrypt(KEY_CHECK, b"")
    }

    /// Whether `check` was made under this key.
    pub(crate) fn is_checked_by(&self, check: &[u8]) -> bool {
        self.decrypt(KEY_CHECK, check).is_ok()
    }

    fn encrypt(&self, aad: &[u8], msg: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let sealed = self.0.encrypt(&XNonce::from(nonce), Payload { msg, aad });
        [nonce.as_slice(), &sealed.expect("only a message of 256 GiB is too long")].concat()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal::new(&MasterKey::new(Zeroizing::new([byte; 32])))
    }

    #[test]
    fn a_value_opens_only_under_its_key_in_its_place_and_whole() {
        let (name, other) = (ParameterName::observed("/a"), ParameterName::observed("/b"));
        let (one, two) = (Version::FIRST, Version::FIRST.next());
        let value = Secret::new("hunter2");
        let sealed = seal(1).seal(&name, one, &value);
        assert_eq!(seal(1).open(&ParameterName::observed("a"), one, &sealed).unwrap(), value, "a is /a");
        assert_eq!(seal(2).open(&name, one, &sealed).unwrap_err(), Unopened);
        assert_eq!(seal(1).open(&other, one, &sealed).unwrap_err(), Unopened);
        assert_eq!(seal(1).open(&name, two, &sealed).unwrap_err(), Unopened);
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert_eq!(seal(1).open(&name, one, &damaged).unwrap_err(), Unopened, "byte {index}");
            assert_eq!(seal(1).open(&name, one, &sealed[..index]).unwrap_err(), Unopened, "cut at {index}");
        }
        assert_ne!(sealed, seal(1).seal(&name, one, &value), "no nonce is used twice");
    }

    #[test]
    fn a_key_check_knows_its_key() {
        let check = seal(1).key_check();
        assert!(seal(1).is_checked_by(&check));
        assert!(!seal(2).is_checked_by(&check) && !seal(1).is_checked_by(b""));
    }
}
