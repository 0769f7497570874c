//! Each field in a form in which two compare: what no restore can bring back is left out, and what was not read is none.

use std::borrow::Cow;

use parados_parameter::{Label, MAX_VERSIONS, ParameterType, Policy, Secret, Tag, Tier};
use serde_json::Value;

use crate::document::{HistoryRecord, ParameterRecord};

/// The labels of a parameter, as a restore can bring them back: by position from the newest, each older version by its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels<'a> {
    /// Those of the newest version, sorted.
    pub(super) newest: Vec<&'a Label>,
    /// The values and labels of the older versions that bear any, the newest of them first.
    pub(super) older: Vec<(&'a Secret, Vec<&'a Label>)>,
}

/// What a put can bring back of an older version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version<'a> {
    parameter_type: ParameterType,
    value: &'a Secret,
    data_type: &'a str,
    description: &'a str,
    key_id: &'a str,
    allowed_pattern: &'a str,
}

/// The listing says all of its fields or, in a document of the old pipeline, none: then what is absent is not known.
fn listed<'a>(record: &ParameterRecord, text: Option<&'a str>) -> Option<&'a str> {
    match text {
        None if record.tier.is_none() => None,
        // An empty text is how a put takes one away.
        text => Some(text.unwrap_or_default()),
    }
}

pub(super) fn description(record: &ParameterRecord) -> Option<&str> {
    listed(record, record.description.as_ref().map(|description| description.as_str()))
}

pub(super) fn key_id(record: &ParameterRecord) -> Option<&str> {
    listed(record, record.key_id.as_ref().map(|key| key.as_str()))
}

pub(super) fn allowed_pattern(record: &ParameterRecord) -> Option<&str> {
    listed(record, record.allowed_pattern.as_ref().map(|pattern| pattern.as_str()))
}

pub(super) fn tier(record: &ParameterRecord) -> Option<Tier> {
    record.tier
}

/// The texts of the policies in any order, so sorted. A store may write their JSON anew, so they are without white space and
/// with sorted members; a text that is no JSON stands as it is. Their status is what became of them, and is left out.
pub(super) fn policies<'a>(record: &'a ParameterRecord) -> Option<Vec<Cow<'a, str>>> {
    if record.policies.is_empty() && record.tier.is_none() {
        return None;
    }
    let text = |policy: &'a Policy| match serde_json::from_str::<Value>(&policy.policy_text) {
        Ok(mut json) => {
            json.sort_all_objects();
            Cow::Owned(json.to_string())
        }
        Err(_) => Cow::Borrowed(policy.policy_text.as_str()),
    };
    let mut texts: Vec<_> = record.policies.iter().map(text).collect();
    texts.sort_unstable();
    Some(texts)
}

/// The tags, sorted, without AWS's own, which nobody else can write.
pub(super) fn tags(record: &ParameterRecord) -> Option<Vec<&Tag>> {
    let mut tags: Vec<_> = record.tags.as_ref()?.iter().filter(|tag| !tag.key().starts_with("aws:")).collect();
    tags.sort_unstable();
    Some(tags)
}

/// The labels; none where those of the newest version or the older versions were not read.
pub(super) fn labels(record: &ParameterRecord) -> Option<Labels<'_>> {
    let newest = sorted(record.labels.as_ref()?);
    let older = record.history.as_ref()?.iter().rev().filter(|entry| !entry.labels.is_empty());
    Some(Labels { newest, older: older.map(|entry| (&entry.value, sorted(&entry.labels))).collect() })
}

fn sorted(labels: &[Label]) -> Vec<&Label> {
    let mut labels: Vec<_> = labels.iter().collect();
    labels.sort_unstable_by_key(|label| label.as_str());
    labels
}

/// The older versions, the oldest first; none where not all of them were read. They are all there when they are as many as the
/// version's number, or the most that a store keeps, leaves: stores number without gaps and drop the oldest alone.
pub(super) fn history(record: &ParameterRecord) -> Option<Vec<Version<'_>>> {
    let history = record.history.as_ref()?;
    let kept = usize::try_from(record.version.get()).unwrap_or(MAX_VERSIONS).min(MAX_VERSIONS);
    (history.len() + 1 == kept).then(|| history.iter().map(Version::of).collect())
}

impl<'a> Version<'a> {
    fn of(entry: &'a HistoryRecord) -> Self {
        Self {
            parameter_type: entry.parameter_type,
            value: &entry.value,
            data_type: entry.data_type.as_str(),
            description: entry.description.as_ref().map(|text| text.as_str()).unwrap_or_default(),
            key_id: entry.key_id.as_ref().map(|text| text.as_str()).unwrap_or_default(),
            allowed_pattern: entry.allowed_pattern.as_ref().map(|text| text.as_str()).unwrap_or_default(),
        }
    }
}
