//! Feeds bytes to `properties/marker.rs`.

#![no_main]

#[path = "../properties/marker.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
