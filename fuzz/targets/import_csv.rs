//! Bytes as a table of slots.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::imports::csv(bytes));
