//! UnlabelParameterVersion.

use parados_parameter::{Label, StoreErrorKind, Version};
use serde::Serialize;

use super::label_parameter_version::LABEL;
use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::call::{Call, version_not_found};
use crate::wire::{input, list, number};

input! {
    /// UnlabelParameterVersion's request.
    UnlabelParameterVersion {
        name: String = "Name" NAME.required();
        parameter_version: i64 = "ParameterVersion" number().required();
        labels: Vec<Option<String>> = "Labels" list().required().within(1, 10).of(&LABEL);
    }
}

/// UnlabelParameterVersion's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    removed_labels: Vec<Label>,
    invalid_labels: Vec<Label>,
}

impl Operation for UnlabelParameterVersion {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = call.name(&self.name.ok_or_else(missing)?)?;
        call.authorize_on(&name).await?;
        let number = self.parameter_version.ok_or_else(missing)?;
        let version = Version::new(number).map_err(|_| version_not_found(&name, number))?;
        let labels: Vec<Label> = self.labels.ok_or_else(missing)?.into_iter().flatten().map(Label::observed).collect();
        let outcome = call.store.unlabel(&name, version, &labels).await.map_err(|error| match error.kind {
            StoreErrorKind::ParameterVersionNotFound => version_not_found(&name, version),
            _ => error.into(),
        })?;
        call.note(&name, version);
        Ok(Answer { removed_labels: outcome.removed, invalid_labels: outcome.invalid })
    }
}
