//! Coverage-guided inputs for `properties::targets::dialect`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::dialect(input));
