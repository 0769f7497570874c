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
use crate::fingerprint::{FingerprintKey, base64url};

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

    /// Their bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
    parts: Vec<u8>,
    json: Vec<u8>,
}

/// What a fingerprint was made of, and the fingerprint.
#[derive(Default)]
struct Remembered {
    /// Texts, each with its length before it: fewer steps than their JSON. Values stand in it only as their fingerprints.
    parts: Vec<u8>,
    bytes: [u8; BYTES],
}

impl<K: Borrow<FingerprintKey>> FieldFingerprinter<K> {
    /// Makes fingerprints under `key`.
    pub fn new(key: K) -> Self {
        Self { key, last: Default::default(), parts: Vec::new(), json: Vec::new() }
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
        Some(match FieldFingerprints::FIELDS[at] {
            Field::Description => self.of_text(at, comparable::description(record)?),
            Field::KeyId => self.of_text(at, comparable::key_id(record)?),
            Field::Tier => self.of_text(at, comparable::tier(record)?.as_str()),
            Field::AllowedPattern => self.of_text(at, comparable::allowed_pattern(record)?),
            Field::DataType => self.of_text(at, record.data_type.as_str()),
            Field::Policies if record.policies.is_empty() && record.tier.is_none() => return None,
            Field::Policies => {
                let texts = record.policies.iter().map(|policy| policy.policy_text.as_str());
                self.make(at, texts, || comparable::policies(record))
            }
            Field::Tags => {
                let texts = record.tags.as_ref()?.iter().flat_map(|tag| [tag.key(), tag.value()]);
                let pairs = || {
                    let tags = comparable::tags(record)?;
                    Some(tags.into_iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>())
                };
                self.make(at, texts, pairs)
            }
            Field::Labels => {
                let labels = comparable::labels(record)?;
                let older =
                    labels.older.into_iter().map(|(value, labels)| (self.key().value(value).to_string(), labels));
                let older = older.collect::<Vec<_>>();
                let newest = labels.newest.iter().map(|label| label.as_str());
                // No label is empty, so an empty text tells where the next version begins.
                let texts = older.iter().flat_map(|(value, labels)| {
                    ["", value.as_str()].into_iter().chain(labels.iter().map(|label| label.as_str()))
                });
                self.make(at, newest.chain(texts), || (&labels.newest, &older))
            }
            Field::Type | Field::Value | Field::History => return None,
        })
    }

    fn of_text(&mut self, at: usize, text: &str) -> [u8; BYTES] {
        self.make(at, [text], || text)
    }

    /// The fingerprint of the JSON of `content`, for the field at this place, or the one that is remembered where it was made of
    /// the same `texts`, of which the content follows.
    fn make<'t, C: Serialize>(
        &mut self,
        at: usize,
        texts: impl IntoIterator<Item = &'t str>,
        content: impl FnOnce() -> C,
    ) -> [u8; BYTES] {
        // What is remembered at first is empty, and equal to nothing.
        self.parts.clear();
        self.parts.push(1);
        for text in texts {
            self.parts.extend_from_slice(&text.len().to_ne_bytes());
            self.parts.extend_from_slice(text.as_bytes());
        }
        if self.last[at].parts == self.parts {
            return self.last[at].bytes;
        }
        self.json.clear();
        serde_json::to_writer(&mut self.json, &content()).expect("texts are JSON, and a Vec takes all bytes");
        let fingerprint = self.key().of_json(FieldFingerprints::FIELDS[at].as_str(), &self.json);
        let last = &mut self.last[at];
        last.bytes.copy_from_slice(&fingerprint.as_bytes()[..BYTES]);
        if last.bytes == NOT_READ {
            last.bytes = [0, 0, 0, 1];
        }
        std::mem::swap(&mut last.parts, &mut self.parts);
        last.bytes
    }
}

impl<K: Borrow<FingerprintKey>> fmt::Debug for FieldFingerprinter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldFingerprinter({})", self.key().id())
    }
}

impl fmt::Display for FieldFingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(base64url(&self.0, &mut [0; TEXT_LENGTH]))
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
        serializer.serialize_str(base64url(&self.0, &mut [0; TEXT_LENGTH]))
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
