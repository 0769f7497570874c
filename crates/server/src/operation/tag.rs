//! What the operations on tags share: which resource is meant, and the shape of a tag.

use parados_parameter::{ParameterName, Tag};

use crate::ApiError;
use crate::call::Call;
use crate::wire::{Constraint, input, text};

const TAG_PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";

/// The key of a tag.
pub(super) const TAG_KEY: Constraint = text().within(1, 128).matching(TAG_PATTERN, is_tag_text);

/// `ResourceType`.
pub(super) const RESOURCE_TYPE: Constraint = text().required().one_of(&[
    "Document",
    "ManagedInstance",
    "MaintenanceWindow",
    "Parameter",
    "PatchBaseline",
    "OpsItem",
    "OpsMetadata",
    "Automation",
    "Association",
]);

input! {
    /// A tag in a request.
    TagInput {
        key: String = "Key" TAG_KEY.required();
        value: String = "Value" text().required().within(0, 256).matching(TAG_PATTERN, is_tag_text);
    }
}

fn is_tag_text(text: &str) -> bool {
    let is_separator = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphanumeric() || is_separator(c) || "_.:/=+-@".contains(c))
}

/// The tags of a request. A key of AWS's own is refused by the store, behind what comes first there.
pub(super) fn tags(inputs: Option<Vec<Option<TagInput>>>) -> Vec<Tag> {
    let pairs = inputs.unwrap_or_default().into_iter().flatten();
    pairs.filter_map(|tag| Some(Tag::observed(tag.key?, tag.value?))).collect()
}

/// The parameter that `ResourceType` and `ResourceId` name.
///
/// # Errors
/// InvalidResourceType for what is no parameter, of which nothing is kept here; InvalidResourceId for what cannot be a name.
pub(super) fn resource(call: &Call<'_>, kind: Option<&str>, id: Option<&str>) -> Result<ParameterName, ApiError> {
    if kind != Some("Parameter") {
        return Err(ApiError::new(
            "InvalidResourceType",
            "The resource type is not valid. Only resources of the type Parameter are kept here.",
        ));
    }
    call.name(id.unwrap_or_default()).map_err(|_| {
        ApiError::new(
            "InvalidResourceId",
            "The resource ID is not valid. Verify that you entered the correct ID and try again.",
        )
    })
}
