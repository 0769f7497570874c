//! Random UUIDs: the id of a request, which the answer and the audit bear.

use std::fmt::Write as _;

/// A new one.
pub(crate) fn random() -> String {
    let mut bytes: [u8; 16] = rand::random();
    // Version 4, variant 1 (RFC 9562, 5.4).
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_uuid_of_version_4() {
        let id = super::random();
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert_ne!(id, super::random());
    }
}
