//! docs/security-requirements.md against the tree: each test that its table cites is there, and each test that is named
//! after a requirement is cited. Whether a test holds what the row says is for people to judge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what goes wrong here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A row's tests: where they stand as the table writes it, and their names; no name means all that stand there.
type Cited = Vec<(String, Vec<String>)>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Requirement → its tests.
fn table() -> BTreeMap<u32, Cited> {
    let page = fs::read_to_string(root().join("docs/security-requirements.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", requirement, _, tests, ""] = cells[..] else { panic!("a row has three cells: {line}") };
        let number = requirement[1..].parse().unwrap_or_else(|_| panic!("{requirement} is no requirement"));
        assert!(rows.insert(number, cited(requirement, tests)).is_none(), "{requirement} has two rows");
    }
    assert!(rows.len() > 40, "the table is found: {} rows", rows.len());
    rows
}

/// "`file` name, name · `file`": the words are the names.
fn cited(requirement: &str, cell: &str) -> Cited {
    let groups = cell.split(" · ").map(|group| {
        let (place, names) = group
            .strip_prefix('`')
            .and_then(|group| group.split_once('`'))
            .unwrap_or_else(|| panic!("{requirement}: {group:?} names no file"));
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        (place.to_owned(), names.map(str::to_owned).collect())
    });
    groups.collect()
}

/// The files that a place of the table stands for: one, or all in a folder.
fn files(place: &str) -> Vec<PathBuf> {
    let path = match place.split_once('/') {
        Some(("it", _)) => format!("tests/{place}"),
        Some(("fuzz", target)) => format!("fuzz/fuzz_targets/{target}"),
        _ => place.to_owned(),
    };
    let file = root().join(format!("{path}.rs"));
    if file.is_file() { vec![file] } else { below(&root().join(path)) }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names of the functions under a `#[test]` or its like.
fn tests_in(text: &str) -> Vec<&str> {
    let mut is_test = false;
    let mut found = vec![];
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        } else if !line.starts_with("//") {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some((name, _)) = function.and_then(|function| function.split_once('(')).filter(|_| is_test) {
                found.push(name);
            }
            is_test = false;
        }
    }
    found
}

/// The requirements that a test is named after: 44 and 45 of `r44_r45_no_secret`.
fn named_after(test: &str) -> Vec<u32> {
    let number = |part: &str| part.strip_prefix('r').filter(|number| number.len() == 2)?.parse::<u32>().ok();
    test.split('_').map_while(number).collect()
}

#[test]
fn each_requirement_has_tests_and_each_test_it_cites_stands_where_the_table_says() {
    let mut wrong = vec![];
    for (number, places) in table() {
        for (place, names) in places {
            let texts: Vec<String> = files(&place).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
            let tests: Vec<&str> = texts.iter().flat_map(|text| tests_in(text)).collect();
            let is_fuzz_target = place.starts_with("fuzz/") && texts.iter().any(|text| text.contains("fuzz_target!"));
            if tests.is_empty() && !is_fuzz_target {
                wrong.push(format!("R{number}: there is no test in {place}"));
            }
            for name in names.iter().filter(|name| !tests.contains(&name.as_str())) {
                wrong.push(format!("R{number}: there is no test {name} in {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "docs/security-requirements.md is not true:\n{}", wrong.join("\n"));
}

#[test]
fn each_test_named_after_a_requirement_is_in_its_row() {
    let table = table();
    let mut wrong = vec![];
    for file in [below(&root().join("tests")), below(&root().join("src"))].concat() {
        let text = fs::read_to_string(&file).unwrap();
        for test in tests_in(&text) {
            for number in named_after(test) {
                let is_cited = |places: &Cited| places.iter().any(|(_, names)| names.iter().any(|name| name == test));
                if !table.get(&number).is_some_and(is_cited) {
                    let file = file.strip_prefix(root()).unwrap().display();
                    wrong.push(format!("R{number}: its row lacks {test} of {file}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "docs/security-requirements.md is not complete:\n{}", wrong.join("\n"));
}

#[test]
fn a_test_is_known_by_its_attribute_and_a_requirement_by_its_number() {
    let text =
        "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test(flavor = \"x\")]\n// why\nasync fn r01_r02_three(a: u8) {}\n";
    assert_eq!(tests_in(text), ["one", "r01_r02_three"]);
    assert_eq!(named_after("r01_r02_three"), [1, 2]);
    assert_eq!(named_after("relay_r01"), [0; 0]);
    let fuzz = ("fuzz/dn".to_owned(), vec![]);
    let named = ("it/codes".to_owned(), vec!["r20_x".to_owned(), "y".to_owned()]);
    assert_eq!(cited("R1", "`it/codes` r20_x, y · `fuzz/dn`"), [named, fuzz]);
}
