//! ListTagsForResource.

use parados_parameter::Tag;
use serde::Serialize;

use super::Operation;
use super::tag::{RESOURCE_TYPE, resource};
use crate::ApiError;
use crate::call::Call;
use crate::wire::{input, text};

input! {
    /// ListTagsForResource's request.
    ListTagsForResource {
        resource_type: String = "ResourceType" RESOURCE_TYPE;
        resource_id: String = "ResourceId" text().required();
    }
}

/// ListTagsForResource's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    tag_list: Vec<Tag>,
}

impl Operation for ListTagsForResource {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = resource(call, self.resource_type.as_deref(), self.resource_id.as_deref())?;
        call.authorize_on(&name).await?;
        Ok(Answer { tag_list: call.store.list_tags(&name).await? })
    }
}
