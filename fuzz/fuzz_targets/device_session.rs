#![no_main]

#[path = "../checks/device_session.rs"]
mod device_session;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| device_session::check(bytes));
