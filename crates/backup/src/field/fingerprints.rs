//! What a manifest says of a parameter's fields without saying them, so that a comparison of two manifests names those that
//! changed. FORMAT.md, "Fingerprints", is normative.

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

    /// Those of a record.
    pub fn of(record: &ParameterRecord, key: &FingerprintKey) -> Self {
        let mut bytes = [0; 32];
        for (place, field) in bytes.chunks_exact_mut(BYTES).zip(Self::FIELDS) {
            place.copy_from_slice(&of_field(record, field, key).unwrap_or(NOT_READ));
        }
        Self(bytes)
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

/// The first bytes of the field's MAC; none where it was not read.
fn of_field(record: &ParameterRecord, field: Field, key: &FingerprintKey) -> Option<[u8; BYTES]> {
    let name = field.as_str();
    let fingerprint = match field {
        Field::Description => key.json(name, &comparable::description(record)?),
        Field::KeyId => key.json(name, &comparable::key_id(record)?),
        Field::Tier => key.json(name, &comparable::tier(record)?),
        Field::Policies => key.json(name, &comparable::policies(record)?),
        Field::AllowedPattern => key.json(name, &comparable::allowed_pattern(record)?),
        Field::DataType => key.json(name, &record.data_type),
        Field::Tags => {
            let tags = comparable::tags(record)?;
            key.json(name, &tags.iter().map(|tag| (tag.key(), tag.value())).collect::<Vec<_>>())
        }
        Field::Labels => {
            let labels = comparable::labels(record)?;
            let older = labels.older.into_iter().map(|(value, labels)| (key.value(value), labels));
            key.json(name, &(labels.newest, older.collect::<Vec<_>>()))
        }
        Field::Type | Field::Value | Field::History => return None,
    };
    let mut bytes = [0; BYTES];
    bytes.copy_from_slice(&fingerprint.as_bytes()[..BYTES]);
    Some(if bytes == NOT_READ { [0, 0, 0, 1] } else { bytes })
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
