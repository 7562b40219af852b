//! What the masks keep, and what counts as test.

use super::*;

fn code_of(text: &str) -> String {
    let source = Source::read("pure/units/src/lib.rs", text);
    assert_eq!(source.code.len(), text.len());
    assert_eq!(source.comments.len(), text.len());
    source.code.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn comments_and_literals_are_blanked() {
    for (text, code) in [
        ("a // b\nc", "a c"),
        ("a /* b /* c */ d */ e", "a e"),
        ("f(\"x // y\\\" z\") g", "f( ) g"),
        ("r#\"a \" b\"# c", "c"),
        ("br##\"a \"# b\"## c", "c"),
        ("r#type c", "r#type c"),
        ("b\"x\" c", "b c"),
        ("'\"' a '\\'' b '\\u{1F600}' c", "a b c"),
        ("<'a> &'static str 'é' x", "<'a> &'static str x"),
        ("'label: loop {}", "'label: loop {}"),
    ] {
        assert_eq!(code_of(text), code, "{text}");
    }
}

#[test]
fn test_modules_and_test_files_are_test_code() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
    let source = Source::read("pure/units/src/lib.rs", text);
    let tests: Vec<usize> = source.lines().filter(|line| line.is_test).map(|line| line.number).collect();
    assert_eq!(tests, [2, 3, 4, 5, 7, 8]);
    let names: Vec<&str> = source.functions().iter().map(|function| function.name).collect();
    assert_eq!(names, ["a", "c", "d"]);
    for path in ["tests/src/lib.rs", "pure/units/src/money/tests.rs", "hosts/edge/tests/http.rs"] {
        assert!(Source::read(path, text).lines().all(|line| line.is_test), "{path}");
    }
}

#[test]
fn a_function_is_as_long_as_its_code() {
    let text = "trait T { fn none(&self) -> [u8; 2]; }\n\
                fn two<const N: usize>(a: [u8; 2]) -> u8 {\n    // why\n\n    let b = \"\n  text\n\";\n    b }\n\
                fn one() { 1 }\n";
    let source = Source::read("pure/units/src/lib.rs", text);
    let lengths: Vec<(&str, usize, usize)> =
        source.functions().iter().map(|function| (function.name, function.line, function.length)).collect();
    assert_eq!(lengths, [("two", 2, 3), ("one", 9, 0)]);
}
