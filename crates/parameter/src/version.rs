//! The number of a version of a parameter.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// Most versions that a store keeps of one parameter; a further put drops the oldest, unless that bears a label.
pub const MAX_VERSIONS: usize = 100;

/// The number of a version: 1 for the first, one more for each put. A store gives it; it cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Version(i64);

impl Version {
    /// The first version.
    pub const FIRST: Self = Self(1);

    /// The version numbered `number`.
    ///
    /// # Errors
    /// [`Invalid`] when it is less than 1.
    pub fn new(number: i64) -> Result<Self, Invalid> {
        match number {
            1.. => Ok(Self(number)),
            _ => Err(Invalid::new("version", &number.to_string(), "versions are numbered from 1")),
        }
    }

    /// Parses a decimal number.
    ///
    /// # Errors
    /// [`Invalid`] when it is not a number, or less than 1.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let number = text.parse().map_err(|_| Invalid::new("version", text, "it is a whole number, such as 3"))?;
        Self::new(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The version that the next put makes.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl TryFrom<i64> for Version {
    type Error = Invalid;

    fn try_from(number: i64) -> Result<Self, Invalid> {
        Self::new(number)
    }
}

impl From<Version> for i64 {
    fn from(version: Version) -> i64 {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_at_one() {
        assert_eq!(Version::parse("1").unwrap(), Version::FIRST);
        assert_eq!(Version::FIRST.next().get(), 2);
        Version::parse("0").unwrap_err();
        Version::parse("latest").unwrap_err();
        serde_json::from_str::<Version>("0").unwrap_err();
    }
}
