//! Coverage-guided inputs for `properties::targets::gate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::targets::gate(input));
