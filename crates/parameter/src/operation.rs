//! The operations of a store, and the quota that each draws from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operation of the Parameter Store API, or of a service that Parados calls beside it. One call on the wire is one of
/// these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Operation {
    DescribeParameters,
    GetParameter,
    GetParameters,
    GetParametersByPath,
    GetParameterHistory,
    ListTagsForResource,
    GetResources,
    PutParameter,
    DeleteParameter,
    LabelParameterVersion,
    UnlabelParameterVersion,
    AddTagsToResource,
    RemoveTagsFromResource,
}

/// A quota that several operations share (PARAMETER_STORE facts: "Quotas, per account and Region").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum QuotaGroup {
    /// DescribeParameters.
    Describe,
    /// GetParameter, GetParameters and GetParametersByPath together.
    Get,
    /// GetParameterHistory.
    History,
    /// Reads of tags: ListTagsForResource, GetResources.
    Tags,
    /// PutParameter.
    Put,
    /// DeleteParameter.
    Delete,
    /// Labels and tags, written.
    Annotate,
}

impl Operation {
    /// Every operation, in the order of this list.
    pub const ALL: &[Self] = &[
        Self::DescribeParameters,
        Self::GetParameter,
        Self::GetParameters,
        Self::GetParametersByPath,
        Self::GetParameterHistory,
        Self::ListTagsForResource,
        Self::GetResources,
        Self::PutParameter,
        Self::DeleteParameter,
        Self::LabelParameterVersion,
        Self::UnlabelParameterVersion,
        Self::AddTagsToResource,
        Self::RemoveTagsFromResource,
    ];

    /// The operation's name in AWS's spelling.
    pub fn name(self) -> &'static str {
        match self {
            Self::DescribeParameters => "DescribeParameters",
            Self::GetParameter => "GetParameter",
            Self::GetParameters => "GetParameters",
            Self::GetParametersByPath => "GetParametersByPath",
            Self::GetParameterHistory => "GetParameterHistory",
            Self::ListTagsForResource => "ListTagsForResource",
            Self::GetResources => "GetResources",
            Self::PutParameter => "PutParameter",
            Self::DeleteParameter => "DeleteParameter",
            Self::LabelParameterVersion => "LabelParameterVersion",
            Self::UnlabelParameterVersion => "UnlabelParameterVersion",
            Self::AddTagsToResource => "AddTagsToResource",
            Self::RemoveTagsFromResource => "RemoveTagsFromResource",
        }
    }

    /// The IAM action that permits it.
    pub fn iam_action(self) -> String {
        match self {
            Self::GetResources => "tag:GetResources".to_owned(),
            other => format!("ssm:{}", other.name()),
        }
    }

    /// The quota that it draws from.
    pub fn quota_group(self) -> QuotaGroup {
        match self {
            Self::DescribeParameters => QuotaGroup::Describe,
            Self::GetParameter | Self::GetParameters | Self::GetParametersByPath => QuotaGroup::Get,
            Self::GetParameterHistory => QuotaGroup::History,
            Self::ListTagsForResource | Self::GetResources => QuotaGroup::Tags,
            Self::PutParameter => QuotaGroup::Put,
            Self::DeleteParameter => QuotaGroup::Delete,
            Self::LabelParameterVersion
            | Self::UnlabelParameterVersion
            | Self::AddTagsToResource
            | Self::RemoveTagsFromResource => QuotaGroup::Annotate,
        }
    }

    /// Whether it changes the store.
    pub fn is_write(self) -> bool {
        matches!(self.quota_group(), QuotaGroup::Put | QuotaGroup::Delete | QuotaGroup::Annotate)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
