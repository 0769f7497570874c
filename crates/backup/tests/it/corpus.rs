//! Every file of the fuzz corpora through its target's property.

use testkit::replay_corpus;

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

#[test]
fn of_the_document_reader() {
    replay_corpus("document", document::check);
}

#[test]
fn of_the_recipient_parser() {
    replay_corpus("recipient", recipient::check);
}

#[test]
fn of_the_manifest_readers() {
    replay_corpus("manifest", manifest::check);
}

#[test]
fn of_the_signature_and_public_key_parsers() {
    replay_corpus("signature", signature::check);
}

#[test]
fn of_the_fingerprint_key_reader() {
    replay_corpus("fingerprint_key", fingerprint_key::check);
}

#[test]
fn of_the_repository_marker_reader() {
    replay_corpus("marker", marker::check);
}

#[test]
fn of_the_snapshot_reference_parser() {
    replay_corpus("snapshot_reference", snapshot_reference::check);
}

#[test]
fn of_the_sealed_object_reader() {
    replay_corpus("sealed", sealed::check);
}
