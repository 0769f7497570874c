//! A text that must not be seen: the value of a parameter.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Most bytes of a value of the standard tier.
pub const MAX_STANDARD_VALUE_BYTES: usize = 4096;
/// Most bytes of a value of the advanced tier.
pub const MAX_ADVANCED_VALUE_BYTES: usize = 8192;

/// The value of a parameter. Zeroed when dropped; `Debug` is redacted; there is no `Display` and no `Serialize`, so that
/// it goes out only where [`Secret::reveal`] is written.
///
/// Values of type String and StringList are secrets too: people put passwords there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` over; the caller's copy is the same memory, so there is none left behind.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Each use of it is a place where a secret goes out.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its length in bytes, which the tiers limit.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "Secret(redacted) Some(\n    Secret(redacted),\n)");
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(secret.len(), 7);
    }
}
