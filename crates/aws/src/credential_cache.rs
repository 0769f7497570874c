//! Credentials, kept until shortly before they expire.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use jiff::{SignedDuration, Timestamp};
use parados_parameter::Clock;
use tokio::sync::Mutex;

/// How long before they expire credentials are replaced, so that a request signed with them still arrives in time.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Goes around a provider that asks anew each time (a file, STS, the metadata of an instance), for callers that ask before
/// each request. What fails is not kept.
#[derive(Debug)]
pub(crate) struct CredentialCache {
    inner: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<Credentials>>,
}

impl CredentialCache {
    pub(crate) fn new(inner: SharedCredentialsProvider, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, kept: Mutex::new(None) }
    }

    async fn credentials(&self) -> provider::Result {
        // Held over the call: of many that ask at once, one asks the provider.
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        let fresh = |one: &Credentials| {
            one.expiry().is_none_or(|expiry| Timestamp::try_from(expiry).is_ok_and(|expiry| now + MARGIN < expiry))
        };
        if let Some(credentials) = kept.as_ref().filter(|one| fresh(one)) {
            return Ok(credentials.clone());
        }
        let credentials = self.inner.provide_credentials().await?;
        *kept = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for CredentialCache {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, SystemTime};

    use aws_credential_types::provider::error::CredentialsError;
    use parados_parameter::clock::ManualClock;

    use super::*;

    /// Credentials that live an hour, numbered; every third answer is a failure.
    #[derive(Debug)]
    struct Hourly(Arc<ManualClock>, Arc<AtomicU64>);

    impl ProvideCredentials for Hourly {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.1.fetch_add(1, Ordering::Relaxed) + 1;
            let expiry = SystemTime::try_from(self.0.now()).unwrap() + Duration::from_secs(3600);
            future::ProvideCredentials::ready(match number % 3 {
                0 => Err(CredentialsError::provider_error("no")),
                _ => Ok(Credentials::new(format!("key{number}"), "secret", None, Some(expiry), "test")),
            })
        }
    }

    #[tokio::test]
    async fn asks_again_five_minutes_before_they_expire_and_keeps_no_failure() {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let calls = Arc::new(AtomicU64::new(0));
        let hourly = SharedCredentialsProvider::new(Hourly(clock.clone(), calls.clone()));
        let cache = CredentialCache::new(hourly, clock.clone());
        let key = async || cache.provide_credentials().await.map(|one| one.access_key_id().to_owned());

        assert_eq!(key().await.unwrap(), "key1");
        clock.advance(Duration::from_secs(54 * 60));
        assert_eq!(key().await.unwrap(), "key1");
        clock.advance(Duration::from_secs(2 * 60));
        assert_eq!(key().await.unwrap(), "key2");
        clock.advance(Duration::from_secs(3600));
        key().await.unwrap_err();
        assert_eq!(key().await.unwrap(), "key4");
        assert_eq!(calls.load(Ordering::Relaxed), 4);
    }
}
