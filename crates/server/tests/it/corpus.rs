//! Every file of the fuzz corpus through its target's property.

#[path = "../../../../fuzz/properties/request_signature.rs"]
mod request_signature;

#[test]
fn of_the_reader_of_signed_requests() {
    testkit::replay_corpus("request_signature", request_signature::check);
}
