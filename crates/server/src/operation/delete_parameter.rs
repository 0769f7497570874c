//! DeleteParameter.

use serde::Serialize;

use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::call::Call;
use crate::wire::input;

input! {
    /// DeleteParameter's request.
    DeleteParameter {
        name: String = "Name" NAME.required();
    }
}

/// DeleteParameter's answer.
#[derive(Debug, Serialize)]
pub(super) struct Answer {}

impl Operation for DeleteParameter {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = call.name(&self.name.ok_or_else(missing)?)?;
        call.authorize_on(&name).await?;
        call.delete(&name).await?;
        Ok(Answer {})
    }
}
