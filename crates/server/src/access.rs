//! Who calls, and what that may do: the contract. [`DevAccess`](crate::DevAccess) lets everybody in; signatures and policies are
//! another implementation's.

use std::fmt::{self, Debug};
use std::net::{IpAddr, SocketAddr};

use ::http::request::Parts;
use async_trait::async_trait;
use jiff::Timestamp;
use parados_parameter::{AccountRegion, ParameterName, SharedStore};

use crate::{Action, ApiError};

/// Says who calls, and what that may do.
#[async_trait]
pub trait Access: Debug + Send + Sync + 'static {
    /// Who signed this request.
    ///
    /// # Errors
    /// MissingAuthenticationTokenException, IncompleteSignatureException, UnrecognizedClientException, InvalidSignatureException, …
    async fn authenticate(&self, request: Received<'_>) -> Result<Caller, ApiError>;

    /// Whether the caller may call once more just now.
    ///
    /// # Errors
    /// ThrottlingException.
    fn admit(&self, caller: &Caller, action: Action) -> Result<(), ApiError>;

    /// Whether the caller may do this to all of these resources. `store` is the caller's, for what a decision needs to know of them.
    ///
    /// # Errors
    /// AccessDeniedException, in IAM's words.
    async fn authorize(&self, caller: &Caller, request: &AccessRequest, store: &SharedStore) -> Result<(), ApiError>;
}

/// A request as it came. `Debug` is redacted: a body may hold a value.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// Its head.
    pub parts: &'a Parts,
    /// Its body.
    pub body: &'a [u8],
    /// When it came.
    pub at: Timestamp,
    /// From where; none where the connection is not known.
    pub peer: Option<SocketAddr>,
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("at", &self.at).field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The principal's name.
    pub principal: String,
    /// Its ARN, as `GetCallerIdentity` says it. Versions that it puts are by it.
    pub arn: String,
    /// Its unique id, as `GetCallerIdentity` says it.
    pub user_id: String,
    /// The key that signed.
    pub access_key_id: String,
    /// The account of the principal, and the Region that it signed for.
    pub place: AccountRegion,
    /// From which address; none where the connection is not known.
    pub source: Option<IpAddr>,
}

/// What a caller asks to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRequest {
    /// The operation.
    pub action: Action,
    /// What it is done to: never empty.
    pub resources: Vec<Resource>,
    /// Whether values of type SecureString are asked for in the clear.
    pub with_decryption: bool,
    /// Whether a put may overwrite.
    pub overwrite: bool,
    /// Whether a path is asked for with everything below it.
    pub recursive: bool,
}

impl AccessRequest {
    /// `action` on `resources`, without a flag.
    pub fn new(action: Action, resources: Vec<Resource>) -> Self {
        Self { action, resources, with_decryption: false, overwrite: false, recursive: false }
    }
}

/// What something is done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A parameter.
    Parameter(ParameterName),
    /// A path of the hierarchy, as it was asked for (GetParametersByPath).
    Path(String),
    /// A setting of the service, by its id: `/ssm/parameter-store/…`.
    ServiceSetting(String),
    /// Nothing in particular: IAM's `*`.
    All,
}

impl Resource {
    /// Its ARN in `place`; `*` for all.
    pub fn arn(&self, place: &AccountRegion) -> String {
        let of = |kind: &str, rest: &str| {
            let (partition, region, account) = (place.partition(), place.region(), place.account());
            format!("arn:{partition}:ssm:{region}:{account}:{kind}/{}", rest.trim_matches('/'))
        };
        match self {
            Self::Parameter(name) => of("parameter", name.canonical()),
            Self::Path(path) => of("parameter", path),
            Self::ServiceSetting(id) => of("servicesetting", id),
            Self::All => "*".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_neither_its_body_nor_its_headers() {
        let parts =
            ::http::Request::post("/?HUNTER2").header("authorization", "HUNTER2").body(()).unwrap().into_parts().0;
        let request = Received { parts: &parts, body: b"HUNTER2", at: Timestamp::UNIX_EPOCH, peer: None };
        assert_eq!(format!("{request:?}"), "Received { at: 1970-01-01T00:00:00Z, peer: None, .. }");
    }
}
