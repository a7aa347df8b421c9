//! Bytes as a segment of a journal: opened, replayed, inspected.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::journal::segment(bytes));
