//! The texts of `locales/`: every language has every text with the same values in it, and no page asks for one that is not
//! there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what goes wrong here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Key → the values it names.
type Texts = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn texts(locale: &str) -> Texts {
    let mut texts = Texts::new();
    for entry in fs::read_dir(root().join("locales").join(locale)).unwrap() {
        let path = entry.unwrap().path();
        let area = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut key = String::new();
        for line in fs::read_to_string(&path).unwrap().lines() {
            if line.starts_with(|letter: char| letter.is_ascii_lowercase()) {
                line.split_once('=').unwrap().0.trim().clone_into(&mut key);
                assert!(key.starts_with(&format!("{area}-")), "{locale}/{area}.ftl: {key} begins with another area");
                assert!(texts.insert(key.clone(), BTreeSet::new()).is_none(), "{locale}: {key} stands there twice");
            }
            let values = line.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter)).collect()
            });
            texts.entry(key.clone()).or_default().extend(values);
        }
    }
    texts.remove("");
    texts
}

#[test]
fn every_language_has_every_text_with_the_same_values_in_it() {
    let english = texts("en");
    assert!(english.len() > 30, "texts are found: {}", english.len());
    for locale in ["de", "nl", "fr", "es"] {
        let texts = texts(locale);
        let missing: Vec<_> = english.keys().filter(|key| !texts.contains_key(*key)).collect();
        let stray: Vec<_> = texts.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(
            missing.is_empty() && stray.is_empty(),
            "{locale}: missing {missing:?}, in no other language {stray:?}"
        );
        for (key, values) in &english {
            assert_eq!(&texts[key], values, "{locale}: {key}");
        }
    }
}

fn files(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(path, found) } else { found.push(path) }
    }
}

#[test]
fn no_page_asks_for_a_text_that_is_not_there() {
    let english = texts("en");
    let mut pages = vec![];
    files(root().join("templates"), &mut pages);
    files(root().join("src"), &mut pages);
    let mut asked = BTreeSet::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for call in ["words.get(\"", "words.say(\"", "words.count(\"", "words.with(\""] {
            for rest in text.split(call).skip(1) {
                let key = rest.split('"').next().unwrap();
                assert!(english.contains_key(key), "{} asks for {key}", page.display());
                asked.insert(key.to_owned());
            }
        }
    }
    assert!(asked.len() > 10, "pages are found: {asked:?}");
}

/// `WrongCode` as records write it: `wrong-code`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The history of an account is drawn from records; a new kind of record about a person wants words there.
#[test]
fn whatever_can_be_recorded_of_a_person_has_words_in_their_history() {
    let english = texts("en");
    let outcomes = fs::read_to_string(root().join("src/domain/outcome.rs")).unwrap();
    let words = outcomes.lines().filter_map(|line| line.split_once(" => \"")?.1.split_once('"').map(|(word, _)| word));
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for word in words {
        let area = if ["granted", "denied", "enrolment"].contains(&word) { "what" } else { "reason" };
        wanted.insert(format!("help-{area}-{word}"));
    }
    assert!(wanted.len() > 25, "outcomes are found: {wanted:?}");
    let audit = fs::read_to_string(root().join("src/domain/audit.rs")).unwrap();
    let events = audit.split_once("pub enum Event {").unwrap().1.split_once("\n}\n").unwrap().0;
    let mut name = "";
    for line in events.lines() {
        if let Some(variant) = line.strip_prefix("    ").and_then(|line| line.strip_suffix(" {")) {
            name = variant;
        }
        // A sign-in is told by its outcome.
        if line.starts_with("        user: ") && name != "SignIn" {
            wanted.insert(format!("help-what-{}", kebab(name)));
        }
    }
    assert!(wanted.len() > 50, "events are found: {}", wanted.len());
    let missing: Vec<_> = wanted.iter().filter(|key| !english.contains_key(*key)).collect();
    assert!(missing.is_empty(), "without words: {missing:?}");
}
