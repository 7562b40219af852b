//! Does every crate take its version, edition, licence, lints and dependencies from the workspace?

mod manifest;

use toml::{Table, Value};

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::tree::Tree;
pub(crate) use manifest::Manifest;

const ROOT: &str = "Cargo.toml";
const LICENCE: &str = "MIT OR Apache-2.0";
const LICENCE_FILES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

const INHERIT: &str = "write `.workspace = true`: the root manifest decides for all crates";
const INHERIT_LINTS: &str = "add `[lints]` with `workspace = true`";
const READABLE: &str = "correct the manifest";
const SAME_LICENCE: &str =
    "the project is dual-licensed; write `MIT OR Apache-2.0` and keep both texts at the root";

/// The manifests of all crates.
pub(crate) fn members(tree: &Tree) -> Vec<Manifest> {
    manifests(tree).filter_map(|(path, text)| Manifest::read(path, text).ok()).collect()
}

/// Those of the workspace; what the root excludes is a workspace of its own.
fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    let excluded = excluded(tree);
    let is_excluded = move |path: &str| excluded.iter().any(|folder| path == format!("{folder}/Cargo.toml"));
    tree.files().filter(move |(path, _)| path.ends_with("/Cargo.toml") && !is_excluded(path))
}

fn excluded(tree: &Tree) -> Vec<String> {
    let root: Table = tree.text(ROOT).and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    let listed = root.get("workspace").and_then(|workspace| workspace.get("exclude")?.as_array());
    listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let mut findings = licence(tree);
    for (path, text) in manifests(tree) {
        match Manifest::read(path, text) {
            Ok(manifest) => inheritance(&manifest, &mut findings),
            Err(error) => findings.push(Finding::new(path, 1, error, READABLE)),
        }
    }
    findings
}

fn inheritance(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let package = manifest.table.get("package").and_then(Value::as_table);
    for key in INHERITED {
        if !package.and_then(|package| package.get(key)).is_some_and(is_inherited) {
            let what = format!("`{key}` is not the workspace's");
            findings.push(Finding::new(&manifest.path, manifest.line_of(key), what, INHERIT));
        }
    }
    if !manifest.table.get("lints").is_some_and(is_inherited) {
        let what = "the workspace's lints are not inherited";
        findings.push(Finding::new(&manifest.path, manifest.line_of("[lints]"), what, INHERIT_LINTS));
    }
    for dependency in manifest.dependencies.iter().filter(|dependency| !dependency.is_inherited) {
        let what = format!("`{}` has a version of its own", dependency.name);
        findings.push(Finding::new(&manifest.path, manifest.line_of(&dependency.name), what, INHERIT));
    }
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

fn licence(tree: &Tree) -> Vec<Finding> {
    let root: Table = tree.text(ROOT).and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    let stated =
        root.get("workspace").and_then(|workspace| workspace.get("package")?.get("license")?.as_str());
    let mut findings = Vec::new();
    if stated != Some(LICENCE) {
        let line = tree.text(ROOT).map_or(1, |text| manifest::line_of(text, "license"));
        findings.push(Finding::new(ROOT, line, "another licence than the project's", SAME_LICENCE));
    }
    let missing = LICENCE_FILES.into_iter().filter(|path| tree.text(path).is_none());
    findings.extend(missing.map(|path| Finding::new(path, 1, "the licence text is missing", SAME_LICENCE)));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const WORKSPACE: &str = "[workspace.package]\nlicense = \"MIT OR Apache-2.0\"\n";
    const GOOD: &str = "[package]\nname = \"units\"\nversion.workspace = true\nedition.workspace = true\n\
                        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
                        [lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";

    fn found(root: &str, member: &str) -> Vec<(String, usize)> {
        let files =
            [(ROOT, root), ("pure/units/Cargo.toml", member), ("LICENSE-MIT", ""), ("LICENSE-APACHE", "")];
        let findings = check(&Tree::of(&files), &example());
        places(&findings).into_iter().map(|(path, line)| (path.to_owned(), line)).collect()
    }

    #[test]
    fn a_crate_that_inherits_is_accepted() {
        assert_eq!(found(WORKSPACE, GOOD), []);
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        let member = "pure/units/Cargo.toml".to_owned();
        let edition = GOOD.replace("edition.workspace = true", "edition = \"2021\"");
        assert_eq!(found(WORKSPACE, &edition), [(member.clone(), 4)]);
        let lints = GOOD.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(found(WORKSPACE, &lints), [(member.clone(), 1)]);
        let versioned = GOOD.replace("serde.workspace = true", "serde = \"1\"");
        assert_eq!(found(WORKSPACE, &versioned), [(member.clone(), 11)]);
        assert_eq!(found(WORKSPACE, "[package"), [(member, 1)]);
    }

    #[test]
    fn only_what_the_root_excludes_stands_alone() {
        let alone = "[workspace]\n[package]\nname = \"units\"\n";
        let excluding = format!("{WORKSPACE}[workspace]\nexclude = [\"pure/units\"]\n");
        assert_eq!(found(&excluding, alone), []);
        assert!(!found(WORKSPACE, alone).is_empty());
    }

    #[test]
    fn another_licence_is_found() {
        assert_eq!(found("[workspace.package]\nlicense = \"MIT\"\n", GOOD), [(ROOT.to_owned(), 2)]);
        let findings = check(&Tree::of(&[(ROOT, WORKSPACE)]), &example());
        assert_eq!(places(&findings), [("LICENSE-APACHE", 1), ("LICENSE-MIT", 1)]);
    }
}
