//! AddTagsToResource.

use serde::Serialize;

use super::Operation;
use super::tag::{RESOURCE_TYPE, TagInput, resource, tags};
use crate::ApiError;
use crate::call::Call;
use crate::wire::{input, list, text};

input! {
    /// AddTagsToResource's request.
    AddTagsToResource {
        resource_type: String = "ResourceType" RESOURCE_TYPE;
        resource_id: String = "ResourceId" text().required();
        tags: Vec<Option<TagInput>> = "Tags" list().required().at_most(1000);
    }
}

/// AddTagsToResource's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {}

impl Operation for AddTagsToResource {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = resource(call, self.resource_type.as_deref(), self.resource_id.as_deref())?;
        call.authorize_on(&name).await?;
        call.store.tag(&name, &tags(self.tags)).await?;
        Ok(Answer {})
    }
}
