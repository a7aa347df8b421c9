//! Bytes as what a Queue-it connector sends: queries, addresses, tokens.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::connectors::connector(bytes));
