//! The corpora of the fuzz targets in the ordinary tests: what a fuzzer found once is looked at in each run.

use std::fs;
use std::path::Path;

/// Cuts of one file that are tried: enough to end in each of its parts.
const CUTS: usize = 250;

/// The files of the corpus of `target`, by name.
///
/// # Panics
/// When it cannot be read.
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = entries.map(|entry| {
        let path = entry.expect("an entry of a folder that was opened").path();
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes)
    });
    let mut files: Vec<_> = read.collect();
    files.sort();
    files
}

/// Feeds each file of the corpus of `target` to its property, and the small ones cut off in many places too.
///
/// # Panics
/// When the property does, or there are too few files to say anything.
pub fn replay_corpus(target: &str, check: fn(&[u8])) {
    let files = corpus(target);
    assert!(files.len() > 5, "the corpus of {target} holds {} files", files.len());
    for (_, bytes) in files {
        check(&bytes);
        if bytes.len() < 2000 {
            (0..bytes.len()).step_by(bytes.len() / CUTS + 1).for_each(|length| check(&bytes[..length]));
        }
    }
}
