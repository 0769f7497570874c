//! Access for development: anybody may do anything.

use ::http::header::AUTHORIZATION;
use ::http::request::Parts;
use async_trait::async_trait;
use parados_parameter::{AccountRegion, SharedStore};

use crate::access::{Access, AccessRequest, Caller, Received};
use crate::signature::SignatureError;
use crate::{Action, ApiError, Service};

/// The account of callers whose access key id is not one.
const DEFAULT_ACCOUNT: &str = "000000000000";

/// Takes any credentials and checks no signature. The account is the access key id where that is 12 digits, and else
/// 000000000000; the Region is the one that was signed for.
#[derive(Clone, Debug, Default)]
pub struct DevAccess {
    /// Where everybody is led instead, whatever they signed for.
    pub place: Option<AccountRegion>,
}

#[async_trait]
impl Access for DevAccess {
    async fn authenticate(&self, request: Received<'_>) -> Result<Caller, ApiError> {
        let parts = request.parts;
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let service = target.and_then(Action::of_target).map_or(Service::Sts, Action::service);
        let refuse = |error: SignatureError| error.answer(service);
        let (key, region) = credential(parts).map_err(refuse)?;
        let account = match key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit()) {
            true => key,
            false => DEFAULT_ACCOUNT,
        };
        let place = match &self.place {
            Some(place) => place.clone(),
            None => AccountRegion::new(account, region).map_err(|_| refuse(SignatureError::no_region()))?,
        };
        Ok(Caller {
            principal: "dev".to_owned(),
            arn: format!("arn:{}:iam::{}:user/dev", place.partition(), place.account()),
            user_id: "AIDADEVDEVDEVDEVDEVDE".to_owned(),
            access_key_id: key.to_owned(),
            place,
            source: request.peer.map(|peer| peer.ip()),
        })
    }

    fn admit(&self, _: &Caller, _: Action) -> Result<(), ApiError> {
        Ok(())
    }

    async fn authorize(&self, _: &Caller, _: &AccessRequest, _: &SharedStore) -> Result<(), ApiError> {
        Ok(())
    }
}

/// The access key id and the Region out of the credential of a header or of a presigned address.
fn credential(parts: &Parts) -> Result<(&str, &str), SignatureError> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let found = match header {
        Some(header) => header.split([' ', ',']).find_map(|part| part.strip_prefix("Credential=")),
        None => {
            let query = parts.uri.query().unwrap_or_default();
            let query = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="));
            Some(query.ok_or(SignatureError::Missing)?)
        }
    };
    let incomplete = || SignatureError::Incomplete("Authorization header requires 'Credential' parameter.".to_owned());
    let mut scope = found.ok_or_else(incomplete)?.split('/').flat_map(|part| part.split("%2F"));
    match (scope.next(), scope.next(), scope.next()) {
        (Some(key), Some(_), Some(region)) if !key.is_empty() => Ok((key, region)),
        _ => Err(incomplete()),
    }
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    async fn caller(request: Request<()>) -> Result<Caller, ApiError> {
        let (parts, at) = (request.into_parts().0, jiff::Timestamp::UNIX_EPOCH);
        DevAccess::default().authenticate(Received { parts: &parts, body: &[], at, peer: None }).await
    }

    async fn signed(credential: &str) -> Result<Caller, ApiError> {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
        let request = Request::builder().header("x-amz-target", "AmazonSSM.GetParameter");
        caller(request.header(AUTHORIZATION, header).body(()).unwrap()).await
    }

    #[tokio::test]
    async fn any_credentials_are_taken_and_an_account_is_one() {
        let found = signed("anything/20261124/eu-west-1/ssm/aws4_request").await.unwrap();
        assert_eq!(found.place.to_string(), "000000000000/eu-west-1");
        let found = signed("123456789012/20261124/cn-north-1/ssm/aws4_request").await.unwrap();
        assert_eq!(found.arn, "arn:aws-cn:iam::123456789012:user/dev");
        let presigned = "http://h/?X-Amz-Credential=k%2F20261124%2Feu-west-1%2Fsts%2Faws4_request&X-Amz-Signature=0";
        let found = caller(Request::builder().uri(presigned).body(()).unwrap()).await.unwrap();
        assert_eq!(found.place.region(), "eu-west-1");
    }

    #[tokio::test]
    async fn no_credentials_are_refused() {
        let refused = |error: ApiError| (error.http_status().as_u16(), error.code().to_owned());
        let none = |request: ::http::request::Builder| caller(request.body(()).unwrap());
        let ssm = none(Request::builder().header("x-amz-target", "AmazonSSM.GetParameter")).await.unwrap_err();
        assert_eq!(refused(ssm), (400, "MissingAuthenticationTokenException".to_owned()));
        let sts = none(Request::builder()).await.unwrap_err();
        assert_eq!(refused(sts), (403, "MissingAuthenticationToken".to_owned()));
        let incomplete = signed("k").await.unwrap_err();
        assert_eq!(refused(incomplete), (400, "IncompleteSignatureException".to_owned()));
        let nowhere = signed("k/20261124/EU WEST/ssm").await.unwrap_err();
        assert_eq!(refused(nowhere), (400, "InvalidSignatureException".to_owned()));
    }
}
