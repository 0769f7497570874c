//! Every file of the fuzz corpus through its target's property.

use testkit::{corpus, replay_corpus};

#[path = "../../../../fuzz/properties/request_signature.rs"]
mod request_signature;

#[test]
fn of_the_reader_of_signed_requests() {
    replay_corpus("request_signature", request_signature::check);
}

/// What the property says of a request that is rightly signed is said of some.
#[test]
fn some_of_the_signed_requests_are_right() {
    let right = corpus("request_signature").into_iter().filter(|(_, bytes)| request_signature::is_right(bytes));
    let right: Vec<String> = right.map(|(name, _)| name).collect();
    assert_eq!(right, ["content_hash", "header", "header_query", "header_without_body", "presigned"]);
}
