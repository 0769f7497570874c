//! The corpora of the fuzz targets in the ordinary tests: what a fuzzer found once is looked at in each run.

use std::fs;
use std::path::Path;

/// Cuts of one file that are tried: enough to end in each of its parts.
const CUTS: usize = 250;

/// Feeds each file of the corpus of `target` to its property, and the small ones cut off in many places too.
pub fn replay_corpus(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry of a folder that was opened").path();
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&bytes);
        if bytes.len() < 2000 {
            (0..bytes.len()).step_by(bytes.len() / CUTS + 1).for_each(|length| check(&bytes[..length]));
        }
        files += 1;
    }
    assert!(files > 5, "{} holds {files} files", folder.display());
}
