//! The target `requests`; see `pinfold_fuzz::requests`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::requests::run(data));
