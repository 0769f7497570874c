//! GetParametersByPath.

use parados_parameter::{ByPathRequest, MAX_PATH_PAGE, ParameterName};
use serde::Serialize;

use super::filter::{FilterInput, Listing, filters};
use super::{NAME, Operation, missing, page_size};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{ParameterShape, boolean, input, list, number, text};

input! {
    /// GetParametersByPath's request.
    GetParametersByPath {
        path: String = "Path" NAME.required();
        recursive: bool = "Recursive" boolean();
        parameter_filters: Vec<Option<FilterInput>> = "ParameterFilters" list();
        with_decryption: bool = "WithDecryption" boolean();
        max_results: i64 = "MaxResults" number().within(1, 10);
        next_token: String = "NextToken" text();
    }
}

/// GetParametersByPath's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    parameters: Vec<ParameterShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for GetParametersByPath {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let path = self.path.ok_or_else(missing)?;
        check_path(&path)?;
        let (recursive, with_decryption) =
            (self.recursive.unwrap_or_default(), self.with_decryption.unwrap_or_default());
        let access = AccessRequest::new(call.action, vec![Resource::Path(path.clone())]);
        call.authorize(AccessRequest { recursive, with_decryption, ..access }).await?;
        let request = ByPathRequest {
            path,
            recursive,
            filters: filters(self.parameter_filters, Listing::ByPath)?,
            max_results: page_size(self.max_results, MAX_PATH_PAGE),
            next_token: self.next_token,
        };
        let page = call.store.by_path(&request).await?.whole()?;
        let place = &call.caller.place;
        let parameters = page.items.into_iter();
        Ok(Answer {
            parameters: parameters.map(|one| ParameterShape::new(one, place, with_decryption, None)).collect(),
            next_token: page.next_token,
        })
    }
}

/// A path is a name that begins with `/`, perhaps with a `/` at its end; or `/` alone.
fn check_path(path: &str) -> Result<(), ApiError> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let is_path = path == "/" || (bare.starts_with('/') && ParameterName::parse(bare).is_ok());
    match is_path {
        true => Ok(()),
        false => Err(ApiError::validation(INVALID_PATH)),
    }
}

/// What AWS says of a path that it does not take.
pub(super) const INVALID_PATH: &str = "The parameter doesn't meet the parameter name requirements. The parameter name must begin \
    with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, \
    numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All \
    sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.";
