//! RemoveTagsFromResource.

use serde::Serialize;

use super::tag::{RESOURCE_TYPE, TAG_KEY, resource};
use super::{Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::wire::{input, list, text};

input! {
    /// RemoveTagsFromResource's request.
    RemoveTagsFromResource {
        resource_type: String = "ResourceType" RESOURCE_TYPE;
        resource_id: String = "ResourceId" text().required();
        tag_keys: Vec<Option<String>> = "TagKeys" list().required().of(&TAG_KEY);
    }
}

/// RemoveTagsFromResource's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {}

impl Operation for RemoveTagsFromResource {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = resource(call, self.resource_type.as_deref(), self.resource_id.as_deref())?;
        call.authorize_on(&name).await?;
        let keys: Vec<String> = self.tag_keys.ok_or_else(missing)?.into_iter().flatten().collect();
        call.store.untag(&name, &keys).await?;
        Ok(Answer {})
    }
}
