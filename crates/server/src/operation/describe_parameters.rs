//! DescribeParameters.

use parados_parameter::{DescribeRequest, Filter, FilterKey, FilterOption};
use serde::Serialize;

use super::filter::{FILTER_VALUE, FilterInput, Listing, filters};
use super::{Operation, page_size};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{MetadataShape, boolean, input, list, number, text};

/// How many are on a page where the request does not say.
const DEFAULT_PAGE: usize = 10;

input! {
    /// DescribeParameters' request.
    DescribeParameters {
        filters: Vec<Option<OldFilterInput>> = "Filters" list();
        parameter_filters: Vec<Option<FilterInput>> = "ParameterFilters" list();
        max_results: i64 = "MaxResults" number().within(1, 50);
        next_token: String = "NextToken" text();
        shared: bool = "Shared" boolean();
    }
}

input! {
    /// A filter of `Filters`, the older of the two.
    OldFilterInput {
        key: String = "Key" text().required().one_of(&["Name", "Type", "KeyId"]);
        values: Vec<Option<String>> = "Values" list().required().within(1, 50).of(&FILTER_VALUE);
    }
}

/// DescribeParameters' answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    parameters: Vec<MetadataShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for DescribeParameters {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        call.authorize(AccessRequest::new(call.action, vec![Resource::All])).await?;
        let filters = match (self.filters, self.parameter_filters) {
            (Some(old), Some(new)) if !old.is_empty() && !new.is_empty() => {
                return Err(ApiError::validation(
                    "You can use either Filters or ParameterFilters in a single request.",
                ));
            }
            (Some(old), _) if !old.is_empty() => old.into_iter().flatten().map(old_filter).collect(),
            (_, new) => filters(new, Listing::Describe)?,
        };
        if self.shared == Some(true) {
            // What other accounts share is asked for; nothing is shared between accounts here.
            return Ok(Answer { parameters: Vec::new(), next_token: None });
        }
        let max_results = page_size(self.max_results, DEFAULT_PAGE);
        let page = call
            .store
            .describe(&DescribeRequest { filters, max_results, next_token: self.next_token })
            .await?
            .whole()?;
        let place = &call.caller.place;
        Ok(Answer {
            parameters: page.items.into_iter().map(|one| MetadataShape::new(one, place)).collect(),
            next_token: page.next_token,
        })
    }
}

/// The older filters compare the beginning of a name, and the whole of the others.
fn old_filter(input: OldFilterInput) -> Filter {
    let (key, option) = match input.key.as_deref() {
        Some("Name") => (FilterKey::Name, FilterOption::BeginsWith),
        Some("Type") => (FilterKey::Type, FilterOption::Equals),
        _ => (FilterKey::KeyId, FilterOption::Equals),
    };
    Filter { key, option, values: input.values.unwrap_or_default().into_iter().flatten().collect() }
}
