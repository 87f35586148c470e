#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| occ::fuzz::signature(bytes));
