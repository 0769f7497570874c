//! The two halves of an access key: the id, which is no secret, and the secret.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parados_parameter::{Invalid, Secret};
use zeroize::Zeroizing;

/// What every id begins with, so that a scanner of secrets knows it for one of this product's.
const PREFIX: &str = "PRDS";
/// Characters of an id, as of AWS's.
const ID_CHARS: usize = 20;
/// Bytes of a secret, which are 40 characters of base64.
const SECRET_BYTES: usize = 30;
const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The id of an access key: `PRDS` and 16 characters out of `A-Z2-7`. It is never given out twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(String);

impl AccessKeyId {
    /// Reads an id.
    ///
    /// # Errors
    /// It has not the form of one.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let is_one = text.len() == ID_CHARS
            && text.starts_with(PREFIX)
            && text.bytes().skip(4).all(|byte| BASE_32.contains(&byte));
        if is_one {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
                "access key id",
                text,
                "it is PRDS and 16 of A-Z and 2-7, as 'parados store key list' shows it",
            ))
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn random() -> Result<Self, Unspecified> {
        Ok(Self(random_name(PREFIX, ID_CHARS)?))
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It may.
    Active,
    /// It was revoked, for good.
    Revoked,
}

/// The unique id of a principal: `AIDA` and 17 characters, as IAM's.
pub(super) fn random_user_id() -> Result<String, Unspecified> {
    random_name("AIDA", 21)
}

/// A secret of 40 characters.
pub(super) fn random_secret() -> Result<Secret, Unspecified> {
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    SystemRandom::new().fill(&mut *bytes)?;
    Ok(Secret::new(STANDARD.encode(*bytes)))
}

fn random_name(prefix: &str, chars: usize) -> Result<String, Unspecified> {
    let mut bytes = vec![0; chars - prefix.len()];
    SystemRandom::new().fill(&mut bytes)?;
    let rest = bytes.iter().map(|byte| char::from(BASE_32[usize::from(byte % 32)]));
    Ok(prefix.chars().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_the_form_of_one() {
        let id = AccessKeyId::random().unwrap();
        assert_eq!(AccessKeyId::new(id.as_str()), Ok(id.clone()));
        assert_ne!(AccessKeyId::random().unwrap(), id);
        let secret = random_secret().unwrap();
        assert_eq!((secret.len(), random_user_id().unwrap().len()), (40, 21));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "AKIAIOSFODNN7EXAMPLE", "PRDSABCDEFGHIJKLMNO", "PRDSABCDEFGHIJKLMNO1", "prdsABCDEFGHIJKLMNOP"]
        {
            assert!(AccessKeyId::new(text).is_err(), "{text}");
        }
    }
}
