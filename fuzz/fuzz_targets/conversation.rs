#![no_main]

#[path = "../checks/conversation.rs"]
mod conversation;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| conversation::check(bytes));
