//! Feeds bytes to `properties/sealed.rs`.

#![no_main]

#[path = "../properties/sealed.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
