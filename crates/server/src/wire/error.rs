//! Errors as the API gives them.

use std::borrow::Cow;

use ::http::StatusCode;
use parados_parameter::{StoreError, StoreErrorKind};
use serde_json::{Map, Value};

use crate::state::StateError;

/// An error that a caller is answered with. The code and the message are the caller's to read; what only the log may say stands in
/// [`detail`](Self::detail).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: Cow<'static, str>,
    message: Option<String>,
    status: StatusCode,
    fields: Vec<(&'static str, String)>,
    detail: Option<String>,
}

impl ApiError {
    /// An error of the caller's making: HTTP status 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: Some(message.into()),
            status: StatusCode::BAD_REQUEST,
            fields: Vec::new(),
            detail: None,
        }
    }

    /// An error that AWS gives without a message.
    pub fn bare(code: &'static str) -> Self {
        Self { message: None, ..Self::new(code, "") }
    }

    /// The same with another HTTP status.
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same with a further member beside the message.
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// ValidationException.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// AccessDeniedException.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", message)
    }

    /// ThrottlingException.
    pub fn throttling() -> Self {
        Self::new("ThrottlingException", "Rate exceeded")
    }

    /// There is no such operation.
    pub fn unknown_operation() -> Self {
        Self::bare("UnknownOperationException").status(StatusCode::NOT_FOUND)
    }

    /// InternalServerError. `detail` goes to the log and not to the caller.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            detail: Some(detail.into()),
            ..Self::new("InternalServerError", "An error occurred on the server side.")
        }
    }

    /// The error's code: `ParameterNotFound`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What the caller is told.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The HTTP status of the answer.
    pub fn http_status(&self) -> StatusCode {
        self.status
    }

    /// What the log says and the caller does not learn.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The body of the answer in AWS JSON 1.1.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("__type".to_owned(), Value::from(self.code()));
        if let Some(message) = &self.message {
            object.insert("message".to_owned(), Value::from(message.as_str()));
        }
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), Value::from(value.as_str()));
        }
        Value::from(object).to_string().into_bytes()
    }
}

impl From<StoreError> for ApiError {
    /// What the store refuses by a rule of Parameter Store is the caller's to know, in AWS's words where AWS has some; what failed in the
    /// store is not.
    fn from(error: StoreError) -> Self {
        use StoreErrorKind as Kind;
        let told = |message: &str| Self::new(error.kind.name(), message);
        match error.kind {
            Kind::ParameterNotFound => Self::bare("ParameterNotFound"),
            Kind::ParameterAlreadyExists => told(
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            ),
            Kind::TooManyUpdates => {
                told("There are concurrent updates for a resource that supports one update at a time.")
            }
            Kind::Throttling => Self::throttling(),
            Kind::InvalidResourceId => {
                told("The resource ID is not valid. Verify that you entered the correct ID and try again.")
            }
            Kind::InvalidNextToken => told("The specified token isn't valid."),
            Kind::HierarchyLevelLimitExceeded => told(
                "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for \
                 parameter names in the AWS Systems Manager User Guide.",
            ),
            Kind::ParameterVersionLabelLimitExceeded => told(
                "A parameter version can have a maximum of ten labels. Move one or more labels to another version and try again.",
            ),
            Kind::PoliciesLimitExceeded => told(
                "You specified more than the maximum number of allowed policies for the parameter. The maximum is 10.",
            ),
            Kind::TooManyTags => {
                told("The Targets parameter includes too many tags. Remove one or more tags and try the command again.")
            }
            Kind::AccessDenied
            | Kind::Validation
            | Kind::ParameterVersionNotFound
            | Kind::ParameterLimitExceeded
            | Kind::ParameterMaxVersionLimitExceeded
            | Kind::ParameterPatternMismatch
            | Kind::HierarchyTypeMismatch
            | Kind::InvalidAllowedPattern
            | Kind::InvalidKeyId
            | Kind::InvalidFilterKey
            | Kind::InvalidFilterOption
            | Kind::InvalidFilterValue
            | Kind::InvalidPolicyType
            | Kind::InvalidPolicyAttribute
            | Kind::IncompatiblePolicy
            | Kind::UnsupportedParameterType
            | Kind::InvalidResourceType => told(&error.message),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self::internal(format!("{error}{source}"))
    }
}

#[cfg(test)]
mod tests {
    use parados_parameter::Operation;

    use super::*;

    #[test]
    fn a_store_that_failed_is_the_log_s_to_know() {
        let failed = StoreError::new(Operation::GetParameter, "/a", StoreErrorKind::Storage, "the disk is full");
        let error = ApiError::from(failed);
        assert_eq!(error.http_status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8(error.to_json()).unwrap().contains("disk"));
        assert!(error.detail().unwrap().contains("the disk is full"));
        let refused = StoreError::new(Operation::GetParameter, "/a", StoreErrorKind::ParameterNotFound, "ours");
        assert_eq!(ApiError::from(refused).to_json(), br#"{"__type":"ParameterNotFound"}"#);
    }
}
