//! GetParameter.

use serde::Serialize;

use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::access::{AccessRequest, Resource};
use crate::call::Call;
use crate::wire::{ParameterShape, boolean, input};

input! {
    /// GetParameter's request.
    GetParameter {
        name: String = "Name" NAME.required();
        with_decryption: bool = "WithDecryption" boolean();
    }
}

/// GetParameter's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    parameter: ParameterShape,
}

impl Operation for GetParameter {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let with_decryption = self.with_decryption.unwrap_or_default();
        let (reference, selector) = call.reference(&self.name.ok_or_else(missing)?)?;
        let resources = vec![Resource::Parameter(reference.name.clone())];
        call.authorize(AccessRequest { with_decryption, ..AccessRequest::new(call.action, resources) }).await?;
        let parameter = call.store.get(&reference).await.map_err(|error| call.lookup_error(error, &reference))?;
        call.note(&reference.name, parameter.version);
        Ok(Answer { parameter: ParameterShape::new(parameter, &call.caller.place, with_decryption, selector) })
    }
}
