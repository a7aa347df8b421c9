//! Bytes as the body of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::requests::request(bytes));
