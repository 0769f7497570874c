//! Feeds bytes to `properties/fingerprint_key.rs`.

#![no_main]

#[path = "../properties/fingerprint_key.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
