//! Bytes as a seating plan of pretix.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::imports::pretix_plan(bytes));
