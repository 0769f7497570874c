//! PutResourcePolicy.

use parados_parameter::Tier;
use serde::Serialize;

use super::resource_policy::{ARN, authorize};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::http::random_uuid;
use crate::service::ResourcePolicy;
use crate::wire::{input, text};

/// Most policies of one parameter, and most bytes of one.
const MAX_POLICIES: usize = 50;
const MAX_BYTES: usize = 10 * 1024;

input! {
    /// PutResourcePolicy's request.
    PutResourcePolicy {
        resource_arn: String = "ResourceArn" ARN;
        policy: String = "Policy" text().required().matching(r"^(?!\s*$).+", |text| !text.trim().is_empty());
        policy_id: String = "PolicyId" text();
        policy_hash: String = "PolicyHash" text();
    }
}

/// PutResourcePolicy's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    policy_id: String,
    policy_hash: String,
}

impl Operation for PutResourcePolicy {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let (name, tier) = authorize(call, &self.resource_arn.ok_or_else(missing)?).await?;
        let text = self.policy.ok_or_else(missing)?;
        check_policy(&text)?;
        if tier != Tier::Advanced {
            return Err(ApiError::new(
                "ResourcePolicyInvalidParameterException",
                "Only parameters of the advanced tier can be shared.",
            ));
        }
        let (service, place) = (call.service()?, &call.caller.place);
        let policy = match (self.policy_id, self.policy_hash) {
            (Some(id), Some(hash)) => {
                let policy = ResourcePolicy::new(id, text);
                service.replace_policy(place, &name, &hash, &policy).await??;
                policy
            }
            (None, None) => {
                let limit = i64::try_from(MAX_POLICIES).unwrap_or(i64::MAX);
                if service.policies(place, &name, "", limit).await?.len() >= MAX_POLICIES {
                    return Err(limit_exceeded());
                }
                let policy = ResourcePolicy::new(random_uuid(), text);
                service.add_policy(place, &name, &policy).await?;
                policy
            }
            _ => {
                return Err(ApiError::new(
                    "ResourcePolicyInvalidParameterException",
                    "PolicyId and PolicyHash have to be given together.",
                ));
            }
        };
        Ok(Answer { policy_id: policy.id, policy_hash: policy.hash })
    }
}

fn limit_exceeded() -> ApiError {
    let message = "The PutResourcePolicy API action enforces limits: a policy can't be greater than 10240 bytes in size, and at \
                   most 50 policies can be attached to a parameter.";
    ApiError::new("ResourcePolicyLimitExceededException", message)
}

fn check_policy(text: &str) -> Result<(), ApiError> {
    if text.len() > MAX_BYTES {
        return Err(limit_exceeded());
    }
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    match json.is_some_and(|json| json["Statement"].is_array() || json["Statement"].is_object()) {
        true => Ok(()),
        false => Err(ApiError::new(
            "MalformedResourcePolicyDocumentException",
            "The specified policy document is malformed or invalid, or excessive PutResourcePolicy or DeleteResourcePolicy \
             calls have been made.",
        )),
    }
}
