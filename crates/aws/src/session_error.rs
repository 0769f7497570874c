//! Why there is no session, and what to do about it.

use aws_credential_types::provider::error::CredentialsError;
use jiff::SignedDuration;
use parados_parameter::StoreErrorKind;
use thiserror::Error;

use crate::credential_trail::CredentialTrail;
use crate::failure::{Failure, cut, words};

/// Why a session could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// No Region was given or configured.
    #[error("no AWS Region is configured")]
    NoRegion,
    /// There are no credentials anywhere.
    #[error("no AWS credentials were found; tried: {tried}")]
    NoCredentials {
        /// Where they were looked for.
        tried: CredentialTrail,
    },
    /// A source of credentials is configured, but did not give any.
    #[error("the AWS credentials cannot be read: {message}; tried: {tried}")]
    Unusable {
        /// Where they were looked for.
        tried: CredentialTrail,
        /// What the source said.
        message: String,
    },
    /// The credentials, or the sign-on that they come from, have expired.
    #[error("the AWS credentials have expired: {message}; tried: {tried}")]
    Expired {
        /// Where they were looked for.
        tried: CredentialTrail,
        /// AWS's own words.
        message: String,
    },
    /// AWS does not know or does not accept the credentials.
    #[error("AWS refused the credentials: {message}; tried: {tried}")]
    Refused {
        /// Where they were looked for.
        tried: CredentialTrail,
        /// AWS's own words.
        message: String,
    },
    /// The clock of this machine is so far off that AWS refuses what it signs.
    #[error("the clock of this machine is {} {} the clock of AWS", minutes(*.skew), if .skew.is_positive() { "behind" } else { "ahead of" })]
    ClockSkew {
        /// How far AWS's clock is ahead.
        skew: SignedDuration,
    },
    /// The credentials are good, but may not assume the role.
    #[error("the role {role_arn} could not be assumed by {caller}: {message}")]
    RoleRefused {
        /// The role.
        role_arn: String,
        /// The ARN of who tried.
        caller: String,
        /// AWS's own words.
        message: String,
    },
    /// Nothing answers.
    #[error("{endpoint} does not answer: {message}")]
    Unreachable {
        /// The endpoint that was called, or the Region's.
        endpoint: String,
        /// The connection's own words.
        message: String,
    },
    /// AWS failed.
    #[error("AWS did not say who the credentials belong to: {message}")]
    Service {
        /// AWS's own words.
        message: String,
    },
}

impl SessionError {
    /// What to do, most likely first.
    pub fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::NoRegion => &[
                "set AWS_REGION, or `region` of the profile in ~/.aws/config",
                "or give the Region of each target in the configuration",
            ],
            Self::NoCredentials { .. } => &[
                "run `aws configure` or `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                "on EC2, ECS, EKS or in CI give the machine or the job a role",
            ],
            Self::Unusable { message, .. } if message.to_lowercase().contains("sso") => {
                &["run `aws sso login` with the profile, then try again"]
            }
            Self::Unusable { .. } => {
                &["check the profile's name and its entries in ~/.aws/config and ~/.aws/credentials"]
            }
            Self::Expired { .. } => &[
                "sign in again (`aws sso login`), or get new temporary credentials",
                "AWS_SESSION_TOKEN of an earlier session wins over the profile: unset it if it is old",
            ],
            Self::Refused { .. } => &[
                "check that the access key exists and is active, and that it belongs with its secret and session token",
                "a key of another partition (aws, aws-cn, aws-us-gov) is refused too: check the Region",
            ],
            Self::ClockSkew { .. } => &["set the clock, for instance with `timedatectl set-ntp true`"],
            Self::RoleRefused { .. } => &[
                "the role must exist, and its trust policy must let the caller assume it, with the external id if it asks for one",
                "the caller's own policy must permit sts:AssumeRole on it",
            ],
            Self::Unreachable { .. } => {
                &["check the Region's name, the network, the proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL"]
            }
            Self::Service { .. } => &["try again; if it stays, see https://health.aws.amazon.com"],
        };
        hints.iter().map(|hint| (*hint).to_owned()).collect()
    }

    /// Where credentials were looked for, where that matters.
    pub fn tried(&self) -> Option<&CredentialTrail> {
        match self {
            Self::NoCredentials { tried }
            | Self::Unusable { tried, .. }
            | Self::Expired { tried, .. }
            | Self::Refused { tried, .. } => Some(tried),
            _ => None,
        }
    }

    /// What a source of credentials said.
    pub(crate) fn of_credentials(error: &CredentialsError, tried: CredentialTrail) -> Self {
        let message = words(error);
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::NoCredentials { tried },
            _ if message.to_lowercase().contains("expired") => Self::Expired { tried, message },
            _ => Self::Unusable { tried, message },
        }
    }

    /// What a call to STS failed with.
    pub(crate) fn of_failure(failure: &Failure, endpoint: String, tried: CredentialTrail) -> Self {
        let message = match &failure.code {
            Some(code) if failure.message.is_empty() => code.clone(),
            Some(code) => cut(&format!("{code}: {}", failure.message)),
            None => cut(&failure.message),
        };
        match failure.kind {
            StoreErrorKind::Credentials if message.to_lowercase().contains("expired") => {
                Self::Expired { tried, message }
            }
            StoreErrorKind::Credentials | StoreErrorKind::AccessDenied => Self::Refused { tried, message },
            StoreErrorKind::Connection | StoreErrorKind::Timeout => Self::Unreachable { endpoint, message },
            _ => Self::Service { message },
        }
    }
}

fn minutes(skew: SignedDuration) -> String {
    match skew.abs().as_mins() {
        minutes @ 0..120 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, message: &str) -> SessionError {
        let failure =
            Failure { kind: StoreErrorKind::from_code(code), code: Some(code.into()), message: message.into() };
        SessionError::of_failure(&failure, "STS".into(), CredentialTrail::given())
    }

    #[test]
    fn each_cause_is_another_error_with_something_to_do() {
        let expired = of("ExpiredToken", "The security token included in the request is expired");
        assert!(matches!(expired, SessionError::Expired { .. }), "{expired}");
        let refused = of("InvalidClientTokenId", "The security token included in the request is invalid.");
        assert!(matches!(refused, SessionError::Refused { .. }), "{refused}");
        assert!(matches!(of("InternalFailure", ""), SessionError::Service { .. }));
        let missing = SessionError::of_credentials(&CredentialsError::not_loaded("x"), CredentialTrail::given());
        assert!(matches!(missing, SessionError::NoCredentials { .. }), "{missing}");
        let sso = CredentialsError::provider_error("the SSO session token has Expired");
        let sso = SessionError::of_credentials(&sso, CredentialTrail::given());
        assert!(matches!(sso, SessionError::Expired { .. }), "{sso}");
        let skew = SessionError::ClockSkew { skew: SignedDuration::from_mins(61) };
        assert_eq!(skew.to_string(), "the clock of this machine is 61 minutes behind the clock of AWS");
        for error in [expired, refused, missing, sso, skew, SessionError::NoRegion] {
            assert!(!error.hints().is_empty(), "{error}");
        }
    }
}
