//! What holds for the parsers of signatures and of public keys, whatever the bytes.

use parados_backup::signature::{MANIFEST_NAMESPACE, SigningKey, parse_public_key, verify};

/// Parsing never panics; a signature is of one text and one key; a public key that parses gives itself back.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = SigningKey::from_seed(&[7; 32], "fuzz");
    if verify(MANIFEST_NAMESPACE, b"signed\n", text, key.public_key()).is_ok() {
        let other = SigningKey::from_seed(&[8; 32], "fuzz");
        assert!(verify(MANIFEST_NAMESPACE, b"signed", text, key.public_key()).is_err(), "it is of another text too");
        assert!(verify(MANIFEST_NAMESPACE, b"signed\n", text, other.public_key()).is_err(), "it is of another key too");
    }
    if let Ok(key) = parse_public_key(text) {
        let line = key.to_openssh().expect("it is a line of OpenSSH's");
        assert_eq!(parse_public_key(&line).expect("it was parsed before").key_data(), key.key_data());
    }
}
