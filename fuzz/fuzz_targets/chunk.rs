#![no_main]

#[path = "../checks/chunk.rs"]
mod chunk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chunk::check(bytes));
