//! The way to the object storage of Azure and of Google: where it is, whose credentials, and HTTP. object_store has all three, for
//! objects; containers and buckets it does not make, so their calls are those of the kinds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, AzureConfigKey, AzureCredentialProvider, MicrosoftAzureBuilder};
use object_store::client::{ClientConfigKey, HttpClient, HttpConnector as _, HttpRequest, ReqwestConnector};
use object_store::gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder, GoogleConfigKey};
use parados_parameter::StoreErrorKind;
use serde_json::Value;

use crate::cloud::{CallError, Result};

/// Where Google's storage is, unless a setting says otherwise.
const GOOGLE: &str = "https://storage.googleapis.com";
/// A builder wants the name of a container or bucket, of which nothing is asked.
const ANY: &str = "any";

/// Accounts of object storage, opened once each.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectStorage {
    /// Settings, by the names that they have as environment variables.
    settings: Arc<BTreeMap<String, String>>,
    azure: Arc<Mutex<BTreeMap<String, AzureAccount>>>,
    google: Arc<Mutex<Option<Google>>>,
}

/// A storage account of Azure.
#[derive(Clone, Debug)]
pub(crate) struct AzureAccount {
    http: HttpClient,
    credentials: AzureCredentialProvider,
    account: String,
    url: String,
}

