//! GetParameterHistory.

use parados_parameter::{HistoryRequest, MAX_PAGE};
use serde::Serialize;

use super::{NAME, Operation, missing, page_size};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{HistoryShape, boolean, input, number, text};

input! {
    /// GetParameterHistory's request.
    GetParameterHistory {
        name: String = "Name" NAME.required();
        with_decryption: bool = "WithDecryption" boolean();
        max_results: i64 = "MaxResults" number().within(1, 50);
        next_token: String = "NextToken" text();
    }
}

/// GetParameterHistory's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    parameters: Vec<HistoryShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for GetParameterHistory {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let with_decryption = self.with_decryption.unwrap_or_default();
        let name = call.name(&self.name.ok_or_else(missing)?)?;
        let access = AccessRequest::new(call.action, vec![Resource::Parameter(name.clone())]);
        call.authorize(AccessRequest { with_decryption, ..access }).await?;
        let max_results = page_size(self.max_results, MAX_PAGE);
        let page = call.store.history(&HistoryRequest { name, max_results, next_token: self.next_token }).await?;
        let place = &call.caller.place;
        Ok(Answer {
            parameters: page.items.into_iter().map(|one| HistoryShape::new(one, place, with_decryption)).collect(),
            next_token: page.next_token,
        })
    }
}
