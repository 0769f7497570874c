//! Keyed fingerprints: what a manifest says of a value without saying the value.
//!
//! Owns the key (derived from the signing key, so there is no further secret to keep), what it is applied to, and the object
//! in which it is stored for those who may open snapshots. Does not own the sealing of that object.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use parados_parameter::{ParameterMetadata, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// The `info` of the derivation.
const DERIVATION: &[u8] = b"parados fingerprint v1";

/// How many bytes a key's object has before it is sealed: they are all made alike.
pub(crate) const STORED_KEY_BYTES: usize = 98;

/// The first 16 bytes of an HMAC-SHA256; written as 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(base64url(&self.0, &mut [0; 22]))
    }
}

/// These bytes as base64url, in a buffer that has a byte for each character.
pub(crate) fn base64url<'b>(bytes: &[u8], buffer: &'b mut [u8]) -> &'b str {
    let length = URL_SAFE_NO_PAD.encode_slice(bytes, buffer).expect("the buffer is long enough");
    std::str::from_utf8(&buffer[..length]).expect("base64 is ASCII")
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a fingerprint: 22 characters of base64url are expected")]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let mut bytes = [0; 18];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => {
                let mut fingerprint = [0; 16];
                fingerprint.copy_from_slice(&bytes[..16]);
                Ok(Self(fingerprint))
            }
            _ => Err(InvalidFingerprint),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(base64url(&self.0, &mut [0; 22]))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Fingerprint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("22 characters of base64url")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Fingerprint, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Which key made a fingerprint: the first 8 bytes of the key's SHA-256, in hexadecimal. Fingerprints compare only under one id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FingerprintKeyId(Box<str>);

