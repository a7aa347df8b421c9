//! Bytes as a FHIR bundle of slots.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::imports::fhir_bundle(bytes));
