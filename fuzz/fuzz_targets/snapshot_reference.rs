//! Feeds bytes to `properties/snapshot_reference.rs`.

#![no_main]

#[path = "../properties/snapshot_reference.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| property::check(bytes));
