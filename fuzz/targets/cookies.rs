//! Coverage-guided inputs for `properties::targets::cookies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::cookies(input));
