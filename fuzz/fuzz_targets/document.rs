//! Feeds bytes to `properties/document.rs`.

#![no_main]

#[path = "../properties/document.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