impl FingerprintKeyId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is 16 characters of lower-case hexadecimal, so that it may be a part of an object's key.
    pub(crate) fn is_valid(&self) -> bool {
        self.0.len() == 16 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for FingerprintKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The key of the fingerprints. Without it a fingerprint says nothing of a value, not even whether a guess is right.
pub struct FingerprintKey {
    id: FingerprintKeyId,
    mac: Hmac<Sha256>,
    key: Zeroizing<[u8; 32]>,
}

/// The key as it is stored under `keys/`: `K` is its base64.
#[derive(Serialize, Deserialize)]
struct StoredKey<K> {
    format_version: u32,
    id: FingerprintKeyId,
    key: K,
}

/// A stored fingerprint key that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FingerprintKeyError {
    /// It is not what is stored under `keys/`.
    #[error("not a fingerprint key: {0}")]
    Damaged(&'static str),
    /// A newer Parados wrote it.
    #[error("the fingerprint key is of format {0}, and this Parados reads format 1")]
    NewerFormat(u32),
}

impl FingerprintKey {
    /// Derives the key of a repository: HKDF-SHA256 of the signing key's 32-byte seed, with the repository's id as the salt.
    pub(crate) fn derive(seed: &[u8; 32], repository: &str) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(repository.as_bytes()), seed)
            .expand(DERIVATION, &mut *key)
            .expect("32 bytes are fewer than the 8,160 that HKDF-SHA256 gives");
        Self::from_key(key)
    }

    /// Of 32 bytes that nobody can guess: for fingerprints that need not be compared with others.
    pub fn from_key(key: Zeroizing<[u8; 32]>) -> Self {
        let id = FingerprintKeyId(hex::encode(&Sha256::digest(*key)[..8]).into());
        let mac = Hmac::new_from_slice(&*key).expect("HMAC takes a key of any length");
        Self { id, mac, key }
    }

    /// Which key this is.
    pub fn id(&self) -> &FingerprintKeyId {
        &self.id
    }

    /// The fingerprint of a value, whatever parameter it is of: "where else is this value used?" is answered by it. So the
    /// manifests show which parameters share a value (THREAT_MODEL.md).
    pub fn value(&self, value: &Secret) -> Fingerprint {
        let mut mac = self.mac.clone();
        mac.update(b"value\0");
        mac.update(value.reveal().as_bytes());
        truncated(mac)
    }

    /// The fingerprint of everything that a listing said of a parameter, its annotations apart. Two that are equal say that
    /// nothing of it changed between the two listings.
    pub fn metadata(&self, metadata: &ParameterMetadata) -> Fingerprint {
        let ParameterMetadata {
            name,
            arn,
            parameter_type,
            key_id,
            last_modified_date,
            last_modified_user,
            description,
            allowed_pattern,
            version,
            tier,
            policies,
            data_type,
            annotations: _,
        } = metadata;
        let policies: Vec<_> =
            policies.iter().map(|policy| (&policy.policy_text, &policy.policy_type, &policy.policy_status)).collect();
        let first = (name, arn, parameter_type, key_id, last_modified_date, last_modified_user);
        let second = (description, allowed_pattern, version, tier, policies, data_type);
        self.json("metadata", &(first, second))
    }

    /// The fingerprint of something that is written as JSON, in a `domain` of its own, so that equal texts of two kinds differ.
    fn json(&self, domain: &str, content: &impl Serialize) -> Fingerprint {
        // Whole blocks are hashed at once; the pieces that a serialiser writes are a few bytes each.
        let mut json = Vec::with_capacity(512);
        serde_json::to_writer(&mut json, content).expect("texts and numbers are JSON, and a Vec takes all bytes");
        self.of_json(domain, &json)
    }

    /// The fingerprint of a JSON text, in a `domain` of its own.
    pub(crate) fn of_json(&self, domain: &str, json: &[u8]) -> Fingerprint {
        let mut mac = self.mac.clone();
        mac.update(domain.as_bytes());
        mac.update(b"\0");
        mac.update(json);
        truncated(mac)
    }

    /// The key's object, JSON, before it is sealed to those who may open snapshots.
    pub fn to_stored(&self) -> Zeroizing<Vec<u8>> {
        let key = Zeroizing::new(STANDARD.encode(*self.key));
        let stored = StoredKey { format_version: 1, id: self.id.clone(), key: key.as_str() };
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        serde_json::to_writer(&mut *bytes, &stored).expect("texts and numbers are JSON, and a Vec takes all bytes");
        bytes.push(b'\n');
        bytes
    }

    /// Reads [`to_stored`](Self::to_stored).
    ///
    /// # Errors
    /// [`FingerprintKeyError`]; never with a byte of the key.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, FingerprintKeyError> {
        let stored: StoredKey<Secret> =
            serde_json::from_slice(bytes).map_err(|_| FingerprintKeyError::Damaged("it is not the JSON of one"))?;
        if stored.format_version > 1 {
            return Err(FingerprintKeyError::NewerFormat(stored.format_version));
        }
        let mut key = Zeroizing::new([0; 32]);
        let mut decoded = Zeroizing::new([0; 36]);
        match STANDARD.decode_slice(stored.key.reveal(), &mut *decoded) {
            Ok(32) => key.copy_from_slice(&decoded[..32]),
            _ => return Err(FingerprintKeyError::Damaged("its key is not 32 bytes of base64")),
        }
        let key = Self::from_key(key);
        match key.id == stored.id {
            true => Ok(key),
            false => Err(FingerprintKeyError::Damaged("its id is another key's")),
        }
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintKey({})", self.id)
    }
}

