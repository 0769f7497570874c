//! Dates as the AWS CLI prints them.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;

/// AWS gives milliseconds, which Python prints as microseconds.
const MICROSECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
/// A store that is finer than that loses nothing.
const NANOSECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// Writes `2025-10-15T12:00:45.760000+00:00`: UTC, six digits of fraction, nine where six would lose something.
pub(super) fn serialize<S: Serializer>(date: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(date))
}

/// What [`serialize`] writes.
pub(super) fn text(date: &Timestamp) -> String {
    let printer = if date.subsec_nanosecond() % 1000 == 0 { &MICROSECONDS } else { &NANOSECONDS };
    printer.timestamp_with_offset_to_string(date, Offset::UTC)
}

/// Reads that, any other RFC 3339 date, and seconds since the epoch with a fraction, which is how version 1 of the AWS CLI
/// prints a date; to the microsecond, which is what a double holds.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_any(DateVisitor)
}

struct DateVisitor;

impl Visitor<'_> for DateVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date such as 2025-10-15T12:00:45.760000+00:00, or seconds since the epoch")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(|_| E::invalid_value(Unexpected::Other("a text"), &self))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
        Timestamp::from_second(seconds).map_err(|_| E::invalid_value(Unexpected::Signed(seconds), &self))
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
        i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(seconds), &self))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, and the range is checked after it"
    )]
    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
        let microseconds = (seconds * 1e6).round() as i64;
        Timestamp::from_microsecond(microseconds).map_err(|_| E::invalid_value(Unexpected::Float(seconds), &self))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Date(#[serde(with = "super")] Timestamp);

    #[rstest]
    #[case::version_2(r#""2025-10-15T12:00:45.760000+00:00""#)]
    #[case::version_2_in_japan(r#""2025-10-15T21:00:45.760000+09:00""#)]
    #[case::utc(r#""2025-10-15T12:00:45.76Z""#)]
    #[case::version_1("1760529645.76")]
    fn reads_what_the_aws_cli_prints(#[case] json: &str) {
        let Date(date) = serde_json::from_str(json).unwrap();
        assert_eq!(date.to_string(), "2025-10-15T12:00:45.76Z");
        assert_eq!(serde_json::to_string(&Date(date)).unwrap(), r#""2025-10-15T12:00:45.760000+00:00""#);
    }

    #[rstest]
    #[case::whole("1760529645", "2025-10-15T12:00:45Z")]
    #[case::whole_python(r#""2025-10-15T12:00:45+00:00""#, "2025-10-15T12:00:45Z")]
    #[case::float("1760529645.0", "2025-10-15T12:00:45Z")]
    #[case::milliseconds("1760529645.123", "2025-10-15T12:00:45.123Z")]
    #[case::before("-0.5", "1969-12-31T23:59:59.5Z")]
    fn reads_other_forms(#[case] json: &str, #[case] expected: &str) {
        assert_eq!(serde_json::from_str::<Date>(json).unwrap().0.to_string(), expected);
    }

    #[rstest]
    #[case(r#""yesterday""#)]
    #[case("1e300")]
    #[case("18446744073709551615")]
    #[case("null")]
    fn refuses(#[case] json: &str) {
        assert!(serde_json::from_str::<Date>(json).is_err());
    }

    #[test]
    fn nanoseconds_are_kept() {
        let date: Timestamp = "2025-10-15T12:00:45.123456789Z".parse().unwrap();
        let json = serde_json::to_string(&Date(date)).unwrap();
        assert_eq!(json, r#""2025-10-15T12:00:45.123456789+00:00""#);
        assert_eq!(serde_json::from_str::<Date>(&json).unwrap().0, date);
    }
}
