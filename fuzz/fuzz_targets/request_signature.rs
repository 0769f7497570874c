//! Feeds bytes to `properties/request_signature.rs`.

#![no_main]

#[path = "../properties/request_signature.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
