//! Every file of every fuzz corpus through its target's property: what a fuzzer found once is looked at in each run.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/properties/document.rs"]
mod document;
#[path = "../../../../fuzz/properties/recipient.rs"]
mod recipient;

/// Feeds the corpus of `target` to its property, and every cut of its small files too.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        check(&bytes);
        if bytes.len() < 2000 {
            (0..bytes.len()).for_each(|length| check(&bytes[..length]));
        }
        files += 1;
    }
    assert!(files > 5, "{} holds {files} files", folder.display());
}

#[test]
fn of_the_document_reader() {
    replay("document", document::check);
}

#[test]
fn of_the_recipient_parser() {
    replay("recipient", recipient::check);
}
