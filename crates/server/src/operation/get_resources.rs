//! GetResources of the Resource Groups Tagging API, for parameters.

use std::collections::BTreeMap;

use parados_parameter::{DescribeRequest, Filter, FilterKey, FilterOption, MAX_PAGE, ParameterName, Tag};
use serde::Serialize;

use super::{Operation, page_size};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{Constraint, boolean, input, list, number, text};

const FILTER_VALUE: Constraint = text().within(0, 256).matching("[\\s\\S]*", |_| true);
const RESOURCE_TYPE: Constraint = text().within(0, 256).matching("[\\s\\S]*", |_| true);
const RESOURCE_ARN: Constraint = text().within(1, 1011).matching("[\\s\\S]*", |_| true);

input! {
    /// GetResources' request.
    GetResources {
        pagination_token: String = "PaginationToken" text().within(0, 2048).matching("[\\s\\S]*", |_| true);
        tag_filters: Vec<Option<TagFilterInput>> = "TagFilters" list().within(0, 50);
        resources_per_page: i64 = "ResourcesPerPage" number();
        tags_per_page: i64 = "TagsPerPage" number();
        resource_type_filters: Vec<Option<String>> = "ResourceTypeFilters" list().of(&RESOURCE_TYPE);
        include_compliance_details: bool = "IncludeComplianceDetails" boolean();
        exclude_compliant_resources: bool = "ExcludeCompliantResources" boolean();
        resource_arns: Vec<Option<String>> = "ResourceARNList" list().within(1, 100).of(&RESOURCE_ARN);
    }
}

input! {
    /// A filter by a tag: its key, and any of its values where there are some.
    TagFilterInput {
        key: String = "Key" text().within(1, 128).matching("[\\s\\S]*", |_| true);
        values: Vec<Option<String>> = "Values" list().within(0, 20).of(&FILTER_VALUE);
    }
}

/// GetResources' answer.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    pagination_token: String,
    resource_tag_mapping_list: Vec<MappingShape>,
}

/// `ResourceTagMapping`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MappingShape {
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
    tags: Vec<Tag>,
}

impl Operation for GetResources {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        call.authorize(AccessRequest::new(call.action, vec![Resource::All])).await?;
        let mut types = self.resource_type_filters.iter().flatten().flatten();
        let is_of_parameters = types.next().is_none()
            || self.resource_type_filters.iter().flatten().flatten().any(|one| one == "ssm" || one == "ssm:parameter");
        match self.resource_arns {
            _ if !is_of_parameters => Ok(Answer::default()),
            Some(arns) => {
                let names: Vec<ParameterName> =
                    arns.into_iter().flatten().filter_map(|arn| call.name(&arn).ok()).collect();
                let tagged = if names.is_empty() { BTreeMap::new() } else { call.store.tags(&names).await? };
                Ok(Answer { pagination_token: String::new(), resource_tag_mapping_list: mappings(call, tagged) })
            }
            None => {
                let size = page_size(self.resources_per_page, MAX_PAGE);
                if !(1..=100).contains(&size) {
                    return Err(invalid("ResourcesPerPage must be between 1 and 100."));
                }
                let token = self.pagination_token.filter(|token| !token.is_empty());
                let filters = self.tag_filters.unwrap_or_default().into_iter().flatten().map(filter).collect();
                list_tagged(call, filters, size.min(MAX_PAGE), token).await
            }
        }
    }
}

/// A page of the parameters that have a tag and match the filters.
async fn list_tagged(
    call: &Call<'_>,
    filters: Vec<Filter>,
    max_results: usize,
    next_token: Option<String>,
) -> Result<Answer, ApiError> {
    let page = call.store.describe(&DescribeRequest { filters, max_results, next_token }).await.map_err(|error| {
        let error = ApiError::from(error);
        match error.code() {
            "InvalidNextToken" => {
                ApiError::new("PaginationTokenExpiredException", "The pagination token is not valid.")
            }
            _ => error,
        }
    })?;
    let mut tagged = BTreeMap::new();
    let mut unsaid = Vec::new();
    for metadata in page.items {
        match metadata.annotations {
            Some(annotations) => drop(tagged.insert(metadata.name, annotations.tags)),
            None => unsaid.push(metadata.name),
        }
    }
    if !unsaid.is_empty() {
        tagged.extend(call.store.tags(&unsaid).await?);
    }
    tagged.retain(|_, tags: &mut Vec<Tag>| !tags.is_empty());
    Ok(Answer {
        pagination_token: page.next_token.unwrap_or_default(),
        resource_tag_mapping_list: mappings(call, tagged),
    })
}

fn filter(input: TagFilterInput) -> Filter {
    let values = input.values.unwrap_or_default().into_iter().flatten().collect();
    Filter { key: FilterKey::Tag(input.key.unwrap_or_default()), option: FilterOption::Equals, values }
}

fn mappings(call: &Call<'_>, tagged: BTreeMap<ParameterName, Vec<Tag>>) -> Vec<MappingShape> {
    let place = &call.caller.place;
    let arn = |name: &ParameterName| name.arn(place.partition(), place.region(), place.account());
    tagged.into_iter().map(|(name, tags)| MappingShape { resource_arn: arn(&name), tags }).collect()
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}
