//! The sealing of values at rest, for every engine: envelopes of AES-256-GCM.
//!
//! Each parameter has a data key of its own, made with it and gone with it, and the database has one for the secrets of a
//! server. A data key is kept wrapped: sealed under the master key, which the database never sees. So the master key is
//! changed by wrapping data keys anew, and no value is touched.
//!
//! Whatever is sealed is a random nonce of 12 bytes, the ciphertext, and the tag of 16 bytes. What it belongs to is
//! authenticated with it, so that it opens nowhere else. What it does not hide: that there is a value, and its length.
//!
//! This module owns keys and what is sealed under them. It does not know where either is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use parados_parameter::{AccountRegion, ParameterName, Secret, Version};
use zeroize::Zeroizing;

/// Bytes of a master key and of a data key.
pub(crate) const KEY_BYTES: usize = 32;

const KEY_CHECK: &[u8] = b"parados-store key check v2";
const DATA_KEY: &[u8] = b"parados-store data key v2";
const DATABASE_KEY: &[u8] = b"parados-store database key v2";
const VALUE: &[u8] = b"parados-store value v2";
const SECRET: &[u8] = b"parados-store secret v2";

/// The bytes of a key.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Something sealed that does not open: it is damaged, was sealed under another key, or belongs elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unopened;

/// Whose a data key is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyOwner<'a> {
    /// A parameter's, for its values.
    Parameter(&'a AccountRegion, &'a ParameterName),
    /// The database's, for the secrets of a server.
    Database,
}

/// The key that data keys are wrapped under.
pub(crate) struct MasterKey {
    key: AeadKey,
    bytes: KeyBytes,
}

/// The key that the values of one parameter, or a server's secrets, are sealed under.
pub(crate) struct DataKey {
    key: AeadKey,
    bytes: KeyBytes,
}

impl MasterKey {
    pub(crate) fn new(bytes: KeyBytes) -> Self {
        Self { key: AeadKey::new(&bytes), bytes }
    }

    /// A new one.
    pub(crate) fn generate() -> Self {
        Self::new(random_bytes())
    }

    /// Its bytes, for where it is kept.
    pub(crate) fn bytes(&self) -> &KeyBytes {
        &self.bytes
    }

    /// What a database keeps to tell later whether a master key is its own.
    pub(crate) fn key_check(&self) -> Vec<u8> {
        self.key.seal(KEY_CHECK, b"")
    }

    /// Whether `check` was made under this key.
    pub(crate) fn is_checked_by(&self, check: &[u8]) -> bool {
        self.key.open(KEY_CHECK, check).is_ok()
    }

    /// Seals a data key.
    pub(crate) fn wrap(&self, owner: KeyOwner<'_>, data_key: &DataKey) -> Vec<u8> {
        self.key.seal(&owner.context(), &*data_key.bytes)
    }

    /// Opens a data key.
    pub(crate) fn unwrap(&self, owner: KeyOwner<'_>, wrapped: &[u8]) -> Result<DataKey, Unopened> {
        let opened = self.key.open(&owner.context(), wrapped)?;
        let mut bytes = KeyBytes::new([0; KEY_BYTES]);
        match opened.len() {
            KEY_BYTES => bytes.copy_from_slice(&opened),
            _ => return Err(Unopened),
        }
        Ok(DataKey::new(bytes))
    }
}

impl DataKey {
    fn new(bytes: KeyBytes) -> Self {
        Self { key: AeadKey::new(&bytes), bytes }
    }

    /// A new one.
    pub(crate) fn generate() -> Self {
        Self::new(random_bytes())
    }

    /// Seals the value of a version.
    pub(crate) fn seal(&self, at: &AccountRegion, name: &ParameterName, version: Version, value: &Secret) -> Vec<u8> {
        self.key.seal(&value_context(at, name, version), value.reveal().as_bytes())
    }

    /// Opens the value of a version.
    pub(crate) fn open(
        &self,
        at: &AccountRegion,
        name: &ParameterName,
        version: Version,
        sealed: &[u8],
    ) -> Result<Secret, Unopened> {
        let mut opened = self.key.open(&value_context(at, name, version), sealed)?;
        match String::from_utf8(std::mem::take(&mut *opened)) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(Unopened)
            }
        }
    }

    /// Seals a server's secret, bound to `context`.
    pub(crate) fn seal_secret(&self, context: &str, secret: &[u8]) -> Vec<u8> {
        self.key.seal(&secret_context(context), secret)
    }

    /// Opens a server's secret.
    pub(crate) fn open_secret(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        self.key.open(&secret_context(context), sealed)
    }
}

impl KeyOwner<'_> {
    /// The associated data of the wrapped key: a word for the format, and for a parameter `account/Region/name`, the name canonical.
    fn context(self) -> Vec<u8> {
        match self {
            Self::Parameter(at, name) => [DATA_KEY, format!("{at}/{}", name.canonical()).as_bytes()].concat(),
            Self::Database => DATABASE_KEY.to_vec(),
        }
    }
}

/// The associated data of a value: a word for the format, the version in eight bytes, `account/Region/name`, the name canonical.
fn value_context(at: &AccountRegion, name: &ParameterName, version: Version) -> Vec<u8> {
    [VALUE, &version.get().to_be_bytes(), format!("{at}/{}", name.canonical()).as_bytes()].concat()
}

fn secret_context(context: &str) -> Vec<u8> {
    [SECRET, context.as_bytes()].concat()
}

fn random_bytes() -> KeyBytes {
    let mut bytes = KeyBytes::new([0; KEY_BYTES]);
    aws_lc_rs::rand::fill(&mut *bytes).expect("the system has random numbers");
    bytes
}

