//! Changes, counted by kind, with the first examples of each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::compare::{Change, Kind};

/// Most groups that are told apart: a log can hold any number of parameter names. What is beyond is counted under
/// its kind alone.
const GROUPS_MAX: usize = 2_000;

/// Longest part of a request that an example shows, in characters.
const SHOWN_CHARS_MAX: usize = 300;

/// What was compared so far.
#[derive(Debug)]
pub(super) struct Tally {
    examples: usize,
    requests: u64,
    different: u64,
    unreadable: u64,
    first_unreadable: Option<(u64, String)>,
    groups: BTreeMap<(Kind, String), Group>,
}

#[derive(Debug, Default)]
struct Group {
    requests: u64,
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    line: u64,
    request: String,
    before: Option<String>,
    after: Option<String>,
}

impl Tally {
    pub(super) const fn new(examples: usize) -> Self {
        Self {
            examples,
            requests: 0,
            different: 0,
            unreadable: 0,
            first_unreadable: None,
            groups: BTreeMap::new(),
        }
    }

    /// True if there was nothing to compare.
    pub(super) const fn is_empty(&self) -> bool {
        self.requests == 0
    }

    pub(super) fn is_same(&self) -> bool {
        self.different == 0
    }

    pub(super) fn note(&mut self, number: u64, line: &[u8], changes: Vec<Change>) {
        self.requests += 1;
        self.different += u64::from(!changes.is_empty());
        for change in changes {
            let most = self.examples;
            let group = self.group(change.kind, change.what);
            group.requests += 1;
            if group.examples.len() < most {
                group.examples.push(Example {
                    line: number + 1,
                    request: shown(&String::from_utf8_lossy(line)),
                    before: change.before.as_deref().map(shown),
                    after: change.after.as_deref().map(shown),
                });
            }
        }
    }

    pub(super) fn note_unreadable(&mut self, number: u64, message: String) {
        self.unreadable += 1;
        self.first_unreadable.get_or_insert((number + 1, message));
    }

    /// Adds what was compared behind it.
    pub(super) fn add(&mut self, later: Self) {
        self.requests += later.requests;
        self.different += later.different;
        self.unreadable += later.unreadable;
        if let Some(first) = later.first_unreadable {
            self.first_unreadable.get_or_insert(first);
        }
        for ((kind, what), group) in later.groups {
            let most = self.examples;
            let mine = self.group(kind, what);
            mine.requests += group.requests;
            let room = most.saturating_sub(mine.examples.len());
            mine.examples.extend(group.examples.into_iter().take(room));
        }
    }

    fn group(&mut self, kind: Kind, what: String) -> &mut Group {
        let key = (kind, what);
        let full = self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key);
        self.groups.entry(if full { (kind, "everything else".to_owned()) } else { key }).or_default()
    }

    /// The groups, most requests first.
    fn sorted(&self) -> Vec<(&(Kind, String), &Group)> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|((kind, _), group)| (*kind, std::cmp::Reverse(group.requests)));
        groups
    }

    pub(super) fn text(&self) -> String {
        let same = self.requests - self.different;
        let mut text = format!("{} requests: {same} the same, {} different", self.requests, self.different);
        if let Some((line, message)) = &self.first_unreadable {
            write!(text, "; {} lines are no requests, the first is line {line}: {message}", self.unreadable)
                .ok();
        }
        text.push('\n');
        for ((kind, what), group) in self.sorted() {
            writeln!(text, "\n{}: {what}: {} requests", kind.name(), group.requests).ok();
            for example in &group.examples {
                let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                writeln!(text, "  line {}: {}", example.line, example.request).ok();
                writeln!(text, "    - {}\n    + {}", side(&example.before), side(&example.after)).ok();
            }
        }
        text
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let change = |((kind, what), group): (&(Kind, String), &Group)| {
            serde_json::json!({
                "kind": kind.name(), "what": what, "requests": group.requests, "examples": group.examples,
            })
        };
        let first = self.first_unreadable.as_ref();
        serde_json::json!({
            "requests": self.requests,
            "same": self.requests - self.different,
            "different": self.different,
            "unreadable": self.unreadable,
            "first_unreadable": first.map(|(line, message)| serde_json::json!({"line": line, "message": message})),
            "changes": self.sorted().into_iter().map(change).collect::<Vec<_>>(),
        })
    }
}

fn shown(text: &str) -> String {
    let text = text.trim_end();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