/// Google's storage.
#[derive(Clone, Debug)]
pub(crate) struct Google {
    http: HttpClient,
    credentials: GcpCredentialProvider,
    url: String,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl ObjectStorage {
    /// With settings as object_store has them, by the names of environment variables; others are read over.
    pub(crate) fn new(settings: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { settings: Arc::new(settings.into_iter().collect()), ..Self::default() }
    }

    /// A storage account of Azure.
    pub(crate) fn azure(&self, account: &str) -> Result<AzureAccount> {
        let mut opened = self.azure.lock().expect("nobody panics with it");
        if let Some(one) = opened.get(account) {
            return Ok(one.clone());
        }
        let one = AzureAccount::open(&self.settings, account)?;
        opened.insert(account.to_owned(), one.clone());
        Ok(one)
    }

    /// Google's storage.
    pub(crate) fn google(&self) -> Result<Google> {
        let mut opened = self.google.lock().expect("nobody panics with it");
        match &*opened {
            Some(one) => Ok(one.clone()),
            None => Ok(opened.insert(Google::open(&self.settings)?).clone()),
        }
    }
}

impl AzureAccount {
    fn open(settings: &BTreeMap<String, String>, account: &str) -> Result<Self> {
        let wrong = |message: String| CallError::new("azure", account, StoreErrorKind::Validation, message);
        let builder = MicrosoftAzureBuilder::new().with_container_name(ANY);
        let builder = settings.iter().fold(builder, |builder, (name, value)| match key(name) {
            Some(key) => builder.with_config(key, value),
            None => builder,
        });
        let of_settings = builder.get_config_value(&AzureConfigKey::AccountName);
        if let Some(other) = of_settings.filter(|other| other != account) {
            return Err(wrong(format!("the credentials are the account {other}'s (AZURE_STORAGE_ACCOUNT_NAME)")));
        }
        let builder = builder.with_account(account);
        let url = builder.get_config_value(&AzureConfigKey::Endpoint);
        let url = url.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
        let plain = builder.get_config_value(&AzureConfigKey::Client(ClientConfigKey::AllowHttp));
        let store = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            http: client("azure", account, plain.as_deref() == Some("true"))?,
            credentials: store.credentials().clone(),
            account: account.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// One call. `path` begins with `/`; `headers` are the service's own.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        (method, path): (Method, &str),
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Answer> {
        let wrong = |message: String| CallError::new(operation, path, StoreErrorKind::Validation, message);
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            let header = HeaderName::try_from(name).ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) =
                header.ok_or_else(|| wrong(format!("{name} is no header, or its value none for one")))?;
            request = request.header(name, value);
        }
        let request = request.header(CONTENT_LENGTH, body.len()).body(body.to_owned().into());
        let mut request = request.map_err(|error| wrong(error.to_string()))?;
        let credential = self.credentials.get_credential().await.map_err(|error| denied(operation, path, &error))?;
        AzureAuthorizer::new(&credential, &self.account)
            .try_authorize(&mut request)
            .map_err(|error| denied(operation, path, &error))?;
        let (status, answer) = exchange(&self.http, operation, path, request).await?;
        let code = answer.headers.get("x-ms-error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
        answered(operation, path, status, code, answer)
    }
}

impl Google {
    fn open(settings: &BTreeMap<String, String>) -> Result<Self> {
        let builder = GoogleCloudStorageBuilder::new().with_bucket_name(ANY);
        let builder = settings.iter().fold(builder, |builder, (name, value)| match key(name) {
            Some(key) => builder.with_config(key, value),
            None => builder,
        });
        let url = builder.get_config_value(&GoogleConfigKey::BaseUrl).unwrap_or_else(|| GOOGLE.to_owned());
        let store = builder.build();
        let store =
            store.map_err(|error| CallError::new("google", "", StoreErrorKind::Validation, error.to_string()))?;
        Ok(Self {
            http: client("google", "", url.starts_with("http://"))?,
            credentials: store.credentials().clone(),
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// One call of the JSON interface. `path` is what follows `/storage/v1`.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        (method, path): (Method, &str),
        body: Option<&Value>,
    ) -> Result<Value> {
        let wrong = |message: String| CallError::new(operation, path, StoreErrorKind::Validation, message);
        let credential = self.credentials.get_credential().await.map_err(|error| denied(operation, path, &error))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/storage/v1{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", credential.bearer))
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len())
            .body(body.into());
        let (status, answer) =
            exchange(&self.http, operation, path, request.map_err(|error| wrong(error.to_string()))?).await?;
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = said["error"]["errors"][0]["reason"].as_str().map(str::to_owned);
        answered(operation, path, status, code, answer).map(|_| said)
    }
}

/// A setting's key, where its name is one of object_store's.
fn key<T: std::str::FromStr>(name: &str) -> Option<T> {
    name.to_ascii_lowercase().parse().ok()
}

fn client(operation: &'static str, subject: &str, plain: bool) -> Result<HttpClient> {
    let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(plain));
    client.map_err(|error| CallError::new(operation, subject, StoreErrorKind::Connection, error.to_string()))
}

fn denied(operation: &'static str, subject: &str, error: &object_store::Error) -> CallError {
    CallError::new(operation, subject, StoreErrorKind::AccessDenied, error.to_string())
}

async fn exchange(
    http: &HttpClient,
    operation: &'static str,
    subject: &str,
    request: HttpRequest,
) -> Result<(StatusCode, Answer)> {
    let lost = |error: object_store::client::HttpError| {
        CallError::new(operation, subject, StoreErrorKind::Connection, error.to_string())
    };
    let (head, body) = http.execute(request).await.map_err(lost)?.into_parts();
    let body = String::from_utf8_lossy(&body.bytes().await.map_err(lost)?).into_owned();
    Ok((head.status, Answer { headers: head.headers, body }))
}

fn answered(
    operation: &'static str,
    subject: &str,
    status: StatusCode,
    code: Option<String>,
    answer: Answer,
) -> Result<Answer> {
    let kind = match status {
        status if status.is_success() => return Ok(answer),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::AccessDenied,
        StatusCode::TOO_MANY_REQUESTS => StoreErrorKind::Throttling,
        StatusCode::REQUEST_TIMEOUT => StoreErrorKind::Timeout,
        status if status.is_server_error() => StoreErrorKind::InternalServerError,
        _ => StoreErrorKind::Other,
    };
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let message = said["error"]["message"].as_str().map_or_else(|| status.to_string(), str::to_owned);
    // An answer without a code has that of its status.
    let code = code.or_else(|| Some(status.as_u16().to_string()));
    Err(CallError { code, ..CallError::new(operation, subject, kind, message) })
}
