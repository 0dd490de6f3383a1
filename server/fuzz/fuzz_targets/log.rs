//! The target `log`; see `pinfold_fuzz::log`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::log::run(data));
