//! What holds for the parser of recipients, whatever the bytes.

use parados_backup::seal::{Recipient, Sealer};

/// Parsing never panics, what parses gives its text back, and what is no KMS key can be sealed to.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(recipient) = Recipient::parse(text) else { return };
    assert_eq!(recipient.to_string(), text.trim());
    assert_eq!(Recipient::parse(recipient.as_str()).expect("it was parsed before"), recipient);
    if recipient.kms_key().is_none() {
        let sealer = Sealer::new([recipient], None).expect("there is a recipient");
        let sealed = sealer.wrap(Vec::new()).expect("a Vec takes every byte").finish();
        assert!(sealed.is_ok());
    }
}
