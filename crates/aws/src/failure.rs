//! What went wrong with a call of the SDK, in the words of the contract.
//!
//! Inputs and outputs are never formatted here, nor is a raw answer: both hold values. Only the code and the message of an
//! error, and the words of the connection, go out.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use parados_parameter::{Operation, StoreError, StoreErrorKind};

/// Most characters of a message; what is longer is no message but a dump.
const MAX_MESSAGE_CHARS: usize = 600;

/// A failed call: what a caller can act on, the code that came over the wire, and the words, as long as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What a caller can act on.
    pub kind: StoreErrorKind,
    /// The error code, where the service answered with one.
    pub code: Option<String>,
    /// The words of the service or of the connection.
    pub message: String,
}

impl Failure {
    /// The failure that an error of the SDK tells of.
    pub fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let failure = |kind, message: String| Self { kind, code: None, message };
        match error {
            SdkError::ServiceError(context) => Self::of_service(context.err(), context.raw().status().as_u16()),
            SdkError::TimeoutError(_) => failure(StoreErrorKind::Timeout, "no answer within 30 s".into()),
            SdkError::DispatchFailure(context) => Self::of_dispatch(context),
            SdkError::ResponseError(context) => {
                let status = context.raw().status();
                let kind = kind_of_status(status.as_u16());
                failure(kind, format!("the answer (HTTP {status}) was cut off or cannot be read"))
            }
            SdkError::ConstructionFailure(_) => {
                failure(StoreErrorKind::Validation, "the request could not be made from what was asked".into())
            }
            _ => failure(StoreErrorKind::Other, "the call failed in a way that is not known".into()),
        }
    }

    /// The error of `operation` on `subject`.
    pub(crate) fn into_error(self, operation: Operation, subject: impl fmt::Display) -> StoreError {
        let message = match (self.kind, self.code) {
            (StoreErrorKind::Other, Some(code)) => format!("{code}: {}", self.message),
            _ => self.message,
        };
        StoreError::new(operation, subject, self.kind, cut(&message))
    }

    fn of_service(error: &impl ProvideErrorMetadata, status: u16) -> Self {
        let message = error.message().unwrap_or_default().to_owned();
        if let Some(code) = error.code() {
            let kind = match (StoreErrorKind::from_code(code), status) {
                (StoreErrorKind::Other, 500..) => StoreErrorKind::InternalServerError,
                (kind, _) => kind,
            };
            return Self { kind, code: Some(code.to_owned()), message };
        }
        Self { kind: kind_of_status(status), code: None, message: format!("HTTP {status} without an error code") }
    }

    fn of_dispatch(context: &DispatchFailure) -> Self {
        let source = context.as_connector_error().map(|error| error as &(dyn Error + 'static));
        // The connector's own words are but "io error" or "other"; those beneath them tell.
        let message = source.map(|error| words(error.source().unwrap_or(error))).unwrap_or_default();
        let kind = match source.and_then(credentials_error) {
            Some(CredentialsError::ProviderTimedOut(_)) => StoreErrorKind::Timeout,
            Some(_) => StoreErrorKind::Credentials,
            None if context.is_timeout() => StoreErrorKind::Timeout,
            None if context.is_user() => StoreErrorKind::Validation,
            // A connection that ends before the answer is no I/O error to the connector, but "other".
            None => StoreErrorKind::Connection,
        };
        Self { kind, code: None, message }
    }
}

/// The kind of an answer that is none of the service's: a proxy or a load balancer gave it.
fn kind_of_status(status: u16) -> StoreErrorKind {
    match status {
        401 | 403 => StoreErrorKind::AccessDenied,
        429 => StoreErrorKind::Throttling,
        408 | 504 => StoreErrorKind::Timeout,
        500.. => StoreErrorKind::InternalServerError,
        _ => StoreErrorKind::InvalidResponse,
    }
}

/// The words of an error and of its sources, each once.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    cut(&text)
}

/// The failure to get credentials that lies beneath an error, if one does.
pub(crate) fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<CredentialsError>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What may be shown of the message with which a put of `value` was refused: AWS's words, without the value, which its
/// validation errors repeat (`Value 'hunter2' at 'value' failed to satisfy constraint: …`).
pub(crate) fn without_value(message: &str, value: &str) -> String {
    const AT: &str = "at 'value' failed to satisfy constraint:";
    if let Some((_, rest)) = message.split_once(AT) {
        return format!("the value failed to satisfy constraint:{}", without_value(rest, value));
    }
    if value.is_empty() || !message.contains(value) {
        return message.to_owned();
    }
    message.replace(value, "(redacted)")
}

pub(crate) fn cut(text: &str) -> String {
    let mut chars = text.char_indices();
    match chars.nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_not_repeated() {
        let message = "1 validation error detected: Value 'hunter2\\n' at 'value' failed to satisfy constraint: \
                       Member must have length less than or equal to 8192";
        let shown = without_value(message, "hunter2\n");
        assert_eq!(shown, "the value failed to satisfy constraint: Member must have length less than or equal to 8192");
        assert_eq!(without_value("'hunter2' has no match", "hunter2"), "'(redacted)' has no match");
        assert_eq!(without_value("Rate exceeded", "hunter2"), "Rate exceeded");
        assert_eq!(without_value("Rate exceeded", ""), "Rate exceeded");
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(cut(&"é".repeat(700)).chars().count(), MAX_MESSAGE_CHARS + 1);
        assert_eq!(cut("short"), "short");
    }
}
