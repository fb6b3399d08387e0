#![no_main]

#[path = "../checks/shape.rs"]
mod shape;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shape::check(bytes));
