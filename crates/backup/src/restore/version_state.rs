//! A version of a parameter as plans compare it: everything that a put can bring back, the value by its fingerprint.

use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Label, MAX_STANDARD_VALUE_BYTES, ParameterType, Policy, Tier, Version,
};
use serde_json::Value;

use super::transform::is_same_key;
use crate::document::{HistoryRecord, ParameterRecord};
use crate::field::Field;
use crate::fingerprint::{Fingerprint, FingerprintKey};

/// A version, in the source or in the store.
#[derive(Clone, Debug)]
pub(super) struct VersionState {
    pub(super) version: Version,
    pub(super) last_modified_date: Timestamp,
    pub(super) fingerprint: Fingerprint,
    pub(super) parameter_type: ParameterType,
    pub(super) key_id: Option<KeyId>,
    /// Never empty.
    pub(super) description: Option<Description>,
    /// Never empty.
    pub(super) allowed_pattern: Option<AllowedPattern>,
    /// Absent in a document of the old pipeline. Then neither of description, key, pattern and policies is known, where it is
    /// absent.
    pub(super) tier: Option<Tier>,
    pub(super) policies: Vec<Policy>,
    pub(super) data_type: DataType,
    pub(super) labels: Vec<Label>,
    /// Whether the standard tier does not take it.
    pub(super) needs_advanced: bool,
}

impl VersionState {
    /// The newest version of a record.
    pub(super) fn newest(record: &ParameterRecord, fingerprints: &FingerprintKey) -> Self {
        Self {
            version: record.version,
            last_modified_date: record.last_modified_date,
            fingerprint: fingerprints.value(&record.value),
            parameter_type: record.parameter_type,
            key_id: record.key_id.clone(),
            description: record.description.clone().filter(|text| !text.as_str().is_empty()),
            allowed_pattern: record.allowed_pattern.clone().filter(|text| !text.as_str().is_empty()),
            tier: record.tier,
            policies: record.policies.clone(),
            data_type: record.data_type.clone(),
            labels: record.labels.clone().unwrap_or_default(),
            needs_advanced: record.value.len() > MAX_STANDARD_VALUE_BYTES || !record.policies.is_empty(),
        }
    }

    /// An older version.
    pub(super) fn older(record: &HistoryRecord, fingerprints: &FingerprintKey) -> Self {
        Self {
            version: record.version,
            last_modified_date: record.last_modified_date,
            fingerprint: fingerprints.value(&record.value),
            parameter_type: record.parameter_type,
            key_id: record.key_id.clone(),
            description: record.description.clone().filter(|text| !text.as_str().is_empty()),
            allowed_pattern: record.allowed_pattern.clone().filter(|text| !text.as_str().is_empty()),
            tier: record.tier,
            policies: record.policies.clone(),
            data_type: record.data_type.clone(),
            labels: record.labels.clone(),
            needs_advanced: record.value.len() > MAX_STANDARD_VALUE_BYTES || !record.policies.is_empty(),
        }
    }

    /// Whether what is absent of it is known to be none.
    pub(super) fn says_all(&self) -> bool {
        self.tier.is_some()
    }

    /// Whether it is of this type and value: enough for a label to stand on it.
    pub(super) fn has_value_of(&self, other: &Self) -> bool {
        self.parameter_type == other.parameter_type && self.fingerprint == other.fingerprint
    }

    /// Whether it is `wanted` in all that a put brings back of an older version.
    pub(super) fn is_as(&self, wanted: &Self) -> bool {
        let ignored = [Field::Tier, Field::Policies];
        self.differing(wanted).iter().all(|field| ignored.contains(field))
    }

    /// The fields in which it is not as `wanted`, of those that a put brings back.
    pub(super) fn differing(&self, wanted: &Self) -> Vec<Field> {
        let all = wanted.says_all();
        let mut fields = Vec::new();
        let mut note = |field, differs: bool| fields.extend(Some(field).filter(|_| differs));
        note(Field::Type, self.parameter_type != wanted.parameter_type);
        note(Field::Value, self.fingerprint != wanted.fingerprint);
        note(Field::Description, (all || wanted.description.is_some()) && self.description != wanted.description);
        let other_key = match (&self.key_id, &wanted.key_id) {
            (Some(key), Some(wanted)) => !is_same_key(key, wanted),
            // A SecureString has a key even where nobody says which.
            (_, wanted) => wanted.is_some(),
        };
        note(Field::KeyId, other_key);
        note(Field::Tier, wanted.tier.is_some_and(|tier| self.tier != Some(tier)));
        note(
            Field::Policies,
            (all || !wanted.policies.is_empty()) && comparable(&self.policies) != comparable(&wanted.policies),
        );
        note(
            Field::AllowedPattern,
            (all || wanted.allowed_pattern.is_some()) && self.allowed_pattern != wanted.allowed_pattern,
        );
        note(Field::DataType, self.data_type != wanted.data_type);
        fields
    }

    /// A field in words; nothing for a value, and for what is none.
    pub(super) fn in_words(&self, field: Field) -> Option<String> {
        match field {
            Field::Type => Some(self.parameter_type.to_string()),
            Field::Description => self.description.as_ref().map(ToString::to_string),
            Field::KeyId => self.key_id.as_ref().map(ToString::to_string),
            Field::Tier => self.tier.map(|tier| tier.to_string()),
            Field::Policies if self.policies.is_empty() => None,
            Field::Policies => Some(comparable(&self.policies).join(", ")),
            Field::AllowedPattern => self.allowed_pattern.as_ref().map(ToString::to_string),
            Field::DataType => Some(self.data_type.to_string()),
            Field::Value | Field::Tags | Field::Labels | Field::History => None,
        }
    }
}

#[cfg(test)]
impl VersionState {
    /// A String of the standard tier, at this version.
    pub(super) fn sample(version: i64) -> Self {
        Self {
            version: Version::new(version).unwrap_or(Version::FIRST),
            last_modified_date: Timestamp::UNIX_EPOCH,
            fingerprint: Fingerprint::from_bytes([0; 16]),
            parameter_type: ParameterType::String,
            key_id: None,
            description: None,
            allowed_pattern: None,
            tier: Some(Tier::Standard),
            policies: Vec::new(),
            data_type: DataType::default(),
            labels: Vec::new(),
            needs_advanced: false,
        }
    }
}

/// The texts of policies in a form in which two compare: their JSON without white space and with sorted members, in order.
fn comparable(policies: &[Policy]) -> Vec<String> {
    let text = |policy: &Policy| match serde_json::from_str::<Value>(&policy.policy_text) {
        Ok(mut json) => {
            json.sort_all_objects();
            json.to_string()
        }
        Err(_) => policy.policy_text.clone(),
    };
    let mut texts: Vec<_> = policies.iter().map(text).collect();
    texts.sort_unstable();
    texts
}
