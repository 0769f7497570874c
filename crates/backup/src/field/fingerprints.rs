//! What a manifest says of a parameter's fields without saying them, so that a comparison of two manifests names those that
//! changed. FORMAT.md, "Fingerprints", is normative.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Field, comparable};
use crate::document::ParameterRecord;
use crate::fingerprint::FingerprintKey;

/// The bytes of each.
const BYTES: usize = 4;
/// The characters of all of them.
const TEXT_LENGTH: usize = 43;
/// Stands for a field that was not read.
const NOT_READ: [u8; BYTES] = [0; BYTES];

/// Short fingerprints of eight fields: those of a parameter that neither its type nor its value's fingerprint tells. Two compare
/// only under one key. Written as 43 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldFingerprints([u8; 32]);

impl FieldFingerprints {
    /// The fields that it has, in the order of their places.
    pub const FIELDS: [Field; 8] = [
        Field::Description,
        Field::KeyId,
        Field::Tier,
        Field::Policies,
        Field::AllowedPattern,
        Field::DataType,
        Field::Tags,
        Field::Labels,
    ];

    /// Those of one record alone; of many, [`FieldFingerprinter`] makes them in less time.
    pub fn of(record: &ParameterRecord, key: &FingerprintKey) -> Self {
        FieldFingerprinter::new(key).of(record)
    }

    /// Those that were stored as these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The fields that differ. One that was not read on either side is not comparable, hence not different.
    pub fn differing(&self, other: &Self) -> impl Iterator<Item = Field> {
        let pairs = self.0.chunks_exact(BYTES).zip(other.0.chunks_exact(BYTES)).zip(Self::FIELDS);
        pairs.filter(|((a, b), _)| a != b && **a != NOT_READ && **b != NOT_READ).map(|(_, field)| field)
    }

    /// Whether `field` is one of the eight, and was read.
    pub fn has(&self, field: Field) -> bool {
        let mut places = self.0.chunks_exact(BYTES).zip(Self::FIELDS);
        places.any(|(bytes, of)| of == field && *bytes != NOT_READ)
    }
}

/// Makes the fingerprints of one record after the other. Most fields of most parameters are what they were of the one before, so
/// each is remembered, and computed only where it is another.
pub struct FieldFingerprinter<K> {
    key: K,
    last: [Remembered; FieldFingerprints::FIELDS.len()],
    json: Vec<u8>,
}

/// A field as JSON, and its fingerprint. Values stand in it only as their fingerprints.
#[derive(Default)]
struct Remembered {
    json: Vec<u8>,
    bytes: [u8; BYTES],
}

impl<K: Borrow<FingerprintKey>> FieldFingerprinter<K> {
    /// Makes fingerprints under `key`.
    pub fn new(key: K) -> Self {
        Self { key, last: Default::default(), json: Vec::new() }
    }

    /// Under what key.
    pub fn key(&self) -> &FingerprintKey {
        self.key.borrow()
    }

    /// Those of a record.
    pub fn of(&mut self, record: &ParameterRecord) -> FieldFingerprints {
        let mut bytes = [0; 32];
        for (at, place) in bytes.chunks_exact_mut(BYTES).enumerate() {
            place.copy_from_slice(&self.of_field(record, at).unwrap_or(NOT_READ));
        }
        FieldFingerprints(bytes)
    }

    /// The first bytes of the MAC of the field at this place; none where it was not read.
    fn of_field(&mut self, record: &ParameterRecord, at: usize) -> Option<[u8; BYTES]> {
        let field = FieldFingerprints::FIELDS[at];
        match field {
            Field::Description => self.make(at, &comparable::description(record)?),
            Field::KeyId => self.make(at, &comparable::key_id(record)?),
            Field::Tier => self.make(at, &comparable::tier(record)?),
            Field::Policies => self.make(at, &comparable::policies(record)?),
            Field::AllowedPattern => self.make(at, &comparable::allowed_pattern(record)?),
            Field::DataType => self.make(at, &record.data_type),
            Field::Tags => {
                let tags = comparable::tags(record)?;
                self.make(at, &tags.iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>())
            }
            Field::Labels => {
                let labels = comparable::labels(record)?;
                let older = labels.older.into_iter().map(|(value, labels)| (self.key().value(value), labels));
                let older = older.collect::<Vec<_>>();
                self.make(at, &(labels.newest, older))
            }
            Field::Type | Field::Value | Field::History => return None,
        }
        Some(self.last[at].bytes)
    }

    /// Makes the fingerprint of what stands at this place, where it is not the one that is remembered.
    fn make(&mut self, at: usize, content: &impl Serialize) {
        self.json.clear();
        serde_json::to_writer(&mut self.json, content).expect("texts and numbers are JSON, and a Vec takes all bytes");
        // No JSON is empty, as what is remembered is at first.
        if self.last[at].json == self.json {
            return;
        }
        let fingerprint = self.key().of_json(FieldFingerprints::FIELDS[at].as_str(), &self.json);
        let last = &mut self.last[at];
        last.bytes.copy_from_slice(&fingerprint.as_bytes()[..BYTES]);
        if last.bytes == NOT_READ {
            last.bytes = [0, 0, 0, 1];
        }
        std::mem::swap(&mut last.json, &mut self.json);
    }
}

impl<K: Borrow<FingerprintKey>> fmt::Debug for FieldFingerprinter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldFingerprinter({})", self.key().id())
    }
}

impl fmt::Display for FieldFingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; TEXT_LENGTH];
        let length = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.pad(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for FieldFingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldFingerprints({self})")
    }
}

/// A text that is not the fingerprints of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not the fingerprints of fields: 43 characters of base64url are expected")]
pub struct InvalidFieldFingerprints;

impl FromStr for FieldFingerprints {
    type Err = InvalidFieldFingerprints;

    fn from_str(text: &str) -> Result<Self, InvalidFieldFingerprints> {
        let mut bytes = [0; 36];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(32) => {
                let mut fingerprints = [0; 32];
                fingerprints.copy_from_slice(&bytes[..32]);
                Ok(Self(fingerprints))
            }
            _ => Err(InvalidFieldFingerprints),
        }
    }
}

impl Serialize for FieldFingerprints {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldFingerprints {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = FieldFingerprints;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("43 characters of base64url")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<FieldFingerprints, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
