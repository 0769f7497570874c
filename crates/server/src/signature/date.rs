//! The time at which a request was signed.

use std::fmt;
use std::ops::Range;

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

/// A time as a signature writes it: `20150830T123600Z`.
#[derive(Clone, Copy)]
pub(super) struct Basic([u8; 16]);

impl Basic {
    /// The time, to the second.
    pub(super) fn of(at: Timestamp) -> Self {
        let civil = TimeZone::UTC.to_datetime(at);
        let mut text = *b"00000000T000000Z";
        let mut number = |digits: Range<usize>, mut number: i16| {
            for digit in text[digits].iter_mut().rev() {
                // Of a year before year 0, which nobody signs in, the digits are those of its distance.
                *digit = b'0' + (number % 10).unsigned_abs() as u8;
                number /= 10;
            }
        };
        number(0..4, civil.year());
        number(4..6, civil.month().into());
        number(6..8, civil.day().into());
        number(9..11, civil.hour().into());
        number(11..13, civil.minute().into());
        number(13..15, civil.second().into());
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are text")
    }

    /// Its day: `20150830`.
    pub(super) fn day(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl fmt::Display for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_it_are_read() {
        let at: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        assert_eq!(read_basic("20150830T123600Z"), Some(at));
        assert_eq!(Basic::of(at).as_str(), "20150830T123600Z");
        assert_eq!(Basic::of(at).day(), "20150830");
        assert_eq!(Basic::of(Timestamp::MAX).as_str(), "99991230T220000Z");
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
