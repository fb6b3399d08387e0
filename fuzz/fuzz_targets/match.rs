#![no_main]

#[path = "../checks/matching.rs"]
mod matching;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| matching::check(bytes));
