//! The target `session`; see `pinfold_fuzz::session`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::session::run(data));
