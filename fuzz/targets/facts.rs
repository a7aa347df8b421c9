//! Records after a good past: each fits and is applied, or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onsale_fuzz::facts::facts(bytes));
