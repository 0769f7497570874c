//! Feeds bytes to `properties/signature.rs`.

#![no_main]

#[path = "../properties/signature.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
