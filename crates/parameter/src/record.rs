//! What a store says of a parameter. No call says everything: see [`ParameterMetadata`], [`Parameter`] and
//! [`HistoryEntry`] for what each lacks.

use jiff::Timestamp;

use crate::{
    AllowedPattern, DataType, Description, KeyId, Label, ParameterName, ParameterType, Policy, Secret, Tag, Tier,
    Version,
};

/// What DescribeParameters says of a parameter: everything but the value, the labels and the tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterMetadata {
    /// The name, as it was spelled at its creation.
    pub name: ParameterName,
    /// The ARN. Absent where the store has none to give.
    pub arn: Option<String>,
    /// The type.
    pub parameter_type: ParameterType,
    /// The key of a SecureString; none for the other types.
    pub key_id: Option<KeyId>,
    /// When the newest version was put.
    pub last_modified_date: Timestamp,
    /// Who put it: an IAM ARN, or a user of this machine.
    pub last_modified_user: Option<String>,
    /// What it is for.
    pub description: Option<Description>,
    /// What its values must match.
    pub allowed_pattern: Option<AllowedPattern>,
    /// The newest version.
    pub version: Version,
    /// The tier.
    pub tier: Tier,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// What its value means.
    pub data_type: DataType,
    /// The tags and labels, where the store says them here. AWS does not ([`None`]); a store that does spares its reader a
    /// call for each parameter. When present they equal what [`tags`](crate::ParameterStore::tags) and
    /// [`history`](crate::ParameterStore::history) say.
    pub annotations: Option<Annotations>,
}

/// The tags and the labels of a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// Its tags, sorted by key.
    pub tags: Vec<Tag>,
    /// The labels of all of its versions, sorted by version and label.
    pub labels: Vec<(Version, Label)>,
}

/// What GetParameter and GetParameters say of a parameter: its value, and neither key, description, tier, policies, pattern,
/// labels nor tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: ParameterName,
    /// The type.
    pub parameter_type: ParameterType,
    /// The value, decrypted.
    pub value: Secret,
    /// The version that this is the value of.
    pub version: Version,
    /// When that version was put.
    pub last_modified_date: Timestamp,
    /// The ARN.
    pub arn: Option<String>,
    /// What the value means.
    pub data_type: DataType,
}

/// What GetParameterHistory says of one version: everything but the ARN and the tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What was true of this version. Its `arn` and `annotations` are absent.
    pub metadata: ParameterMetadata,
    /// The value, decrypted.
    pub value: Secret,
    /// The labels of this version, sorted.
    pub labels: Vec<Label>,
}
