//! The target `config`; see `pinfold_fuzz::config`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::config::run(data));
