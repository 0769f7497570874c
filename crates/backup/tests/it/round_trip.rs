//! What is written reads back, plain and sealed.

use std::io::{Cursor, Read};

use parados_backup::document::{Digest, decode};
use parados_backup::seal::{Identities, Recipient, Sealer};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::records::{any_record, encode, header, read_all, record};
use crate::seal::identity;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_document(records in vec(any_record(), 0..6)) {
        let (bytes, encoded) = encode(&records, None);
        let (summary, read) = read_all(bytes.as_slice()).unwrap();
        prop_assert!(read == records);
        prop_assert!(read.iter().zip(&records).all(|(read, written)| read.name.as_str() == written.name.as_str()));
        prop_assert_eq!(summary.header, header());
        prop_assert_eq!(summary.parameter_count, records.len() as u64);
        prop_assert_eq!(encoded.parameter_count, records.len() as u64);
        // A value never breaks a line: what greps by line finds each parameter on one.
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2 + records.len());
    }
}

#[test]
fn sealed_and_plain_hold_the_same_document() {
    let records: Vec<_> =
        (0..2000).map(|n| record(&format!("/app/dev/{n}"), &format!("value {n} \n").repeat(40))).collect();
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = identity(folder.path(), "one");
    let sealer = Sealer::new([recipient], None).unwrap();

    let (plain, encoded_plain) = encode(&records, None);
    let (sealed, encoded) = encode(&records, Some(&sealer));

    assert_eq!((encoded.content_size, encoded.content_digest), (plain.len() as u64, Digest::of(&plain)));
    assert_eq!((encoded.size, encoded.digest), (sealed.len() as u64, Digest::of(&sealed)));
    assert_eq!((encoded_plain.size, encoded_plain.digest), (encoded.content_size, encoded.content_digest));
    assert_eq!(encoded.parameter_count, 2000);
    assert!(sealed.len() < plain.len() / 5, "it is compressed");

    let identities = Identities::load(&[file], None).unwrap();
    let mut opened = Vec::new();
    decode(Cursor::new(&sealed), true, &identities).unwrap().read_to_end(&mut opened).unwrap();
    assert!(opened == plain);
    let read = read_all(decode(plain.as_slice(), false, &Identities::default()).unwrap()).unwrap();
    assert!(read.1 == records);
}

#[test]
fn a_document_of_one_parameter_looks_like_this() {
    let (bytes, _) = encode(&[record("/app/dev/greeting", "hello \"world\"\n")], None);
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn two_seals_of_one_document_differ() {
    let folder = tempfile::tempdir().unwrap();
    let sealer = Sealer::new([identity(folder.path(), "one").1], None).unwrap();
    let records = [record("/a", "b")];
    assert_ne!(encode(&records, Some(&sealer)).0, encode(&records, Some(&sealer)).0);
}

#[test]
fn a_recipient_named_twice_is_sealed_to_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, recipient) = identity(folder.path(), "one");
    let sealer = Sealer::new([recipient.clone(), recipient.clone()], None).unwrap();
    assert_eq!(sealer.recipients(), [recipient]);
    assert!(Sealer::new(Vec::<Recipient>::new(), None).is_err());
}
