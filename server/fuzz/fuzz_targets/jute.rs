//! The target `jute`; see `pinfold_fuzz::jute`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::jute::run(data));
