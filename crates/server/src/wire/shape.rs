//! The shapes of answers.

use jiff::Timestamp;
use parados_parameter::{AccountRegion, HistoryEntry, Parameter, ParameterMetadata, ParameterType, Secret};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::ciphertext;

/// A moment as AWS JSON has it: seconds since 1970, a number with milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EpochSeconds(pub(crate) Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
        serializer.serialize_f64(self.0.as_millisecond() as f64 / 1000.0)
    }
}

/// A value: in the clear, or as a ciphertext where a SecureString is read without decryption.
#[derive(Debug)]
pub(crate) struct ValueShape {
    value: Secret,
    ciphertext: Option<String>,
}

impl ValueShape {
    /// The value of `parameter` as a reader with or without decryption gets it.
    pub(crate) fn of(parameter: &mut Parameter, place: &AccountRegion, with_decryption: bool) -> Self {
        let value = std::mem::replace(&mut parameter.value, Secret::new(String::new()));
        let is_hidden = parameter.parameter_type == ParameterType::SecureString && !with_decryption;
        let (version, date) = (parameter.version, parameter.last_modified_date);
        let ciphertext = is_hidden.then(|| ciphertext::of(place, &parameter.name, version, date, value.len()));
        Self { value, ciphertext }
    }

    fn of_history(entry: &mut HistoryEntry, place: &AccountRegion, with_decryption: bool) -> Self {
        let value = std::mem::replace(&mut entry.value, Secret::new(String::new()));
        let metadata = &entry.metadata;
        let is_hidden = metadata.parameter_type == ParameterType::SecureString && !with_decryption;
        let (version, date) = (metadata.version, metadata.last_modified_date);
        let ciphertext = is_hidden.then(|| ciphertext::of(place, &metadata.name, version, date, value.len()));
        Self { value, ciphertext }
    }
}

impl Serialize for ValueShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.ciphertext.as_deref().unwrap_or_else(|| self.value.reveal()))
    }
}

/// `Parameter`, as GetParameter, GetParameters and GetParametersByPath have it.
#[derive(Debug)]
pub(crate) struct ParameterShape {
    parameter: Parameter,
    value: ValueShape,
    arn: String,
    selector: Option<String>,
}

impl ParameterShape {
    /// `selector` is what stood behind the name: `:3`, `:blue`.
    pub(crate) fn new(
        mut parameter: Parameter,
        place: &AccountRegion,
        with_decryption: bool,
        selector: Option<String>,
    ) -> Self {
        let arn = parameter
            .arn
            .take()
            .unwrap_or_else(|| parameter.name.arn(place.partition(), place.region(), place.account()));
        let value = ValueShape::of(&mut parameter, place, with_decryption);
        Self { parameter, value, arn, selector }
    }
}

impl Serialize for ParameterShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parameter = &self.parameter;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Name", parameter.name.as_str())?;
        map.serialize_entry("Type", parameter.parameter_type.as_str())?;
        map.serialize_entry("Value", &self.value)?;
        map.serialize_entry("Version", &parameter.version.get())?;
        if let Some(selector) = &self.selector {
            map.serialize_entry("Selector", selector)?;
        }
        map.serialize_entry("LastModifiedDate", &EpochSeconds(parameter.last_modified_date))?;
        map.serialize_entry("ARN", &self.arn)?;
        map.serialize_entry("DataType", parameter.data_type.as_str())?;
        map.end()
    }
}

/// `ParameterMetadata`, as DescribeParameters has it.
#[derive(Debug)]
pub(crate) struct MetadataShape {
    metadata: ParameterMetadata,
    arn: String,
}

impl MetadataShape {
    pub(crate) fn new(mut metadata: ParameterMetadata, place: &AccountRegion) -> Self {
        let arn = metadata
            .arn
            .take()
            .unwrap_or_else(|| metadata.name.arn(place.partition(), place.region(), place.account()));
        Self { metadata, arn }
    }
}

impl Serialize for MetadataShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ARN", &self.arn)?;
        serialize_metadata::<S>(&mut map, &self.metadata)?;
        map.end()
    }
}

/// `ParameterHistory`.
#[derive(Debug)]
pub(crate) struct HistoryShape {
    entry: HistoryEntry,
    value: ValueShape,
}

impl HistoryShape {
    pub(crate) fn new(mut entry: HistoryEntry, place: &AccountRegion, with_decryption: bool) -> Self {
        let value = ValueShape::of_history(&mut entry, place, with_decryption);
        Self { entry, value }
    }
}

impl Serialize for HistoryShape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Value", &self.value)?;
        map.serialize_entry("Labels", &self.entry.labels)?;
        serialize_metadata::<S>(&mut map, &self.entry.metadata)?;
        map.end()
    }
}

fn serialize_metadata<S: Serializer>(map: &mut S::SerializeMap, metadata: &ParameterMetadata) -> Result<(), S::Error> {
    map.serialize_entry("Name", metadata.name.as_str())?;
    map.serialize_entry("Type", metadata.parameter_type.as_str())?;
    if let Some(key) = &metadata.key_id {
        map.serialize_entry("KeyId", key.as_str())?;
    }
    map.serialize_entry("LastModifiedDate", &EpochSeconds(metadata.last_modified_date))?;
    if let Some(user) = &metadata.last_modified_user {
        map.serialize_entry("LastModifiedUser", user)?;
    }
    if let Some(description) = &metadata.description {
        map.serialize_entry("Description", description.as_str())?;
    }
    if let Some(pattern) = &metadata.allowed_pattern {
        map.serialize_entry("AllowedPattern", pattern.as_str())?;
    }
    map.serialize_entry("Version", &metadata.version.get())?;
    map.serialize_entry("Tier", metadata.tier.as_str())?;
    map.serialize_entry("Policies", &metadata.policies)?;
    map.serialize_entry("DataType", metadata.data_type.as_str())
}