/// A key of AES-256-GCM, with the form of what is sealed under it.
struct AeadKey(RandomizedNonceKey);

impl AeadKey {
    fn new(bytes: &KeyBytes) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, &**bytes).expect("32 bytes are a key"))
    }

    fn seal(&self, context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        // Sized beforehand: a buffer that grows would leave a copy of the plaintext behind.
        let mut body = Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len());
        body.extend_from_slice(plaintext);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(context), &mut body);
        let nonce = nonce.expect("only a message of 64 GiB is too long");
        [nonce.as_ref().as_slice(), &body].concat()
    }

    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(context), &mut body).map_err(|_| Unopened)?;
        let length = opened.len();
        body.truncate(length);
        Ok(body)
    }
}

/// The master keys that a process has, by the numbers that the database knows them under: one, or two while data keys are wrapped anew.
#[derive(Clone, Default)]
pub(crate) struct Keyring(BTreeMap<i64, Arc<MasterKey>>);

impl Keyring {
    /// Finds for each of a database's key checks the key that it was made under, among those that are at hand.
    pub(crate) fn of(checks: &[(i64, Vec<u8>)], at_hand: &[Arc<MasterKey>]) -> Self {
        let found = |check: &[u8]| at_hand.iter().find(|key| key.is_checked_by(check)).cloned();
        Self(checks.iter().filter_map(|(number, check)| Some((*number, found(check)?))).collect())
    }

    /// The key of this number.
    pub(crate) fn get(&self, number: i64) -> Option<&Arc<MasterKey>> {
        self.0.get(&number)
    }

    /// Whether the key of one of `checks` is not there.
    pub(crate) fn lacks(&self, checks: &[(i64, Vec<u8>)]) -> bool {
        checks.iter().any(|(number, _)| !self.0.contains_key(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> AccountRegion {
        AccountRegion::new("123456789012", "eu-west-1").unwrap()
    }

    #[test]
    fn a_value_opens_only_under_its_key_in_its_place_and_whole() {
        let (name, other) = (ParameterName::observed("/a"), ParameterName::observed("/b"));
        let elsewhere = AccountRegion::new("123456789012", "eu-west-2").unwrap();
        let (one, two) = (Version::FIRST, Version::FIRST.next());
        let value = Secret::new("hunter2");
        let key = DataKey::generate();
        let sealed = key.seal(&place(), &name, one, &value);
        assert_eq!(sealed.len(), 12 + 7 + 16);
        assert_eq!(key.open(&place(), &ParameterName::observed("a"), one, &sealed).unwrap(), value, "a is /a");
        assert_eq!(DataKey::generate().open(&place(), &name, one, &sealed).unwrap_err(), Unopened);
        assert_eq!(key.open(&place(), &other, one, &sealed).unwrap_err(), Unopened);
        assert_eq!(key.open(&elsewhere, &name, one, &sealed).unwrap_err(), Unopened);
        assert_eq!(key.open(&place(), &name, two, &sealed).unwrap_err(), Unopened);
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert_eq!(key.open(&place(), &name, one, &damaged).unwrap_err(), Unopened, "byte {index}");
            assert_eq!(key.open(&place(), &name, one, &sealed[..index]).unwrap_err(), Unopened, "cut at {index}");
        }
        assert_ne!(sealed, key.seal(&place(), &name, one, &value), "no nonce is used twice");
    }

    #[test]
    fn a_data_key_unwraps_only_under_its_master_key_for_its_owner() {
        let (name, other) = (ParameterName::observed("/a"), ParameterName::observed("/b"));
        let (at, value) = (place(), Secret::new("hunter2"));
        let (master, data) = (MasterKey::generate(), DataKey::generate());
        let owner = KeyOwner::Parameter(&at, &name);
        let sealed = data.seal(&at, &name, Version::FIRST, &value);
        let wrapped = master.wrap(owner, &data);
        assert_eq!(wrapped.len(), 12 + 32 + 16);
        let unwrapped = master.unwrap(owner, &wrapped).ok().unwrap();
        assert_eq!(unwrapped.open(&at, &name, Version::FIRST, &sealed).unwrap(), value);
        assert!(MasterKey::generate().unwrap(owner, &wrapped).is_err());
        assert!(master.unwrap(KeyOwner::Parameter(&at, &other), &wrapped).is_err());
        assert!(master.unwrap(KeyOwner::Database, &wrapped).is_err());
        assert!(master.unwrap(owner, &master.key.seal(&owner.context(), b"short")).is_err());
    }

    #[test]
    fn a_secret_opens_with_the_same_words_only() {
        let key = DataKey::generate();
        let sealed = key.seal_secret("access key AKIA1", b"secret");
        assert_eq!(**key.open_secret("access key AKIA1", &sealed).unwrap(), *b"secret");
        assert_eq!(key.open_secret("access key AKIA2", &sealed).unwrap_err(), Unopened);
    }

    #[test]
    fn a_keyring_finds_its_keys_by_their_checks() {
        let (old, new) = (Arc::new(MasterKey::generate()), Arc::new(MasterKey::generate()));
        let checks = [(1, old.key_check()), (2, new.key_check())];
        let ring = Keyring::of(&checks, &[new.clone(), Arc::new(MasterKey::generate())]);
        assert!(ring.get(1).is_none() && Arc::ptr_eq(ring.get(2).unwrap(), &new));
        assert!(!new.is_checked_by(b"") && ring.lacks(&checks) && !ring.lacks(&checks[1..]));
        assert!(!Keyring::of(&checks, &[new, old]).lacks(&checks));
    }
}
