//! Every file of every fuzz corpus through its target's property: what a fuzzer found once is looked at in each run.

use std::fs;
use std::path::Path;

#[path = "../../../../fuzz/properties/document.rs"]
mod document;
#[path = "../../../../fuzz/properties/fingerprint_key.rs"]
mod fingerprint_key;
#[path = "../../../../fuzz/properties/manifest.rs"]
mod manifest;
#[path = "../../../../fuzz/properties/marker.rs"]
mod marker;
#[path = "../../../../fuzz/properties/recipient.rs"]
mod recipient;
#[path = "../../../../fuzz/properties/sealed.rs"]
mod sealed;
#[path = "../../../../fuzz/properties/signature.rs"]
mod signature;
#[path = "../../../../fuzz/properties/snapshot_reference.rs"]
mod snapshot_reference;

/// Cuts of one file that are tried: enough to end in each of its parts.
const CUTS: usize = 250;

/// Feeds the corpus of `target` to its property, and its small files cut off in many places too.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        check(&bytes);
        if bytes.len() < 2000 {
            (0..bytes.len()).step_by(bytes.len() / CUTS + 1).for_each(|length| check(&bytes[..length]));
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

#[test]
fn of_the_manifest_readers() {
    replay("manifest", manifest::check);
}

#[test]
fn of_the_signature_and_public_key_parsers() {
    replay("signature", signature::check);
}

#[test]
fn of_the_fingerprint_key_reader() {
    replay("fingerprint_key", fingerprint_key::check);
}

#[test]
fn of_the_repository_marker_reader() {
    replay("marker", marker::check);
}

#[test]
fn of_the_snapshot_reference_parser() {
    replay("snapshot_reference", snapshot_reference::check);
}

#[test]
fn of_the_sealed_object_reader() {
    replay("sealed", sealed::check);
}
