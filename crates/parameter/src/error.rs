//! What can go wrong with a call to a store.

use std::fmt;

use crate::Operation;

/// The outcome of a call to a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A call that failed: which operation, on what, how, and the store's own words.
///
/// Neither the message nor the source may hold a value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreError {
    /// The operation.
    pub operation: Operation,
    /// What it was for: a name, a few names, a filter; empty where it was for nothing in particular.
    pub subject: String,
    /// What a caller can act on.
    pub kind: StoreErrorKind,
    /// The store's own words.
    pub message: String,
}

impl StoreError {
    /// An error of `operation` on `subject`.
    pub fn new(
        operation: Operation,
        subject: impl fmt::Display,
        kind: StoreErrorKind,
        message: impl Into<String>,
    ) -> Self {
        Self { operation, subject: subject.to_string(), kind, message: message.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if !self.subject.is_empty() {
            write!(f, " {}", self.subject)?;
        }
        write!(f, ": {}", self.kind.name())?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for StoreError {}

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)+) => {
        /// The errors that the API names, and those that it gives without naming them in its model
        /// (ValidationException, ThrottlingException, AccessDeniedException), and those of the way to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum StoreErrorKind { $($(#[$meta])* $variant,)+ }

        impl StoreErrorKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The error's code in AWS's spelling, or a plain name for the kinds that are not AWS's.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

kinds! {
    /// No parameter of that name.
    ParameterNotFound = "ParameterNotFound",
    /// The parameter has no such version, or no version with such a label.
    ParameterVersionNotFound = "ParameterVersionNotFound",
    /// A put without overwrite met a parameter.
    ParameterAlreadyExists = "ParameterAlreadyExists",
    /// The tier's count is used up.
    ParameterLimitExceeded = "ParameterLimitExceeded",
    /// The oldest of 100 versions bears a label, so no further version can be put.
    ParameterMaxVersionLimitExceeded = "ParameterMaxVersionLimitExceeded",
    /// The value does not match the allowed pattern.
    ParameterPatternMismatch = "ParameterPatternMismatchException",
    /// A version would bear more than 10 labels.
    ParameterVersionLabelLimitExceeded = "ParameterVersionLabelLimitExceeded",
    /// More than 15 levels.
    HierarchyLevelLimitExceeded = "HierarchyLevelLimitExceededException",
    /// A put would change the type of a hierarchy.
    HierarchyTypeMismatch = "HierarchyTypeMismatchException",
    /// The allowed pattern is not a regular expression.
    InvalidAllowedPattern = "InvalidAllowedPatternException",
    /// The key does not exist, is disabled, or may not be used.
    InvalidKeyId = "InvalidKeyId",
    /// A filter's key.
    InvalidFilterKey = "InvalidFilterKey",
    /// A filter's option.
    InvalidFilterOption = "InvalidFilterOption",
    /// A filter's value.
    InvalidFilterValue = "InvalidFilterValue",
    /// The page token is not one of this store's, or too old.
    InvalidNextToken = "InvalidNextToken",
    /// More than 10 policies.
    PoliciesLimitExceeded = "PoliciesLimitExceededException",
    /// A policy of an unknown type.
    InvalidPolicyType = "InvalidPolicyTypeException",
    /// A policy's attribute.
    InvalidPolicyAttribute = "InvalidPolicyAttributeException",
    /// Policies that contradict one another, or the tier.
    IncompatiblePolicy = "IncompatiblePolicyException",
    /// The type is not one of the three.
    UnsupportedParameterType = "UnsupportedParameterType",
    /// What is tagged is not of a type that can be.
    InvalidResourceType = "InvalidResourceType",
    /// What is tagged does not exist.
    InvalidResourceId = "InvalidResourceId",
    /// More than 50 tags.
    TooManyTags = "TooManyTagsError",
    /// Two changes of one parameter at once. Passes.
    TooManyUpdates = "TooManyUpdates",
    /// The request breaks a rule of the API.
    Validation = "ValidationException",
    /// The quota is used up: "Rate exceeded". Passes.
    Throttling = "ThrottlingException",
    /// The caller may not.
    AccessDenied = "AccessDeniedException",
    /// There are no credentials, or they are expired or refused.
    Credentials = "UnrecognizedClientException",
    /// The service failed. Passes.
    InternalServerError = "InternalServerError",
    /// No answer in time. Passes.
    Timeout = "Timeout",
    /// The connection failed or broke. Passes.
    Connection = "ConnectionError",
    /// The answer is not one: it was cut, or lacks what the API promises.
    InvalidResponse = "InvalidResponse",
    /// The store is read-only.
    ReadOnly = "ReadOnly",
    /// A stored value cannot be opened: another master key, or damage.
    Unreadable = "Unreadable",
    /// The store's file or its disk failed.
    Storage = "StorageError",
    /// What AWS added since.
    Other = "Other",
}

impl StoreErrorKind {
    /// The kind of an error code that the API answered with.
    pub fn from_code(code: &str) -> Self {
        match code {
            "ThrottledException" | "TooManyRequestsException" | "RequestLimitExceeded" | "Throttling" => {
                Self::Throttling
            }
            "AccessDenied" | "UnauthorizedOperation" => Self::AccessDenied,
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "SignatureDoesNotMatch" => Self::Credentials,
            "InternalFailure" | "InternalServerException" | "ServiceUnavailable" | "ServiceUnavailableException" => {
                Self::InternalServerError
            }
            code => Self::ALL.iter().copied().find(|kind| kind.name() == code).unwrap_or(Self::Other),
        }
    }

    /// Whether the quota was the cause, so that the caller must slow down.
    pub fn is_throttle(self) -> bool {
        matches!(self, Self::Throttling)
    }

    /// Whether the same call may succeed later with nothing changed.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Throttling
                | Self::TooManyUpdates
                | Self::InternalServerError
                | Self::Timeout
                | Self::Connection
                | Self::InvalidResponse
        )
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_operation_its_subject_and_the_code() {
        let error = StoreError::new(Operation::GetParameters, "/a", StoreErrorKind::Throttling, "Rate exceeded");
        assert_eq!(error.to_string(), "GetParameters /a: ThrottlingException: Rate exceeded");
    }

    #[test]
    fn codes_round_trip() {
        for kind in StoreErrorKind::ALL {
            assert_eq!(StoreErrorKind::from_code(kind.name()), *kind);
        }
        assert_eq!(StoreErrorKind::from_code("ExpiredTokenException"), StoreErrorKind::Credentials);
        assert_eq!(StoreErrorKind::from_code("Brand-New"), StoreErrorKind::Other);
    }
}
