//! What `--output json` prints of parameters: the AWS CLI's fields. A value that is not revealed is null.

use jiff::Timestamp;
use parados_parameter::{
    HistoryEntry, LabelOutcome, Parameter, ParameterMetadata, ParameterName, Policy, PutOutcome, Tag, UnlabelOutcome,
};
use schemars::JsonSchema;
use serde::Serialize;

/// What `parameter get` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetView {
    /// The parameter.
    pub(crate) parameter: ParameterView,
}

/// A parameter with its value.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ParameterView {
    /// The name.
    pub(crate) name: String,
    /// String, StringList or SecureString.
    #[serde(rename = "Type")]
    pub(crate) parameter_type: String,
    /// The value; null unless revealed.
    pub(crate) value: Option<String>,
    /// The version.
    pub(crate) version: i64,
    /// When that version was put.
    pub(crate) last_modified_date: String,
    /// The ARN.
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
    /// What the value means.
    pub(crate) data_type: String,
}

impl ParameterView {
    /// `parameter`, with its value where it is to be revealed.
    pub(crate) fn of(parameter: &Parameter, reveal: bool) -> Self {
        Self {
            name: parameter.name.to_string(),
            parameter_type: parameter.parameter_type.to_string(),
            value: reveal.then(|| parameter.value.reveal().to_owned()),
            version: parameter.version.get(),
            last_modified_date: date(parameter.last_modified_date),
            arn: parameter.arn.clone(),
            data_type: parameter.data_type.to_string(),
        }
    }
}

/// What `parameter list` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeView {
    /// The parameters, by name.
    pub(crate) parameters: Vec<MetadataView>,
    /// What is there too, and could not be understood.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<UnreadableView>,
}

/// A parameter of which the listing could not be understood.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnreadableView {
    /// The name.
    pub(crate) name: String,
    /// Why.
    pub(crate) reason: String,
}

/// What is known of a parameter but its value.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MetadataView {
    /// The name.
    pub(crate) name: String,
    /// The ARN.
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
    /// String, StringList or SecureString.
    #[serde(rename = "Type")]
    pub(crate) parameter_type: String,
    /// The KMS key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    /// When the version was put.
    pub(crate) last_modified_date: String,
    /// Who put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_modified_user: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// What values must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_pattern: Option<String>,
    /// The version.
    pub(crate) version: i64,
    /// Standard or Advanced.
    pub(crate) tier: String,
    /// The policies.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub(crate) policies: Vec<Policy>,
    /// What the value means.
    pub(crate) data_type: String,
}

impl MetadataView {
    /// `metadata` in text.
    pub(crate) fn of(metadata: &ParameterMetadata) -> Self {
        let text = |text: Option<&dyn ToString>| text.map(ToString::to_string);
        Self {
            name: metadata.name.to_string(),
            arn: metadata.arn.clone(),
            parameter_type: metadata.parameter_type.to_string(),
            key_id: text(metadata.key_id.as_ref().map(|key| key as _)),
            last_modified_date: date(metadata.last_modified_date),
            last_modified_user: metadata.last_modified_user.clone(),
            description: text(metadata.description.as_ref().map(|description| description as _)),
            allowed_pattern: text(metadata.allowed_pattern.as_ref().map(|pattern| pattern as _)),
            version: metadata.version.get(),
            tier: metadata.tier.to_string(),
            policies: metadata.policies.clone(),
            data_type: metadata.data_type.to_string(),
        }
    }
}

/// What `parameter history` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HistoryView {
    /// The versions, oldest first.
    pub(crate) parameters: Vec<VersionView>,
}

/// A version.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionView {
    /// What was true of it.
    #[serde(flatten)]
    pub(crate) metadata: MetadataView,
    /// Its value; null unless revealed.
    pub(crate) value: Option<String>,
    /// Its labels.
    pub(crate) labels: Vec<String>,
}

impl VersionView {
    /// `entry`, with its value where it is to be revealed.
    pub(crate) fn of(entry: &HistoryEntry, reveal: bool) -> Self {
        Self {
            metadata: MetadataView::of(&entry.metadata),
            value: reveal.then(|| entry.value.reveal().to_owned()),
            labels: entry.labels.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What `parameter put` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutView {
    /// The version made.
    pub(crate) version: i64,
    /// The tier that it is in.
    pub(crate) tier: String,
}

impl PutView {
    /// `outcome` in text.
    pub(crate) fn of(outcome: PutOutcome) -> Self {
        Self { version: outcome.version.get(), tier: outcome.tier.to_string() }
    }
}

/// What `parameter label` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LabelView {
    /// Labels that break the rules and were not set.
    pub(crate) invalid_labels: Vec<String>,
    /// The version labelled.
    pub(crate) parameter_version: i64,
}

impl LabelView {
    /// `outcome` in text.
    pub(crate) fn of(outcome: &LabelOutcome) -> Self {
        Self { invalid_labels: outcome.invalid.clone(), parameter_version: outcome.version.get() }
    }
}

/// What `parameter unlabel` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UnlabelView {
    /// Labels taken off.
    pub(crate) removed_labels: Vec<String>,
    /// Labels that the version does not bear.
    pub(crate) invalid_labels: Vec<String>,
}

impl UnlabelView {
    /// `outcome` in text.
    pub(crate) fn of(outcome: &UnlabelOutcome) -> Self {
        let texts = |labels: &[parados_parameter::Label]| labels.iter().map(ToString::to_string).collect();
        Self { removed_labels: texts(&outcome.removed), invalid_labels: texts(&outcome.invalid) }
    }
}

/// What `parameter tag` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagView {
    /// The parameter.
    #[schemars(with = "String")]
    pub(crate) name: ParameterName,
    /// The tags that it bears now, beside those that it bore.
    pub(crate) tags: Vec<TagPair>,
}

/// A tag.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagPair {
    /// Its key.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
}

impl TagView {
    /// `tags` of `name` in text.
    pub(crate) fn of(name: &ParameterName, tags: &[Tag]) -> Self {
        let pair = |tag: &Tag| TagPair { key: tag.key().to_owned(), value: tag.value().to_owned() };
        Self { name: name.clone(), tags: tags.iter().map(pair).collect() }
    }
}

/// What `parameter untag` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UntagView {
    /// The parameter.
    #[schemars(with = "String")]
    pub(crate) name: ParameterName,
    /// The keys of the tags that it no longer bears.
    pub(crate) tag_keys: Vec<String>,
}

/// What `parameter delete` prints.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteView {
    /// Those that are gone.
    #[schemars(with = "Vec<String>")]
    pub(crate) deleted_parameters: Vec<ParameterName>,
    /// Those that were not there.
    #[schemars(with = "Vec<String>")]
    pub(crate) invalid_parameters: Vec<ParameterName>,
}

/// A date as the AWS CLI writes it.
fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_aws_cli_does() {
        assert_eq!(date("2025-10-15T12:00:45.76Z".parse().unwrap()), "2025-10-15T12:00:45.760000+00:00");
    }
}
