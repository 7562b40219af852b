//! Is anything left for later? What is unfinished belongs into an issue, where somebody looks.

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::{Line, is_word};
use crate::tidy::tree::Tree;

const IN_CODE: [&str; 2] = ["todo", "unimplemented"];
const IN_COMMENTS: [&str; 2] = ["TODO", "FIXME"];

const FINISH: &str = "finish it, or open an issue and state the limit";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.sources() {
        for line in source.lines() {
            let marks = marks(&line);
            findings.extend(marks.map(|mark| Finding::new(path, line.number, format!("`{mark}`"), FINISH)));
        }
    }
    findings
}

fn marks<'a>(line: &Line<'a>) -> impl Iterator<Item = &'static str> + use<'a> {
    let (code, comment) = (line.code, line.comment);
    let macros = IN_CODE.into_iter().filter(move |name| calls(code, name));
    let words =
        IN_COMMENTS.into_iter().filter(move |mark| comment.split(|c| !is_word(c)).any(|word| word == *mark));
    macros.chain(words)
}

fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let starts = !code.get(..at).is_some_and(|before| before.ends_with(is_word));
        starts && code.get(at + name.len()..).is_some_and(|rest| rest.starts_with('!'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const PATH: &str = "hosts/edge/src/drive.rs";

    #[test]
    fn finished_work_is_accepted() {
        let good = "// The mastodon waits.\nlet todo = \"TODO\";\nmytodo!(a);\nlet TODOS = 1;\n";
        assert_eq!(check(&Tree::of(&[(PATH, good)]), &example()), []);
    }

    #[test]
    fn unfinished_work_is_found() {
        let bad = "// TODO: later\nfn a() { todo!() }\nfn b() { unimplemented!(\"c\") }\n/* FIXME */\n";
        let tree = Tree::of(&[(PATH, bad)]);
        assert_eq!(places(&check(&tree, &example())), [(PATH, 1), (PATH, 2), (PATH, 3), (PATH, 4)]);
    }
}
