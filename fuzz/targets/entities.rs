#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| oxiwhisk_test_fuzz::entities(data));
