//! Feeds bytes to `properties/recipient.rs`.

#![no_main]

#[path = "../properties/recipient.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
