//! GetParameters.

use std::collections::HashSet;

use parados_parameter::{ParameterName, ParameterReference, StoreErrorKind};
use serde::Serialize;

use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{ParameterShape, boolean, input, list};

input! {
    /// GetParameters' request.
    GetParameters {
        names: Vec<Option<String>> = "Names" list().required().within(1, 10).of(&NAME);
        with_decryption: bool = "WithDecryption" boolean();
    }
}

/// GetParameters' answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    parameters: Vec<ParameterShape>,
    invalid_parameters: Vec<String>,
}

/// One of the names, as it was written.
struct Asked {
    text: String,
    reference: ParameterReference,
    selector: Option<String>,
}

impl Operation for GetParameters {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let with_decryption = self.with_decryption.unwrap_or_default();
        let mut invalid_parameters = Vec::new();
        let mut asked: Vec<Asked> = Vec::new();
        for text in self.names.ok_or_else(missing)?.into_iter().flatten() {
            match call.reference(&text) {
                Ok((reference, selector)) => asked.push(Asked { text, reference, selector }),
                // An ARN of another account or Region.
                Err(error) if error.code() == "ParameterNotFound" => invalid_parameters.push(text),
                Err(error) => return Err(error),
            }
        }
        let mut seen = HashSet::new();
        asked.retain(|one| seen.insert(one.reference.clone()));
        let resources: Vec<_> = asked.iter().map(|one| Resource::Parameter(one.reference.name.clone())).collect();
        if !resources.is_empty() {
            call.authorize(AccessRequest { with_decryption, ..AccessRequest::new(call.action, resources) }).await?;
        }
        let (newest, selected): (Vec<_>, Vec<_>) = asked.into_iter().partition(|one| one.reference.at.is_none());
        let mut parameters = Vec::with_capacity(newest.len() + selected.len());
        if !newest.is_empty() {
            let names: Vec<ParameterName> = newest.iter().map(|one| one.reference.name.clone()).collect();
            let outcome = call.store.get_many(&names).await?;
            for parameter in outcome.parameters {
                call.note(&parameter.name, parameter.version);
                parameters.push(ParameterShape::new(parameter, &call.caller.place, with_decryption, None));
            }
            let is_missing = |one: &&Asked| outcome.invalid.contains(&one.reference.name);
            invalid_parameters.extend(newest.iter().filter(is_missing).map(|one| one.text.clone()));
        }
        for one in selected {
            match call.store.get(&one.reference).await {
                Ok(parameter) => {
                    call.note(&parameter.name, parameter.version);
                    parameters.push(ParameterShape::new(parameter, &call.caller.place, with_decryption, one.selector));
                }
                Err(error) => match error.kind {
                    StoreErrorKind::ParameterNotFound | StoreErrorKind::ParameterVersionNotFound => {
                        invalid_parameters.push(one.text);
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        Ok(Answer { parameters, invalid_parameters })
    }
}
