//! The target `replies`; see `pinfold_fuzz::replies`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::replies::run(data));
