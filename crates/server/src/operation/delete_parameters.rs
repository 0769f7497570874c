//! DeleteParameters.

use parados_parameter::{ParameterName, StoreErrorKind};
use serde::Serialize;

use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{input, list};

input! {
    /// DeleteParameters' request.
    DeleteParameters {
        names: Vec<Option<String>> = "Names" list().required().within(1, 10).of(&NAME);
    }
}

/// DeleteParameters' answer.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    deleted_parameters: Vec<String>,
    invalid_parameters: Vec<String>,
}

impl Operation for DeleteParameters {
    type Answer = Answer;

    /// One after the other; one that fails leaves those before it deleted, and the call fails.
    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let mut answer = Answer::default();
        let mut names: Vec<(String, ParameterName)> = Vec::new();
        for text in self.names.ok_or_else(missing)?.into_iter().flatten() {
            match call.name(&text) {
                Ok(name) if names.iter().any(|(_, other)| *other == name) => {}
                Ok(name) => names.push((text, name)),
                Err(_) => answer.invalid_parameters.push(text),
            }
        }
        if names.is_empty() {
            return Ok(answer);
        }
        let resources = names.iter().map(|(_, name)| Resource::Parameter(name.clone())).collect();
        call.authorize(AccessRequest::new(call.action, resources)).await?;
        for (text, name) in names {
            match call.delete(&name).await {
                Ok(()) => answer.deleted_parameters.push(text),
                Err(error) if error.kind == StoreErrorKind::ParameterNotFound => answer.invalid_parameters.push(text),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(answer)
    }
}
