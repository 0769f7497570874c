//! What holds for the reader of sealed objects, whatever the bytes: the age header, the age stream, the Zstandard frame in it.

use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use parados_backup::document::{decode, read};
use parados_backup::seal::{Identities, Sealer};

/// The seeds are sealed to this key, which is for that alone: 32 bytes of 0x42.
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
/// More is not read of what may be a bomb.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Opening never panics, and what opens whole does not open whole without its last byte. Nor does reading what is in a seal panic,
/// which a fuzzer cannot make by itself.
pub(crate) fn check(bytes: &[u8]) {
    if opens(bytes) {
        assert!(!opens(&bytes[..bytes.len() - 1]), "the missing end was not noticed");
    }

    let sealer = Sealer::new(identities().recipients().cloned(), None).expect("there is a recipient");
    let mut sealed = sealer.wrap(Vec::new()).expect("a Vec takes every byte");
    sealed.write_all(bytes).expect("a Vec takes every byte");
    let sealed = sealed.finish().expect("a Vec takes every byte");
    let content = decode(sealed.as_slice(), true, identities()).expect("it was just sealed");
    let _ = read(content.take(MAX_BYTES), |_| ControlFlow::Continue(()));
}

/// Whether it opens, to its end.
fn opens(bytes: &[u8]) -> bool {
    match identities().open(bytes) {
        Ok(mut reader) => std::io::copy(&mut reader, &mut std::io::sink()).is_ok(),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

fn identities() -> &'static Identities {
    static IDENTITIES: OnceLock<Identities> = OnceLock::new();
    IDENTITIES.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(&file, IDENTITY).expect("a temporary file can be written");
        Identities::load(&[file.path()], None).expect("it holds an identity")
    })
}
