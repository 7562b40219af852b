//! Coverage-guided inputs for `properties::targets::chunked`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::chunked(input));
