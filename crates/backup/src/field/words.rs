//! A field as a person reads it.

use parados_parameter::Label;

use super::{Field, comparable};
use crate::document::ParameterRecord;

/// What a record says of a field, in words; none where there is none or it was not read, and of a value, which no words show.
pub fn in_words(record: &ParameterRecord, field: Field) -> Option<String> {
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let list = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(", "));
    match field {
        Field::Type => Some(record.parameter_type.to_string()),
        Field::Value => None,
        Field::Description => some(comparable::description(record)),
        Field::KeyId => some(comparable::key_id(record)),
        Field::Tier => record.tier.map(|tier| tier.to_string()),
        Field::Policies => list(comparable::policies(record)?.into_iter().map(Into::into).collect()),
        Field::AllowedPattern => some(comparable::allowed_pattern(record)),
        Field::DataType => Some(record.data_type.to_string()),
        Field::Tags => {
            list(comparable::tags(record)?.iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect())
        }
        Field::Labels => list(labels(record)),
        Field::History => record.history.as_ref().map(|history| format!("{} older versions", history.len())),
    }
}

/// The labels of each version that bears any: `live (version 3)`.
fn labels(record: &ParameterRecord) -> Vec<String> {
    let newest = (record.version, record.labels.as_deref().unwrap_or_default());
    let older = record.history.iter().flatten().rev().map(|entry| (entry.version, entry.labels.as_slice()));
    let named = std::iter::once(newest).chain(older).filter(|(_, labels)| !labels.is_empty());
    let text = |(version, labels): (_, &[Label])| {
        let labels: Vec<_> = labels.iter().map(Label::as_str).collect();
        format!("{} (version {version})", labels.join(" "))
    };
    named.map(text).collect()
}
