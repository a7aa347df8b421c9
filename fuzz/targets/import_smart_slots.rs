//! Bytes as a feed of SMART Scheduling Links.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::imports::smart_slots(bytes));
