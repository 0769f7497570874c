//! AWS Signature Version 4, as the server of it: what a request claims, whether it was signed with the key that it names, and whether
//! it was sent before.
//!
//! It follows "AWS Signature Version 4 for API requests" of the IAM user guide for services other than S3, in both forms: the
//! `Authorization` header, and the query string of a presigned URL. It knows no principals: who a key belongs to is said by whoever
//! asks. Nothing of a request but its access key id, date, Region and service is repeated in a message.

mod canonical;
mod claim;
mod date;
mod key;
mod percent;
mod replay;

use ::http::StatusCode;
use thiserror::Error;

use crate::{ApiError, Service};

pub use claim::{Claim, Form};
pub use key::{SigningKey, SigningKeys};
pub use replay::{ReplayWindow, Replayed};

/// Most seconds that a client's clock may be off.
pub const MAX_SKEW_SECONDS: i64 = 5 * 60;
/// Most seconds that a presigned URL is good for: seven days.
pub const MAX_EXPIRES_SECONDS: i64 = 7 * 24 * 60 * 60;

/// What AWS says of a signature that is not the one that the key makes.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                        Key and signing method. Consult the service documentation for details.";

/// Why a request is not taken for its sender's. `Display` is AWS's own message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// It is not signed at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// The parts of a signature are not all there, or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// The access key is not known, not active any more, or came with the token of a session, which this server does not give out.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// It is signed for another time, service or Region, or with another secret, or what is signed is not what came.
    #[error("{0}")]
    Invalid(String),
}

impl SignatureError {
    /// AWS's name for it, of the services that speak JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Invalid(_) => "InvalidSignatureException",
        }
    }

    /// AWS's name for it, of the services that speak Query, as STS.
    pub fn query_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationToken",
            Self::Incomplete(_) => "IncompleteSignature",
            Self::UnknownKey => "InvalidClientTokenId",
            Self::Invalid(_) => "SignatureDoesNotMatch",
        }
    }

    /// What a caller of `service` is told: those that speak JSON answer it with 400, as they do every error of a caller's, and STS with 403.
    pub(crate) fn answer(&self, service: Service) -> ApiError {
        match service {
            Service::Sts => ApiError::new(self.query_code(), self.to_string()).status(StatusCode::FORBIDDEN),
            Service::Ssm | Service::Tagging => ApiError::new(self.code(), self.to_string()),
        }
    }

    /// It is signed for a Region that is none.
    pub(crate) fn no_region() -> Self {
        Self::Invalid("Credential should be scoped to a valid region.".to_owned())
    }

    fn mismatch() -> Self {
        Self::Invalid(MISMATCH.to_owned())
    }
}

#[cfg(test)]
mod tests;
