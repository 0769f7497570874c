//! Damage is noticed: every cut, and every flipped bit of what is sealed.

use parados_backup::document::{DocumentError, decode};
use parados_backup::seal::{Identities, OpenError, Sealer};

use crate::records::{encode, read_all, record};
use crate::seal::identity;

fn records() -> Vec<parados_backup::document::ParameterRecord> {
    vec![record("/app/dev/a", "one"), record("/app/dev/b", "two \u{1F363}"), record("/app/dev/c", "")]
}

#[test]
fn every_cut_of_a_plain_document_is_noticed() {
    let (bytes, _) = encode(&records(), None);
    // The last byte is a line feed, with which nothing is lost.
    for length in 0..bytes.len() - 1 {
        let error = read_all(&bytes[..length]).unwrap_err();
        assert!(matches!(error, DocumentError::Truncated { .. }), "cut to {length}: {error:?}");
    }
    read_all(&bytes[..bytes.len() - 1]).unwrap();
}

#[test]
fn every_cut_and_every_flip_of_a_sealed_document_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = identity(folder.path(), "one");
    let identities = Identities::load(&[file], None).unwrap();
    let (bytes, _) = encode(&records(), Some(&Sealer::new([recipient], None).unwrap()));
    let read = |bytes: &[u8]| match decode(bytes, true, &identities) {
        Ok(reader) => read_all(reader).map(drop).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    read(&bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "cut to {length}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(read(&damaged).is_err(), "flipped at {at}");
    }
    assert!(read(&[bytes.as_slice(), b"x"].concat()).is_err(), "something after it");
}

#[test]
fn what_is_not_sealed_is_called_that() {
    let folder = tempfile::tempdir().unwrap();
    let identities = Identities::load(&[identity(folder.path(), "one").0], None).unwrap();
    let (plain, _) = encode(&records(), None);
    for bytes in [plain.as_slice(), b"", b"age-encryption.org/v2\n"] {
        let Err(error) = decode(bytes, true, &identities) else { panic!("{bytes:?} was opened") };
        assert!(matches!(error, OpenError::NotSealed | OpenError::Damaged), "{error:?}");
    }
}

#[test]
fn a_frame_that_asks_for_a_huge_window_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = identity(folder.path(), "one");
    let sealer = Sealer::new([recipient], None).unwrap();
    let mut compressed = zstd::Encoder::new(sealer.wrap(Vec::new()).unwrap(), 3).unwrap();
    compressed.set_parameter(zstd::zstd_safe::CParameter::WindowLog(27)).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b' '), 1 << 20), &mut compressed).unwrap();
    let bytes = compressed.finish().unwrap().finish().unwrap();

    let reader = decode(bytes.as_slice(), true, &Identities::load(&[file], None).unwrap()).unwrap();
    assert!(matches!(read_all(reader).unwrap_err(), DocumentError::Read { .. }));
}
