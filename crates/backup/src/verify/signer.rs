//! Whether what names its signer was given another one, when its signature does not fit.

use serde::Deserialize;

use crate::signature::{self, PublicKey};

/// In how many bits two keys have to differ to be two. Those of two keys that were made are half of 256; damage to a key changes
/// a few.
const BITS_OF_ANOTHER_KEY: u32 = 64;

#[derive(Deserialize)]
struct Signed {
    signer: String,
}

/// Whether the `signer` that a line of JSON names is a whole key, and another one than `armored`, the signature after the line, says
/// that it was made with. A key that was damaged is not another one.
pub(super) fn is_another(line: &[u8], armored: &[u8]) -> bool {
    let named = serde_json::from_slice(line).ok();
    let named = named.and_then(|Signed { signer }| signature::parse_public_key(&signer).ok());
    let made_with = std::str::from_utf8(armored).ok().and_then(signature::claimed_signer);
    let (named, made_with) = (named.as_ref().and_then(bytes), made_with.as_ref().and_then(bytes));
    named.zip(made_with).is_some_and(|(named, made_with)| {
        let bits = named.iter().zip(made_with).map(|(a, b)| (a ^ b).count_ones());
        bits.sum::<u32>() >= BITS_OF_ANOTHER_KEY
    })
}

fn bytes(key: &PublicKey) -> Option<&[u8; 32]> {
    key.key_data().ed25519().map(|key| &key.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Digest;
    use crate::signature::{MANIFEST_NAMESPACE, SigningKey};

    fn line(signer: &str) -> String {
        format!("{{\"signer\":\"{signer}\"}}\n")
    }

    #[test]
    fn another_key_is_told_from_a_damaged_one_and_from_none() {
        let key = |number| SigningKey::from_seed(&[number; 32], "");
        let public = key(1).public_line();
        let armored = key(1).sign(MANIFEST_NAMESPACE, &Digest::of(line(&public).as_bytes())).unwrap();
        let is_another = |signer: &str| is_another(line(signer).as_bytes(), armored.as_bytes());
        assert!(!is_another(&public) && !is_another("nobody") && !is_another(&format!("{public} a comment")));
        assert!((2..100).all(|number| is_another(&key(number).public_line())));
        let last = public.trim_end().len() - 1;
        let damaged =
            public.chars().enumerate().map(|(at, c)| if at == last - 3 { if c == 'A' { 'B' } else { 'A' } } else { c });
        let damaged: String = damaged.collect();
        assert!(damaged != public && signature::parse_public_key(&damaged).is_ok() && !is_another(&damaged));
        assert!(!super::is_another(line(&key(2).public_line()).as_bytes(), b"no signature"));
        assert!(!super::is_another(b"no line", armored.as_bytes()));
    }
}
