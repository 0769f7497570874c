//! Type and tier.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// The names of an enum's variants, in AWS's spelling, for `Display`, `FromStr` and serde alike.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident, $noun:literal, $default:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in AWS's spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::$default }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    Invalid::new($noun, text, format!("it is one of {}", names.join(", ")))
                })
            }
        }
    };
}

named! {
    /// How a value is kept and read (PutParameter's `Type`).
    ParameterType, "type", String {
        /// Plain text.
        String = "String",
        /// Texts separated by commas.
        StringList = "StringList",
        /// Text encrypted under a KMS key.
        SecureString = "SecureString",
    }
}

named! {
    /// The tier that a stored parameter is in. Never downgraded in place.
    Tier, "tier", Standard {
        /// Up to 4 KB a value, 10,000 parameters, no policies.
        Standard = "Standard",
        /// Up to 8 KB a value, 100,000 parameters, policies; charged for.
        Advanced = "Advanced",
    }
}

named! {
    /// The tier that a PutParameter asks for.
    TierRequest, "tier", Standard {
        /// The standard tier.
        Standard = "Standard",
        /// The advanced tier.
        Advanced = "Advanced",
        /// The standard tier, or the advanced one where the request needs it. Reads back as one of the two.
        IntelligentTiering = "Intelligent-Tiering",
    }
}

impl From<Tier> for TierRequest {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Standard => Self::Standard,
            Tier::Advanced => Self::Advanced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_aws_s_and_round_trip() {
        for one in TierRequest::ALL {
            assert_eq!(one.as_str().parse::<TierRequest>().unwrap(), *one);
            assert_eq!(serde_json::to_string(one).unwrap(), format!("{:?}", one.as_str()));
        }
        let message = "securestring".parse::<ParameterType>().unwrap_err().to_string();
        assert_eq!(message, "type \"securestring\" is not valid: it is one of String, StringList, SecureString");
    }
}
