//! Lists that are sound, lists that promise what no test does, and what is made of them.

use super::*;
use crate::tidy::finding::places;
use crate::tidy::house::example;

const SOURCE: (&str, &str) = (
    "tests/tests/faults.rs",
    "#[test]\nfn a_kill_loses_nothing() {}\n\n#[tokio::test(start_paused = true)]\nasync fn it_hangs() {}\n\n\
     fn helper() {}\n",
);

fn list(change: impl Fn(u32) -> String) -> String {
    (1..=LAST).map(|number| format!("[[fault]]\nnumber = {number}\n{}\n", change(number))).collect()
}

fn findings(text: &str, sources: &[(&str, &str)]) -> Vec<usize> {
    let files: Vec<_> = std::iter::once((LIST, text)).chain(sources.iter().copied()).collect();
    let tree = Tree::of(&files);
    places(&check(&tree, &example())).into_iter().map(|(_, line)| line).collect()
}

const SOUND: &str = "what = \"w\"\noutcome = \"o\"\nmissing = \"m\"";

#[test]
fn a_list_that_names_tests_or_reasons_is_accepted() {
    let sound = list(|number| match number {
        1 => "what = \"w\"\noutcome = \"o\"\ntests = [\"a_kill_loses_nothing\", \"it_hangs\"]".to_owned(),
        _ => SOUND.to_owned(),
    });
    assert_eq!(findings(&sound, &[SOURCE]), [0_usize; 0]);
}

#[test]
fn a_fault_without_a_test_a_test_that_is_none_and_a_number_left_out_are_found() {
    let bad = list(|number| match number {
        1 => "what = \"w\"\noutcome = \"o\"".to_owned(),
        2 => "what = \"w\"\noutcome = \"o\"\ntests = [\"helper\"]".to_owned(),
        _ => SOUND.to_owned(),
    });
    // The first two by their own lines; the last number stands twice, so 80 is left out.
    let bad = bad.replace("number = 80\n", "number = 79\n");
    let at = |number: u32| line_of_fault(&bad, number);
    assert_eq!(findings(&bad, &[SOURCE]), [1, at(1), at(2), at(79)]);
}

#[test]
fn a_name_that_two_tests_have_means_neither() {
    let twice = list(|_| "what = \"w\"\noutcome = \"o\"\ntests = [\"it_hangs\"]".to_owned());
    let other = ("a/src/tests.rs", "#[test]\nfn it_hangs() {}\n");
    assert_eq!(findings(&twice, &[SOURCE]).len(), 0);
    assert_eq!(findings(&twice, &[SOURCE, other]).len(), LAST as usize);
}

#[test]
fn what_is_no_list_is_found_with_its_line() {
    assert_eq!(findings("# A list.\n[[fault]]\nnumber = 1\nfault = \"w\"\n", &[]), [4]);
}

#[test]
fn the_table_links_each_test_and_states_what_is_missing() {
    let text = "[[fault]]\nnumber = 1\npart = \"Disks\"\nwhat = \"a | b\"\noutcome = \"o\"\n\
                tests = [\"it_hangs\"]\nmissing = \"c\"\n";
    let table = table(&Tree::of(&[(LIST, text), SOURCE]), &example());
    let row = "| 1 | a \\| b | o | [`it_hangs`](../tests/tests/faults.rs)<br>*Missing:* c |\n";
    assert!(table.starts_with("Of 1 faults 0 are injected by tests, 1 in part, and 0 by none"), "{table}");
    assert!(table.contains("\n## Disks\n") && table.ends_with(row), "{table}");
}
