//! A JSON document from paths and leaves.
//!
//! Numbers are written exactly as their decimal text, so that an amount never passes through a binary
//! fraction.

use std::borrow::Cow;

use crate::migration::JsonKind;

enum Node<'a> {
    Leaf(Leaf<'a>),
    Object(Vec<(&'a str, Self)>),
    List(Vec<Self>),
}

/// One value, and how it is written.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    pub(super) kind: JsonKind,
    pub(super) text: &'a str,
}

/// The document that holds each leaf at its path. Parts of a path that are numbers are places of a list.
pub(super) fn document<'a>(leaves: impl Iterator<Item = (&'a str, Leaf<'a>)>) -> String {
    let mut root: Option<Node<'a>> = None;
    for (path, leaf) in leaves {
        let root = root.get_or_insert_with(|| blank(Some(path)));
        insert(root, Some(path), leaf);
    }
    let mut text = String::with_capacity(1024);
    write(&root.unwrap_or(Node::Object(Vec::new())), &mut text);
    text
}

fn insert<'a>(node: &mut Node<'a>, path: Option<&'a str>, leaf: Leaf<'a>) {
    let Some(path) = path else {
        *node = Node::Leaf(leaf);
        return;
    };
    let (part, rest) = path.split_once('.').map_or((path, None), |(part, rest)| (part, Some(rest)));
    if let Node::List(items) = node {
        let Ok(place) = part.parse::<usize>() else { return };
        while items.len() <= place {
            items.push(blank(rest));
        }
        if let Some(item) = items.get_mut(place) {
            insert(item, rest, leaf);
        }
    } else if let Node::Object(members) = node {
        let found = members.iter().position(|(name, _)| *name == part).unwrap_or_else(|| {
            members.push((part, blank(rest)));
            members.len().saturating_sub(1)
        });
        if let Some((_, member)) = members.get_mut(found) {
            insert(member, rest, leaf);
        }
    }
}

/// The empty node that the next part of a path goes into. An object's numeric names, as the custom
/// parameters have, start at 1; only a list starts at 0.
fn blank<'a>(rest: Option<&str>) -> Node<'a> {
    match rest.map(|rest| rest.split('.').next()) {
        Some(Some("0")) => Node::List(Vec::new()),
        Some(_) => Node::Object(Vec::new()),
        None => Node::Leaf(Leaf { kind: JsonKind::Text, text: "" }),
    }
}

fn write(node: &Node<'_>, text: &mut String) {
    match node {
        Node::Leaf(leaf) => write_leaf(leaf, text),
        Node::Object(members) => {
            text.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                quote(name, text);
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Node::List(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
    }
}

/// What is no number or flag is written as a string, which loses nothing.
fn write_leaf(leaf: &Leaf<'_>, text: &mut String) {
    match (leaf.kind, number(leaf.text)) {
        (JsonKind::Number, Some(_)) => text.push_str(&plain_number(leaf.text)),
        (JsonKind::Flag, _) => {
            text.push_str(if matches!(leaf.text, "1" | "true") { "true" } else { "false" })
        }
        (JsonKind::Number | JsonKind::Text, _) => quote(leaf.text, text),
    }
}

/// A decimal number as JSON wants it, or the text itself if it is none.
pub(super) fn plain_number(text: &str) -> Cow<'_, str> {
    if is_plain_number(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    match number(text) {
        Some((whole, "")) => Cow::Borrowed(whole),
        Some((whole, fraction)) => Cow::Owned(format!("{whole}.{fraction}")),
        None => Cow::Borrowed(text),
    }
}

/// True if a text is a number as JSON wants it, as nearly every shop writes one: digits from 1 on, perhaps a point
/// and more digits.
fn is_plain_number(text: &[u8]) -> bool {
    let (mut digits, mut points) = (0_usize, 0_usize);
    for byte in text {
        match byte {
            b'0'..=b'9' => digits = digits.saturating_add(1),
            b'.' if digits > 0 => points = points.saturating_add(1),
            _ => return false,
        }
    }
    points <= 1 && matches!(text, [b'1'..=b'9', .., b'0'..=b'9'] | [b'1'..=b'9'])
}

/// The parts of a decimal number as JSON wants them. Shops write `.50`, `5.` and `007`, and one such number would
/// make the whole document unreadable.
fn number(text: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let whole = whole.trim_start_matches('0');
    is_number.then_some((if whole.is_empty() { "0" } else { whole }, fraction))
}

fn quote(plain: &str, text: &mut String) {
    if plain.bytes().any(|byte| byte.is_ascii_control() || matches!(byte, b'"' | b'\\')) {
        text.push_str(&serde_json::Value::from(plain).to_string());
        return;
    }
    text.push('"');
    text.push_str(plain);
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(kind: JsonKind, text: &str) -> Leaf<'_> {
        Leaf { kind, text }
    }

    #[test]
    fn numbers_are_those_of_json() {
        for (written, told) in [
            ("10.00", "10.00"),
            (".50", "0.50"),
            ("5.", "5"),
            ("007", "7"),
            ("00", "0"),
            ("0.10", "0.10"),
            (".", "\".\""),
            ("1.2.3", "\"1.2.3\""),
            ("", "\"\""),
            ("-1", "\"-1\""),
        ] {
            let text = document([("n", leaf(JsonKind::Number, written))].into_iter());
            assert_eq!(text, format!("{{\"n\":{told}}}"), "{written}");
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn leaves_stand_at_their_paths() {
        let leaves = [
            ("orders.0.ref", leaf(JsonKind::Text, "A\"1")),
            ("orders.0.amount", leaf(JsonKind::Number, "10.00")),
            ("orders.0.groups.0.code", leaf(JsonKind::Text, "X")),
            ("orders.0.custom.1", leaf(JsonKind::Text, "v")),
            ("orders.0.custom.4", leaf(JsonKind::Text, "2")),
            ("orders.0.test", leaf(JsonKind::Flag, "0")),
        ];
        let text = document(leaves.into_iter());
        assert_eq!(
            text,
            r#"{"orders":[{"ref":"A\"1","amount":10.00,"groups":[{"code":"X"}],"custom":{"1":"v","4":"2"},"test":false}]}"#
        );
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn a_document_can_be_a_list() {
        let leaves = [
            ("0.action", leaf(JsonKind::Text, "x")),
            ("0.parts.0.amount", leaf(JsonKind::Number, "1.50")),
            ("1.action", leaf(JsonKind::Text, "y")),
        ];
        let text = document(leaves.into_iter());
        assert_eq!(text, r#"[{"action":"x","parts":[{"amount":1.50}]},{"action":"y"}]"#);
    }

    #[test]
    fn what_is_no_number_stays_a_text() {
        let leaves = [("a", leaf(JsonKind::Number, "12,5")), ("b", leaf(JsonKind::Number, ""))];
        assert_eq!(document(leaves.into_iter()), r#"{"a":"12,5","b":""}"#);
    }
}
