//! Random UUIDs: the id of a request, which the answer and the audit bear.

/// A new one.
pub(crate) fn random() -> String {
    let mut bytes: [u8; 16] = rand::random();
    // Version 4, variant 1 (RFC 9562, 5.4).
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut digits = [0; 32];
    hex::encode_to_slice(bytes, &mut digits).expect("32 digits are 16 bytes");
    let digits = std::str::from_utf8(&digits).expect("digits are text");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
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
