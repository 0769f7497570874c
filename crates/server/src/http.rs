//! HTTP: from a request to an answer, and what is done around every call.

mod request_id;
mod unbroken;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ::http::header::{CONTENT_TYPE, USER_AGENT};
use ::http::request::Parts;
use ::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use tokio::runtime::Handle;
use tower_service::Service;

pub(crate) use request_id::random as random_uuid;

use self::unbroken::Unbroken;

use crate::audit::{AuditEntry, AuditError};
use crate::call::Call;
use crate::metrics::CallOutcome;
use crate::server::Server;
use crate::signature::Claim;
use crate::{Action, ApiError, Caller, Received, Touched, operation, sts};

/// What went wrong below.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Most bytes of the body of a request. The largest that means something, a PutParameter with everything in it, is below 64 KiB, even with
/// every character escaped.
pub const BODY_LIMIT: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const XML: HeaderValue = HeaderValue::from_static("text/xml");

/// The way in: every request is a call of an operation, or asks for none that there is.
///
/// What a caller began is done and recorded also where it goes away before it is answered. What calls wait for is of the runtime that this was made in.
#[derive(Clone, Debug)]
pub struct Calls {
    server: Arc<Server>,
    home: Handle,
    peer: Option<SocketAddr>,
}

impl Calls {
    /// Calls of `server`.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new(server: Arc<Server>) -> Self {
        Self { server, home: Handle::current(), peer: None }
    }

    /// Those that come from there.
    pub(crate) fn from(self, peer: SocketAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

impl<B> Service<Request<B>> for Calls
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Unbroken<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (server, peer) = (self.server.clone(), self.peer);
        let (parts, body) = request.into_parts();
        let answer = async move {
            let body = Limited::new(body, BODY_LIMIT).collect().await.map(Collected::to_bytes).map_err(too_long);
            Ok(server.answer(parts, body, peer).await)
        };
        Unbroken::new(answer, self.home.clone())
    }
}

/// Of what can go wrong with a body only one that is too long is worth an answer: whoever broke off reads none.
fn too_long(error: BoxError) -> ApiError {
    ApiError::new(
        "RequestEntityTooLargeException",
        format!("The request body is longer than {BODY_LIMIT} bytes, or broke off."),
    )
    .status(StatusCode::PAYLOAD_TOO_LARGE)
    .field("Reason", error.to_string())
}

/// How a request is spoken, and so its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// AWS JSON 1.1.
    Json,
    /// The query protocol, answered in XML.
    Query,
}

/// What became of a call.
#[derive(Default)]
struct Outcome {
    caller: Option<Caller>,
    touched: Vec<Touched>,
    flags: Vec<&'static str>,
}

impl Server {
    /// Answers one request.
    async fn answer(
        &self,
        parts: Parts,
        body: Result<Bytes, ApiError>,
        peer: Option<SocketAddr>,
    ) -> Response<Full<Bytes>> {
        let (at, began) = (self.clock.now(), Instant::now());
        let _in_flight = self.metrics.begin();
        let request_id = request_id::random();
        let (protocol, action) = recognise(&parts, body.as_ref().ok());
        let mut outcome = Outcome::default();
        let admitted = match self.audit.admit() {
            Err(AuditError::Full) => self.audit.wait_for_room().await,
            admitted => admitted,
        };
        let answered = match (body, action) {
            _ if let Err(error) = admitted => Err(ApiError::internal(error.to_string())),
            (Err(error), _) => Err(error),
            (Ok(_), None) => Err(ApiError::unknown_operation()),
            (Ok(body), Some(action)) => {
                let request = Received { parts: &parts, body: &body, at, peer };
                self.call(request, action, &request_id, &mut outcome).await
            }
        };
        let (status, error) = match &answered {
            Ok(_) => (StatusCode::OK, None),
            Err(error) => (error.http_status(), Some(error.code().to_owned())),
        };
        if let Err(error) = &answered
            && let Some(detail) = error.detail()
        {
            tracing::error!(request_id, action = action.map(Action::name), detail, "a call failed");
        }
        let counted = CallOutcome::of(status, error.as_deref());
        let claimed_key = if outcome.caller.is_none() { Claim::key_of(&parts) } else { None };
        let entry = AuditEntry {
            request_id: request_id.clone(),
            at,
            took: began.elapsed(),
            caller: outcome.caller,
            claimed_key,
            action,
            touched: outcome.touched,
            flags: outcome.flags,
            source: peer,
            user_agent: parts.headers.get(USER_AGENT).and_then(|header| header.to_str().ok()).map(str::to_owned),
            status: status.as_u16(),
            error,
        };
        let span = self.traces.as_ref().map(|traces| traces.span(&parts.headers, &entry));
        let (answered, status) = match self.audit.record(entry).await {
            Err(error) if answered.is_ok() => {
                // It may have been done, but nobody would know by whom: so nobody is told that it was.
                tracing::error!(request_id, %error, "a call was done and could not be recorded");
                let error = ApiError::internal(error.to_string());
                let status = error.http_status();
                (Err(error), status)
            }
            _ => (answered, status),
        };
        let counted = if status.is_server_error() { CallOutcome::Failed } else { counted };
        self.metrics.count(action, counted, began.elapsed());
        if let Some(span) = span {
            span.end(counted, began.elapsed());
        }
        let body = match (answered, protocol) {
            (Ok(body), _) => body,
            (Err(error), Protocol::Json) => error.to_json().into(),
            (Err(error), Protocol::Query) => sts::error(&error, &request_id).into(),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, if protocol == Protocol::Json { JSON } else { XML });
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            headers.insert(REQUEST_ID, id);
        }
        response
    }

    async fn call(
        &self,
        request: Received<'_>,
        action: Action,
        request_id: &str,
        outcome: &mut Outcome,
    ) -> Result<Bytes, ApiError> {
        let caller = outcome.caller.insert(self.access.authenticate(request).await?);
        self.access.admit(caller, action)?;
        if action == Action::GetCallerIdentity {
            // Everybody may ask who they are, whatever a policy says.
            return Ok(sts::caller_identity(caller, request_id).into());
        }
        let mut call = Call::new(self, caller, action);
        let answer = operation::run(&mut call, request.body).await;
        let (touched, flags) = (call.touched, call.flags);
        (outcome.touched, outcome.flags) = (touched, flags);
        Ok(Bytes::from_owner(answer?))
    }
}

/// How a request is spoken, and which operation it names.
fn recognise(parts: &Parts, body: Option<&Bytes>) -> (Protocol, Option<Action>) {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let is_form = content_type.starts_with("application/x-www-form-urlencoded");
    match (&parts.method, parts.headers.get(TARGET)) {
        (&Method::GET, None) => {
            let action = parts.uri.query().and_then(sts::action).and_then(Action::of_query);
            (Protocol::Query, action)
        }
        (&Method::POST, None) if is_form => {
            let form = body.and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
            let action = sts::action(form).or_else(|| parts.uri.query().and_then(sts::action));
            (Protocol::Query, action.and_then(Action::of_query))
        }
        (&Method::POST, Some(target)) if content_type.starts_with("application/x-amz-json-1.") => {
            (Protocol::Json, target.to_str().ok().and_then(Action::of_target))
        }
        _ => (Protocol::Json, None),
    }
}
