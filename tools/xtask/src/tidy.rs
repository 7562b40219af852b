//! Is the house in order? Everything about the repository that a machine can check, reported all together.
//!
//! A check is a function from the tracked files to findings: it reads nothing else, so that each one is tested on a
//! good and a bad tree that stand in its own file. What the rules are is data (`data/`), not code.

mod absolute_paths;
mod arrows;
mod clippy_files;
mod decisions;
mod faults;
mod finding;
mod foreign_words;
mod generated;
mod house;
mod manifests;
mod marks;
mod module_docs;
mod pure_layer;
mod size;
mod source;
mod test_habits;
mod tree;

use crate::failure::Failure;
use crate::repository::Repository;
use finding::Finding;
use house::House;
use tree::Tree;

/// One check: what it is about, and how it is made.
struct Check {
    name: &'static str,
    run: fn(&Tree, &House) -> Vec<Finding>,
}

const CHECKS: [Check; 13] = [
    Check { name: "arrows between crates", run: arrows::check },
    Check { name: "manifests", run: manifests::check },
    Check { name: "the pure layer", run: pure_layer::check },
    Check { name: "foreign words (I7)", run: foreign_words::check },
    Check { name: "sizes", run: size::check },
    Check { name: "test habits", run: test_habits::check },
    Check { name: "unfinished work", run: marks::check },
    Check { name: "module documentation", run: module_docs::check },
    Check { name: "generated blocks", run: generated::check },
    Check { name: "clippy.toml of the pure layer", run: clippy_files::check },
    Check { name: "absolute paths", run: absolute_paths::check },
    Check { name: "decision records", run: decisions::check },
    Check { name: "faults", run: faults::check },
];

/// Runs every check; with `write`, first brings the generated blocks up to date.
pub(crate) fn run(repository: &Repository, write: bool) -> Result<(), Failure> {
    let house = House::shipped()?;
    if write {
        rewrite(repository, &house)?;
    }
    let tree = Tree::read(repository)?;
    let mut problems = 0;
    for check in CHECKS {
        let findings = (check.run)(&tree, &house);
        problems += findings.len();
        report(check.name, findings);
    }
    if problems == 0 {
        println!("tidy: {} checks, {} files, nothing to do", CHECKS.len(), tree.len());
        return Ok(());
    }
    Err(Failure::new(format!("tidy: {problems} to put in order; each line above says how")))
}

fn report(check: &str, mut findings: Vec<Finding>) {
    if findings.is_empty() {
        return;
    }
    findings.sort();
    eprintln!("{check}:");
    for finding in findings {
        eprintln!("  {finding}");
    }
}

fn rewrite(repository: &Repository, house: &House) -> Result<(), Failure> {
    let tree = Tree::read(repository)?;
    for (path, text) in generated::rewritten(&tree, house) {
        std::fs::write(repository.path(&path), text).map_err(|error| Failure::while_doing(&path, error))?;
        println!("rewritten: {path}");
    }
    Ok(())
}
