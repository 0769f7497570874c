//! A length of time, as a person writes it.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use parados_parameter::Invalid;

/// A length of time of at least a second: `26h`, `90m`, `7d`, `1d 12h`. A day has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period(SignedDuration);

impl Period {
    /// So many hours.
    pub(crate) const fn of_hours(hours: i64) -> Self {
        Self(SignedDuration::from_hours(hours))
    }

    /// The length.
    pub(crate) fn duration(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Period {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // Months and years have no one length; a century is as good as for ever.
        let length = text
            .parse::<Span>()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
            .ok()
            .filter(|length| (1..=100 * 366 * 86_400).contains(&length.as_secs()));
        length.map(Self).ok_or_else(|| Invalid::new("length of time", text, "write it as 26h, 90m or 7d"))
    }
}

impl fmt::Display for Period {
    /// In its two largest units: `2d 4h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units =
            [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let first = units.iter().position(|(number, _)| *number > 0).unwrap_or(units.len() - 1);
        let shown = units[first..].iter().take(2).enumerate();
        let words: Vec<_> = shown
            .filter(|(at, (number, _))| *at == 0 || *number > 0)
            .map(|(_, (number, unit))| format!("{number}{unit}"))
            .collect();
        f.pad(&words.join(" "))
    }
}

impl From<SignedDuration> for Period {
    fn from(length: SignedDuration) -> Self {
        Self(length)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("26h", 26 * 3600, "1d 2h")]
    #[case("90m", 5400, "1h 30m")]
    #[case("7d", 7 * 86_400, "7d")]
    #[case("2w", 14 * 86_400, "14d")]
    #[case("1d 12h", 36 * 3600, "1d 12h")]
    #[case("45s", 45, "45s")]
    fn is_read_and_written(#[case] text: &str, #[case] seconds: i64, #[case] written: &str) {
        let period: Period = text.parse().unwrap();
        assert_eq!((period.duration().as_secs(), period.to_string().as_str()), (seconds, written));
    }

    #[rstest]
    #[case("")]
    #[case("26")]
    #[case("0h")]
    #[case("-1h")]
    #[case("1mo")]
    #[case("1y")]
    #[case("soon")]
    #[case("999999d")]
    fn is_refused(#[case] text: &str) {
        text.parse::<Period>().unwrap_err();
    }
}
