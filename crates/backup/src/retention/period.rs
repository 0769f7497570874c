//! A length of time as people say it: `7d`, `6 weeks`, `1y`.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use thiserror::Error;

/// A length of time of the calendar of UTC; not negative.
#[derive(Clone, Copy, Debug)]
pub struct Period(Span);

/// A text that is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not a length of time; write it as 12h, 7d, 6w, 3mo or 1y")]
pub struct InvalidPeriod {
    text: String,
}

impl Period {
    /// So many days.
    pub fn days(days: i32) -> Self {
        Self(Span::new().try_days(days.max(0)).unwrap_or_default())
    }

    /// The time that lies this much before `at`; the beginning of time where that is before it.
    pub fn before(&self, at: Timestamp) -> Timestamp {
        let before = TimeZone::UTC.to_datetime(at).checked_sub(self.0);
        before.and_then(|before| TimeZone::UTC.to_timestamp(before)).unwrap_or(Timestamp::MIN)
    }

    /// The time that lies this much after `at`; the end of time where that is after it.
    pub fn after(&self, at: Timestamp) -> Timestamp {
        let after = TimeZone::UTC.to_datetime(at).checked_add(self.0);
        after.and_then(|after| TimeZone::UTC.to_timestamp(after)).unwrap_or(Timestamp::MAX)
    }

    /// Whether it is no time at all.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        match text.trim().parse::<Span>() {
            Ok(span) if !span.is_negative() => Ok(Self(span)),
            _ => Err(InvalidPeriod { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:#}", self.0))
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

impl Eq for Period {}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("7d", "2025-03-24T12:00:00Z")]
    #[case("12h", "2025-03-31T00:00:00Z")]
    #[case("2w", "2025-03-17T12:00:00Z")]
    #[case("1mo", "2025-02-28T12:00:00Z")]
    #[case("1y", "2024-03-31T12:00:00Z")]
    #[case("1y 2mo", "2024-01-31T12:00:00Z")]
    #[case("0s", "2025-03-31T12:00:00Z")]
    #[case("P7D", "2025-03-24T12:00:00Z")]
    #[case("15000y", "-009999-01-02T01:59:59Z")]
    fn is_counted_back_in_the_calendar(#[case] text: &str, #[case] before: &str) {
        assert_eq!(text.parse::<Period>().unwrap().before(at("2025-03-31T12:00:00Z")), at(before));
    }

    #[rstest]
    #[case("")]
    #[case("7")]
    #[case("-7d")]
    #[case("seven days")]
    #[case("7 d x")]
    fn what_is_no_length_of_time_is_refused(#[case] text: &str) {
        let message = text.parse::<Period>().unwrap_err().to_string();
        assert!(message.contains("write it as 12h, 7d"), "{message}");
    }

    #[test]
    fn is_shown_as_it_is_written() {
        for text in ["7d", "12h", "6w", "3mo", "1y"] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.to_string(), text);
            assert_eq!(period, text.parse().unwrap());
            assert_eq!(period.before(period.after(at("2025-01-01T00:00:00Z"))), at("2025-01-01T00:00:00Z"));
        }
        assert_ne!(Period::days(1), Period::days(2));
    }
}
