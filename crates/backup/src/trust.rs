//! Whose signatures count.
//!
//! Owns the list of the signers that somebody trusts, and its text. Does not check signatures
//! ([`signature`]), nor keep the list anywhere.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::signature::{self, PublicKey};

/// The public keys whose signatures count. When it is empty nobody has said whom to trust, and every signer is accepted.
///
/// Keys are compared by what they are and not by their comments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedSigners(BTreeSet<PublicKey>);

/// A text that is not a list of trusted signers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} is not an OpenSSH ed25519 public key (`ssh-ed25519 AAAA…`)")]
pub struct InvalidSigners {
    line: usize,
}

impl TrustedSigners {
    /// Parses public keys, one a line: `ssh-ed25519 AAAA… [comment]`, before which may stand what an `allowed_signers` file of
    /// OpenSSH has there. Empty lines and those that begin with `#` are left out.
    ///
    /// # Errors
    /// [`InvalidSigners`] for the first line that is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidSigners> {
        let mut signers = Self::default();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let key = text.find("ssh-ed25519 ").map(|at| &text[at..]);
            let key = key.and_then(|key| signature::parse_public_key(key).ok()).ok_or(InvalidSigners { line })?;
            signers.add(&key);
        }
        Ok(signers)
    }

    /// Trusts one more.
    pub fn add(&mut self, key: &PublicKey) {
        self.0.insert(PublicKey::new(key.key_data().clone(), ""));
    }

    /// Trusts all of `others` too.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether nobody has said whom to trust.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what `signer` signed counts; a public key's line, as it stands in a manifest.
    pub fn accept(&self, signer: &str) -> bool {
        self.is_empty()
            || signature::parse_public_key(signer)
                .is_ok_and(|key| self.0.contains(&PublicKey::new(key.key_data().clone(), "")))
    }
}

impl<'a> FromIterator<&'a PublicKey> for TrustedSigners {
    fn from_iter<I: IntoIterator<Item = &'a PublicKey>>(keys: I) -> Self {
        let mut signers = Self::default();
        keys.into_iter().for_each(|key| signers.add(key));
        signers
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::signature::SigningKey;

    fn line(number: u8, comment: &str) -> String {
        SigningKey::from_seed(&[number; 32], comment).public_line()
    }

    #[test]
    fn a_signer_is_the_key_and_not_its_comment() {
        let text =
            format!("# ours\n\n{}\n  parados namespaces=\"parados-manifest\" {}\n", line(1, "host a"), line(2, ""));
        let trusted = TrustedSigners::parse(&text).unwrap();
        assert!(trusted.accept(&line(1, "another comment")) && trusted.accept(&line(2, "")));
        assert!(!trusted.accept(&line(3, "host a")) && !trusted.accept("") && !trusted.accept("ssh-ed25519 AAAA"));
    }

    #[test]
    fn an_empty_list_accepts_everybody() {
        assert!(TrustedSigners::parse("# nobody\n").unwrap().accept(&line(1, "")));
    }

    #[rstest]
    #[case("hunter2")]
    #[case("ssh-ed25519 AAAA")]
    #[case("ssh-rsa AAAAB3NzaC1yc2E=")]
    fn what_is_no_key_is_refused_and_not_shown(#[case] text: &str) {
        let error = TrustedSigners::parse(&format!("{}\n{text}\n", line(1, ""))).unwrap_err();
        assert_eq!(error, InvalidSigners { line: 2 });
        assert!(!error.to_string().contains("hunter2"));
    }
}
