//! The target `replication`; see `pinfold_fuzz::replication`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pinfold_fuzz::replication::run(data));
