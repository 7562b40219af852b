//! Coverage-guided inputs for `properties::targets::query`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::query(input));
