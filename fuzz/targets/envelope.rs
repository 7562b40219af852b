//! Coverage-guided inputs for `properties::targets::envelope`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::envelope(input));
