//! A small thing that is signed: one line of JSON, and after it the armored signature over exactly that line, as a manifest has
//! it. FORMAT.md, "Signed lines", is normative.
//!
//! Owns the form. What is signed, and who is trusted to sign it, is the caller's.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::document::Digest;
use crate::signature::{self, SignatureError, SigningKey};

/// Something that can be signed as a line. Its JSON has a member `signer`: who signs, as one line of OpenSSH's form.
pub trait SignedLine: Serialize + DeserializeOwned {
    /// The purpose (`ssh-keygen -n`): what was signed as one kind verifies as no other.
    const NAMESPACE: &'static str;

    /// Who signed: the public key's line, as it stands in the JSON.
    fn signer(&self) -> &str;
}

/// A signed line that cannot be used.
#[derive(Debug, Error)]
pub enum SignedLineError {
    /// There is no signature after a line.
    #[error("it is not a line and its signature")]
    NotSigned,
    /// The line is not the JSON that it should be.
    #[error("its content is not what it should be")]
    Content(#[source] serde_json::Error),
    /// A newer Parados wrote it.
    #[error("it is of format {found}, and this Parados reads up to format {supported}")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// Its signature is not right.
    #[error("its signature cannot be accepted")]
    Signature(#[source] SignatureError),
}

/// The newest format of signed lines.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Deserialize)]
struct Format {
    format_version: u32,
}

/// `content` as a line, signed. Its member `format_version` is [`FORMAT_VERSION`], its member `signer` the public line of `key`.
///
/// # Errors
/// [`SignedLineError::Signature`] when the key does not sign.
pub fn sign<T: SignedLine>(content: &T, key: &SigningKey) -> Result<Bytes, SignedLineError> {
    let mut bytes = serde_json::to_vec(content).map_err(SignedLineError::Content)?;
    bytes.push(b'\n');
    let armored = key.sign(T::NAMESPACE, &Digest::of(&bytes)).map_err(SignedLineError::Signature)?;
    bytes.extend_from_slice(armored.as_bytes());
    Ok(bytes.into())
}

/// Reads what [`sign`] made, and checks that whoever it names as its signer signed it.
///
/// # Errors
/// [`SignedLineError`].
pub fn read<T: SignedLine>(bytes: &[u8]) -> Result<T, SignedLineError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(SignedLineError::NotSigned)?;
    let (line, armored) = bytes.split_at(end + 1);
    let armored = std::str::from_utf8(armored).map_err(|_| SignedLineError::NotSigned)?;
    if armored.is_empty() {
        return Err(SignedLineError::NotSigned);
    }
    let Format { format_version } = serde_json::from_slice(line).map_err(SignedLineError::Content)?;
    if format_version > FORMAT_VERSION {
        return Err(SignedLineError::NewerFormat { found: format_version, supported: FORMAT_VERSION });
    }
    let content: T = serde_json::from_slice(line).map_err(SignedLineError::Content)?;
    let signer = signature::parse_public_key(content.signer()).map_err(SignedLineError::Signature)?;
    signature::verify(T::NAMESPACE, line, armored, &signer).map_err(SignedLineError::Signature)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        format_version: u32,
        text: String,
        signer: String,
    }

    impl SignedLine for Note {
        const NAMESPACE: &'static str = "parados-note";

        fn signer(&self) -> &str {
            &self.signer
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Other(Note);

    impl SignedLine for Other {
        const NAMESPACE: &'static str = "parados-other";

        fn signer(&self) -> &str {
            &self.0.signer
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32], "parados")
    }

    fn note(format_version: u32) -> Note {
        Note { format_version, text: "x".into(), signer: key().public_line() }
    }

    #[test]
    fn what_was_signed_is_read_and_nothing_else() {
        let signed = sign(&note(1), &key()).unwrap();
        assert_eq!(read::<Note>(&signed).unwrap(), note(1));
        let text = std::str::from_utf8(&signed).unwrap();

        let changed = text.replacen("\"x\"", "\"y\"", 1);
        assert!(matches!(read::<Note>(changed.as_bytes()), Err(SignedLineError::Signature(SignatureError::Mismatch))));
        let line = text.lines().next().unwrap();
        assert!(matches!(read::<Note>(line.as_bytes()), Err(SignedLineError::NotSigned)));
        assert!(matches!(read::<Note>(format!("{line}\n").as_bytes()), Err(SignedLineError::NotSigned)));
        assert!(matches!(read::<Note>(b"hello\n-----"), Err(SignedLineError::Content(_))));
        let by_another = sign(&note(1), &SigningKey::from_seed(&[2; 32], "")).unwrap();
        assert!(matches!(read::<Note>(&by_another), Err(SignedLineError::Signature(SignatureError::Mismatch))));
        let newer = sign(&note(2), &key()).unwrap();
        assert!(matches!(read::<Note>(&newer), Err(SignedLineError::NewerFormat { found: 2, supported: 1 })));
    }

    #[test]
    fn what_was_signed_for_one_purpose_serves_no_other() {
        let signed = sign(&Other(note(1)), &key()).unwrap();
        assert!(matches!(read::<Note>(&signed), Err(SignedLineError::Signature(SignatureError::Mismatch))));
    }
}
