//! Bytes as the document of a draw.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::draws::draw(bytes));
