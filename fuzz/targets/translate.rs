//! Coverage-guided inputs for `properties::targets::translate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::translate(input));
