#![no_main]

#[path = "../checks/device.rs"]
mod device;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| device::check(bytes));
