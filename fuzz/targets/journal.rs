//! A good journal with some bytes changed: what opens is a beginning of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::journal::journal(bytes));
