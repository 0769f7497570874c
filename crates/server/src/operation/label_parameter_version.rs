//! LabelParameterVersion.

use parados_parameter::{StoreErrorKind, Version};
use serde::Serialize;

use super::{NAME, Operation, missing};
use crate::ApiError;
use crate::call::{Call, version_not_found};
use crate::wire::{Constraint, input, list, number, text};

/// A label.
pub(super) const LABEL: Constraint = text().within(1, 100);

input! {
    /// LabelParameterVersion's request.
    LabelParameterVersion {
        name: String = "Name" NAME.required();
        parameter_version: i64 = "ParameterVersion" number();
        labels: Vec<Option<String>> = "Labels" list().required().within(1, 10).of(&LABEL);
    }
}

/// LabelParameterVersion's answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    invalid_labels: Vec<String>,
    parameter_version: i64,
}

impl Operation for LabelParameterVersion {
    type Answer = Answer;

    async fn run(self, call: &mut Call<'_>) -> Result<Answer, ApiError> {
        let name = call.name(&self.name.ok_or_else(missing)?)?;
        call.authorize_on(&name).await?;
        let version = match self.parameter_version {
            None => None,
            Some(number) => Some(Version::new(number).map_err(|_| version_not_found(&name, number))?),
        };
        let labels: Vec<String> = self.labels.ok_or_else(missing)?.into_iter().flatten().collect();
        let outcome = call.store.label(&name, version, &labels).await.map_err(|error| match (error.kind, version) {
            (StoreErrorKind::ParameterVersionNotFound, Some(version)) => version_not_found(&name, version),
            _ => error.into(),
        })?;
        call.note(&name, outcome.version);
        Ok(Answer { invalid_labels: outcome.invalid, parameter_version: outcome.version.get() })
    }
}
