//! The time at which a request was signed.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// Reads `20150830T123600Z`, and nothing else.
pub(super) fn read_basic(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to)?;
        digits.iter().try_fold(0_i16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i16::from(digit - b'0')))
    };
    let small = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let civil = DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(9)?, small(11)?, small(13)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(civil).ok()
}

/// Reads the `Date` header: as above, or as HTTP and mail write it.
pub(super) fn read_header(text: &str) -> Option<Timestamp> {
    read_basic(text).or_else(|| DateTimeParser::new().parse_timestamp(text).ok())
}

/// Writes `20150830T123600Z`.
pub(super) fn write_basic(at: Timestamp) -> String {
    let civil = TimeZone::UTC.to_datetime(at);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_it_are_read() {
        let at: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        assert_eq!(read_basic("20150830T123600Z"), Some(at));
        assert_eq!(write_basic(at), "20150830T123600Z");
        assert_eq!(read_header("Sun, 30 Aug 2015 12:36:00 GMT"), Some(at));
        assert_eq!(read_header("20150830T123600Z"), Some(at));
    }

    #[test]
    fn what_is_not_one_is_none() {
        for text in [
            "",
            "20150830T123600",
            "20151330T123600Z",
            "2015-8-30T12:36Z",
            "20150830t123600Z",
            "+0150830T123600Z",
            "20150830T12360éZ",
        ] {
            assert_eq!(read_basic(text), None, "{text}");
        }
        assert_eq!(read_header("yesterday"), None);
    }
}