fn truncated(mac: Hmac<Sha256>) -> Fingerprint {
    let mut fingerprint = [0; 16];
    fingerprint.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    Fingerprint(fingerprint)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use parados_parameter::{Annotations, DataType, ParameterName, ParameterType, Policy, Tier, Version};

    use super::*;

    fn key() -> FingerprintKey {
        FingerprintKey::derive(&[7; 32], "00112233445566778899aabbccddeeff")
    }

    fn name(text: &str) -> ParameterName {
        ParameterName::parse(text).unwrap()
    }

    fn metadata() -> ParameterMetadata {
        ParameterMetadata {
            name: name("/app/dev/db"),
            arn: None,
            parameter_type: ParameterType::String,
            key_id: None,
            last_modified_date: Timestamp::UNIX_EPOCH,
            last_modified_user: None,
            description: None,
            allowed_pattern: None,
            version: Version::FIRST,
            tier: Tier::Standard,
            policies: Vec::new(),
            data_type: DataType::default(),
            annotations: None,
        }
    }

    /// Computed apart from this code, with Python's hmac and hashlib: see FORMAT.md, "Fingerprints".
    #[test]
    fn all_keys_are_stored_in_as_many_bytes() {
        for seed in 0..3 {
            assert_eq!(FingerprintKey::derive(&[seed; 32], "r").to_stored().len(), STORED_KEY_BYTES);
        }
    }

    #[test]
    fn the_derivation_and_the_fingerprints_are_pinned() {
        assert_eq!(key().id().as_str(), "3de98b9ba9bcb449");
        assert_eq!(key().value(&Secret::new("hunter2")).to_string(), "MjRq2bKPxeUgJjOl70NBXQ");
        assert_eq!(key().metadata(&metadata()).to_string(), "qvvUx0UkUaqSde0lf3uzHg");
    }

    #[test]
    fn a_value_s_fingerprint_depends_on_key_and_value_and_on_nothing_else() {
        let secret = Secret::new("hunter2");
        let fingerprint = key().value(&secret);
        assert_eq!(fingerprint, key().value(&secret.clone()));
        assert_ne!(fingerprint, key().value(&Secret::new("hunter3")));
        assert_ne!(fingerprint, FingerprintKey::derive(&[8; 32], "r").value(&secret));
        assert_ne!(key().id(), FingerprintKey::derive(&[7; 32], "another repository").id());
    }

    #[test]
    fn every_field_that_a_listing_gives_counts_except_the_annotations() {
        let change = |change: &dyn Fn(&mut ParameterMetadata)| {
            let mut changed = metadata();
            change(&mut changed);
            key().metadata(&changed)
        };
        let changes: [&dyn Fn(&mut ParameterMetadata); 12] = [
            &|m| m.name = name("/app/dev/db2"),
            &|m| m.arn = Some("arn:x".into()),
            &|m| m.parameter_type = ParameterType::StringList,
            &|m| m.key_id = Some("alias/a".parse().unwrap()),
            &|m| m.last_modified_date = Timestamp::from_millisecond(1).unwrap(),
            &|m| m.last_modified_user = Some("ann".into()),
            &|m| m.description = Some("x".parse().unwrap()),
            &|m| m.allowed_pattern = Some("x".parse().unwrap()),
            &|m| m.version = Version::new(2).unwrap(),
            &|m| m.tier = Tier::Advanced,
            &|m| {
                m.policies =
                    vec![Policy { policy_text: "{}".into(), policy_type: "Expiration".into(), policy_status: None }]
            },
            &|m| m.data_type = DataType::observed("aws:ec2:image"),
        ];
        let mut seen: Vec<Fingerprint> = changes.iter().map(|one| change(*one)).collect();
        seen.push(key().metadata(&metadata()));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count, "each change shows, and each differently");
        assert_eq!(change(&|m| m.annotations = Some(Annotations::default())), key().metadata(&metadata()));
    }

    #[test]
    fn a_stored_key_reads_back_and_damage_is_noticed() {
        let stored = key().to_stored();
        let read = FingerprintKey::from_stored(&stored).unwrap();
        assert_eq!(read.id(), key().id());
        assert_eq!(read.metadata(&metadata()), key().metadata(&metadata()));

        let text = String::from_utf8(stored.to_vec()).unwrap();
        let newer = text.replace("\"format_version\":1", "\"format_version\":2");
        assert_eq!(FingerprintKey::from_stored(newer.as_bytes()).unwrap_err(), FingerprintKeyError::NewerFormat(2));
        for damaged in ["{}".to_owned(), text.replace(key().id().as_str(), "0000000000000000"), text.replace("=", "")] {
            assert!(matches!(FingerprintKey::from_stored(damaged.as_bytes()), Err(FingerprintKeyError::Damaged(_))));
        }
        assert_eq!(format!("{:?}", key()), format!("FingerprintKey({})", key().id()), "Debug does not show it");
    }

    #[test]
    fn texts_that_are_not_fingerprints_are_refused() {
        let text = Fingerprint::from_bytes([255; 16]).to_string();
        assert_eq!(text.parse::<Fingerprint>().unwrap(), Fingerprint::from_bytes([255; 16]));
        for bad in ["", "AAAA", &"A".repeat(23), &"A".repeat(21), "//////////////////////", &"A".repeat(1000)] {
            bad.parse::<Fingerprint>().unwrap_err();
        }
    }
}
