#![no_main]

#[path = "../checks/stored.rs"]
mod stored;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stored::check(bytes));
