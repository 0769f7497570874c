//! The HTTP client that all of a session's services share: one pool of connections, and the trusted roots read once, when a call
//! first needs them.

use std::env;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::timeout::TimeoutConfig;

/// The longest that a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that one attempt of a call may take, from its signature to the last byte of its answer.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The timeouts of every call. Each answer is read whole within the attempt's, so the SDK has no need to watch how fast it comes besides.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// What the SDK would make for each service by itself: rustls, the system's roots, the proxy that the environment names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connectors(Arc<Mutex<Vec<(Timeouts, SharedHttpConnector)>>>);

/// To connect, and to the first byte of an answer.
type Timeouts = (Option<Duration>, Option<Duration>);

impl Connectors {
    /// For calls that are not the SDK's.
    pub(crate) fn own(&self) -> SharedHttpConnector {
        self.of(&HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
    }

    /// For the SDK.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let connectors = self.clone();
        http_client_fn(move |settings, _| connectors.of(settings))
    }

    fn of(&self, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = made.iter().find(|(of, _)| *of == timeouts) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(ByScheme::new(settings));
        made.push((timeouts, connector.clone()));
        connector
    }
}

/// A connector for `http://`, and one for `https://`: to read the system's roots takes milliseconds and hundreds of files.
struct ByScheme {
    builder: ConnectorBuilder,
    /// Whether what goes out as `http://` may go to a proxy as TLS.
    always_secure: bool,
    plain: OnceLock<Connector>,
    secure: OnceLock<Connector>,
}

impl ByScheme {
    fn new(settings: &HttpConnectorSettings) -> Self {
        let mut builder = ConnectorBuilder::default().connector_settings(settings.clone());
        builder.set_proxy_config(Some(ProxyConfig::from_env()));
        Self {
            builder,
            always_secure: proxy_speaks_tls(|name| env::var(name).ok()),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        }
    }
}

impl fmt::Debug for ByScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByScheme")
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if request.uri().starts_with("http://") && !self.always_secure {
            self.plain.get_or_init(|| self.builder.clone().build_http())
        } else {
            let secure = || self.builder.clone().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
            self.secure.get_or_init(secure)
        };
        connector.call(request)
    }
}

/// Whether the environment names a proxy for `http://` that is reached over TLS.
fn proxy_speaks_tls(variable: impl Fn(&str) -> Option<String>) -> bool {
    let proxies = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    proxies.iter().any(|name| variable(name).is_some_and(|url| url.starts_with("https://")))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    async fn call(connector: &ByScheme, uri: &str) {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(uri).unwrap();
        connector.call(request).await.unwrap_err();
    }

    #[tokio::test]
    async fn the_roots_are_read_when_a_call_needs_them() {
        let connector = ByScheme::new(&HttpConnectorSettings::default());
        call(&connector, "http://127.0.0.1:1/").await;
        assert!(connector.secure.get().is_none());
        call(&connector, "https://127.0.0.1:1/").await;
        assert!(connector.secure.get().is_some());
    }

    #[tokio::test]
    async fn the_roots_are_read_for_a_proxy_that_is_reached_over_tls() {
        let named = |name, url: &'static str| proxy_speaks_tls(move |asked| (asked == name).then(|| url.to_owned()));
        assert!(named("http_proxy", "https://proxy:3128"));
        assert!(named("ALL_PROXY", "https://proxy:3128"));
        assert!(!named("http_proxy", "http://proxy:3128"));
        assert!(!named("https_proxy", "https://proxy:3128"), "that one is for calls over TLS");
        let connector = ByScheme { always_secure: true, ..ByScheme::new(&HttpConnectorSettings::default()) };
        call(&connector, "http://127.0.0.1:1/").await;
        assert!(connector.secure.get().is_some() && connector.plain.get().is_none());
    }

    #[test]
    fn calls_with_the_same_timeouts_share_connections() {
        let connectors = Connectors::default();
        let settings =
            |read| HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(read).build();
        let made = || connectors.0.lock().unwrap().len();
        connectors.own();
        connectors.own();
        assert_eq!(made(), 1);
        connectors.of(&settings(Duration::from_secs(1)));
        connectors.of(&settings(Duration::from_secs(1)));
        assert_eq!(made(), 2);
    }
}
