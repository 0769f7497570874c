//! DeleteResourcePolicy.

use serde::Serialize;

use super::resource_policy::{ARN, authorize};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::wire::{input, text};

input! {
    /// DeleteResourcePolicy's request.
    DeleteResourcePolicy {
        resource_arn: String = "ResourceArn" ARN;
        policy_id: String = "PolicyId" text().required();
        policy_hash: String = "PolicyHash" text().required();
    }
}

/// DeleteResourcePolicy's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {}

impl Operation for DeleteResourcePolicy {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let (name, _) = authorize(call, &self.resource_arn.ok_or_else(missing)?).await?;
        let (id, hash) = (self.policy_id.ok_or_else(missing)?, self.policy_hash.ok_or_else(missing)?);
        call.service()?.remove_policy(&call.caller.place, &name, &id, &hash).await??;
        Ok(Answer {})
    }
}
