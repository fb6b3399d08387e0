#![no_main]

#[path = "../checks/subject.rs"]
mod subject;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| subject::check(bytes));
