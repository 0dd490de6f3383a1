//! The target `entry`; see `pinfold_fuzz::entry`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::entry::run(data));
