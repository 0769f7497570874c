//! Our clock, as the SDK signs by it, and what the clock of AWS says, from the `Date` of its answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_async::time::TimeSource;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use jiff::{SignedDuration, Timestamp};
use parados_parameter::Clock;

/// Tells the SDK the time.
#[derive(Clone, Debug)]
pub(crate) struct OurClock(pub(crate) Arc<dyn Clock>);

impl TimeSource for OurClock {
    fn now(&self) -> SystemTime {
        SystemTime::try_from(self.0.now()).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Reads the `Date` header of each answer of the client that it is put into, and compares it with `clock`.
#[derive(Clone, Debug)]
pub(crate) struct ServerClock {
    clock: Arc<dyn Clock>,
    skew: Arc<Mutex<Option<SignedDuration>>>,
}

impl ServerClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, skew: Arc::default() }
    }

    /// How far AWS's clock was ahead of ours at the last answer, to about a second; none before the first answer.
    pub(crate) fn skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observe(&self, date: &str) {
        let Ok(date) = DateTime::from_str(date, Format::HttpDate) else { return };
        let Ok(server) = Timestamp::from_second(date.secs()) else { return };
        let skew = server.duration_since(self.clock.now());
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.observe(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parados_parameter::clock::ManualClock;

    use super::*;

    #[test]
    fn a_date_that_is_ahead_is_positive() {
        let ours: Timestamp = "2025-10-15T12:00:00Z".parse().unwrap();
        let clock = ServerClock::new(Arc::new(ManualClock::at(ours)));
        assert_eq!(clock.skew(), None);
        clock.observe("Wed, 15 Oct 2025 13:00:00 GMT");
        assert_eq!(clock.skew(), Some(SignedDuration::from_hours(1)));
        clock.observe("Wed, 15 Oct 2025 11:59:30 GMT");
        assert_eq!(clock.skew(), Some(SignedDuration::from_secs(-30)));
        clock.observe("yesterday");
        assert_eq!(clock.skew(), Some(SignedDuration::from_secs(-30)), "what is no date says nothing");
    }
}
