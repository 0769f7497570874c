//! What `object_store` needs of a session to speak to S3: its credentials, and its connections.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures::stream;
use http::header::{HeaderValue, USER_AGENT};
use http_body_util::{BodyExt as _, StreamBody};
use object_store::aws::AwsCredential;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientOptions, CredentialProvider};
use tokio::time::timeout;

use crate::http_client::ATTEMPT_TIMEOUT;

/// The session's credentials, as `object_store` asks for them before each request.
pub(crate) struct Credentials(pub(crate) SharedCredentialsProvider);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self
            .0
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(ToOwned::to_owned),
        }))
    }
}

/// Sends the requests over the session's connections: one pool, one proxy, one reading of the roots.
#[derive(Clone, Debug)]
pub(crate) struct Connections(pub(crate) SharedHttpConnector);

impl HttpConnector for Connections {
    /// The options are of the crate's own client, and not looked at: timeouts and proxy are the session's.
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connections {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut request = request.map(|body| match body.as_bytes() {
            Some(bytes) => SdkBody::from(bytes.clone()),
            None => SdkBody::from_body_1_x(body),
        });
        let agent = HeaderValue::from_static(concat!("parados/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let request = orchestrator::HttpRequest::try_from(request).map_err(unknown)?;
        let response = timeout(ATTEMPT_TIMEOUT, self.0.call(request)).await.map_err(late)?;
        let response = response.map_err(of_connector)?.try_into_http1x().map_err(unknown)?;
        Ok(response.map(answer))
    }
}

/// The body of an answer, no piece of which takes longer than [`ATTEMPT_TIMEOUT`].
fn answer(body: SdkBody) -> HttpResponseBody {
    HttpResponseBody::new(StreamBody::new(stream::try_unfold(body, async |mut body| {
        let Some(frame) = timeout(ATTEMPT_TIMEOUT, body.frame()).await.map_err(late)? else { return Ok(None) };
        let frame = frame.map_err(|error| HttpError::new_boxed(kind(error.as_ref()), error))?;
        Ok(Some((frame, body)))
    })))
}

fn late(elapsed: tokio::time::error::Elapsed) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, elapsed)
}

fn unknown(error: impl Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

fn of_connector(error: ConnectorError) -> HttpError {
    let kind = if error.is_timeout() { HttpErrorKind::Timeout } else { kind(&error) };
    HttpError::new(kind, error)
}

/// What `object_store` is to think of an error, as it thinks of its own client's: the kind decides which requests it sends again.
fn kind(error: &(dyn Error + 'static)) -> HttpErrorKind {
    let of_one = |error: &(dyn Error + 'static)| {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return error.is_connect().then_some(HttpErrorKind::Connect);
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // A request whose answer did not come may have been carried out. That it is sent again all the same does no harm here:
            // what must not happen twice is written create-only, and an object that is there is read and compared.
            let goes_again = error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted();
            return goes_again.then_some(HttpErrorKind::Request);
        }
        match error.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::TimedOut => Some(HttpErrorKind::Timeout),
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(HttpErrorKind::Interrupted),
            _ => None,
        }
    };
    iter::successors(Some(error), |error| (*error).source()).find_map(of_one).unwrap_or(HttpErrorKind::Unknown)
}
