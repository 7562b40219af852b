//! A JSON document from paths and leaves.
//!
//! Numbers are written exactly as their decimal text, so that an amount never passes through a binary
//! fraction.

use crate::migration::JsonKind;

enum Node {
    Leaf(String),
    Object(Vec<(String, Self)>),
    List(Vec<Self>),
}

/// The text of one value. What is no number or flag is written as a string, which loses nothing.
pub(super) fn leaf(kind: JsonKind, text: &str) -> String {
    let number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !text.is_empty();
    match kind {
        JsonKind::Number if number => text.to_owned(),
        JsonKind::Flag => (text == "1" || text == "true").to_string(),
        JsonKind::Number | JsonKind::Text => quoted(text),
    }
}

/// The document that holds each leaf at its path. Parts of a path that are numbers are places of a list.
pub(super) fn document<'a>(leaves: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut root = Node::Object(Vec::new());
    for (path, leaf) in leaves {
        let parts: Vec<&str> = path.split('.').collect();
        insert(&mut root, &parts, leaf);
    }
    let mut text = String::new();
    write(&root, &mut text);
    text
}

fn insert(node: &mut Node, path: &[&str], leaf: String) {
    let [part, rest @ ..] = path else {
        *node = Node::Leaf(leaf);
        return;
    };
    let place: Option<usize> = part.parse().ok();
    if let (Some(place), Node::List(items)) = (place, &mut *node) {
        while items.len() <= place {
            items.push(blank(rest));
        }
        if let Some(item) = items.get_mut(place) {
            insert(item, rest, leaf);
        }
    } else if let Node::Object(members) = node {
        let found = members.iter().position(|(name, _)| name == part).unwrap_or_else(|| {
            members.push(((*part).to_owned(), blank(rest)));
            members.len().saturating_sub(1)
        });
        if let Some((_, member)) = members.get_mut(found) {
            insert(member, rest, leaf);
        }
    }
}

/// The empty node that the next part of a path goes into. An object's numeric names, as the custom
/// parameters have, start at 1; only a list starts at 0.
fn blank(rest: &[&str]) -> Node {
    match rest.first() {
        None => Node::Leaf("null".to_owned()),
        Some(&"0") => Node::List(Vec::new()),
        Some(_) => Node::Object(Vec::new()),
    }
}

fn write(node: &Node, text: &mut String) {
    match node {
        Node::Leaf(leaf) => text.push_str(leaf),
        Node::Object(members) => {
            text.push('{');
            for (place, (name, member)) in members.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&quoted(name));
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

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_number_stays_a_text() {
        assert_eq!(leaf(JsonKind::Number, "12,5"), "\"12,5\"");
        assert_eq!(leaf(JsonKind::Number, ""), "\"\"");
    }
}
