//! What a SecureString is to a reader who did not ask for decryption.

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use parados_parameter::{AccountRegion, ParameterName, Version};

/// How a ciphertext of KMS under a symmetric key begins.
const KMS_HEADER: [u8; 5] = [0x01, 0x02, 0x02, 0x00, 0x78];
/// What KMS adds to what it encrypts.
const KMS_OVERHEAD: usize = 150;

/// A text in the place of the value of `length` bytes: base64, as long as KMS's ciphertext would be, the same for each read of the same
/// version and another for any other. Nothing of the value but its length goes into it, so there is nothing in it to be opened.
pub(crate) fn of(
    place: &AccountRegion,
    name: &ParameterName,
    version: Version,
    date: Timestamp,
    length: usize,
) -> String {
    let seed = format!("{place}\0{}\0{version}\0{}\0{length}", name.canonical(), date.as_microsecond());
    let wanted = length + KMS_OVERHEAD;
    let mut bytes = KMS_HEADER.to_vec();
    let mut block = digest(&SHA512, seed.as_bytes());
    while bytes.len() < wanted {
        bytes.extend_from_slice(block.as_ref());
        block = digest(&SHA512, block.as_ref());
    }
    bytes.truncate(wanted);
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stable_for_a_version_and_for_no_other() {
        let place: AccountRegion = "123456789012/eu-west-1".parse().unwrap();
        let name = |text: &str| ParameterName::parse(text).unwrap();
        let version = |number| Version::new(number).unwrap();
        let one = of(&place, &name("/a"), version(1), Timestamp::UNIX_EPOCH, 7);
        assert!(one.starts_with("AQICAHh"), "as KMS's begin");
        assert_eq!(one, of(&place, &name("a"), version(1), Timestamp::UNIX_EPOCH, 7));
        assert_ne!(one, of(&place, &name("/b"), version(1), Timestamp::UNIX_EPOCH, 7));
        assert_ne!(one, of(&place, &name("/a"), version(2), Timestamp::UNIX_EPOCH, 7));
        let later = Timestamp::from_millisecond(1).unwrap();
        assert_ne!(one, of(&place, &name("/a"), version(1), later, 7), "made anew");
        assert_eq!(STANDARD.decode(of(&place, &name("/a"), version(1), later, 8192)).unwrap().len(), 8342);
    }
}
