//! GetResourcePolicies.

use serde::Serialize;

use super::resource_policy::{ARN, authorize};
use super::{Operation, missing, page_size};
use crate::ApiError;
use crate::call::Call;
use crate::wire::{input, number, text};

input! {
    /// GetResourcePolicies' request.
    GetResourcePolicies {
        resource_arn: String = "ResourceArn" ARN;
        next_token: String = "NextToken" text();
        max_results: i64 = "MaxResults" number().within(1, 50);
    }
}

/// GetResourcePolicies' answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    policies: Vec<PolicyShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// `GetResourcePoliciesResponseEntry`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyShape {
    policy_id: String,
    policy_hash: String,
    policy: String,
}

impl Operation for GetResourcePolicies {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let (name, _) = authorize(call, &self.resource_arn.ok_or_else(missing)?).await?;
        let size = page_size(self.max_results, 50);
        let after = self.next_token.unwrap_or_default();
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let mut found = call.service()?.policies(&call.caller.place, &name, &after, limit).await?;
        let is_last = found.len() <= size;
        found.truncate(size);
        let next_token = found.last().filter(|_| !is_last).map(|last| last.id.clone());
        let shape = |one: crate::service::ResourcePolicy| PolicyShape {
            policy_id: one.id,
            policy_hash: one.hash,
            policy: one.policy,
        };
        Ok(Answer { policies: found.into_iter().map(shape).collect(), next_token })
    }
}
