//! Bytes as one record of a journal.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::facts::fact(bytes));
