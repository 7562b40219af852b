//! The US privacy string: four characters, such as `1YNN`.

/// Whether the string says that the visitor has opted out of the sale of personal data; none if it is not one.
pub(super) fn opted_out(text: &str) -> Option<bool> {
    let [b'1', rest @ ..] = text.trim().as_bytes() else { return None };
    let &[notice, opted_out, covered] = rest else { return None };
    let known = |letter: u8| matches!(letter.to_ascii_uppercase(), b'Y' | b'N' | b'-');
    (known(notice) && known(opted_out) && known(covered)).then_some(opted_out.eq_ignore_ascii_case(&b'Y'))
}
