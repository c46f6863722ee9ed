//! The commands that the pages show, read by the command line itself, so that no page shows one that does not exist.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;

use super::CommandLine;
use crate::domain::gateway::{Door, PRODUCTS};
use crate::domain::radius::template;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "docs/gateways"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages.sort();
    pages
}

/// The commands of a page: lines of its code blocks that begin with `vestibule`, with the lines they go on in.
fn commands(page: &str) -> Vec<String> {
    let mut commands = vec![];
    let mut lines = page.lines();
    let mut fence = false;
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
        }
        let indented = line.starts_with("    ");
        if !(fence || indented) || !line.trim_start().starts_with("vestibule ") {
            continue;
        }
        let mut command = line.trim().to_owned();
        while let Some(open) = command.strip_suffix('\\') {
            command = format!("{open}{}", lines.next().unwrap_or_default().trim());
        }
        commands.push(command);
    }
    commands
}

/// The words a shell would make of it, up to a comment.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[test]
fn the_pages_show_commands_that_exist() {
    let mut wrong = vec![];
    let mut seen = 0;
    for page in pages() {
        for command in commands(&fs::read_to_string(&page).unwrap()) {
            seen += 1;
            let words = words(&command);
            let preset = words.iter().skip_while(|word| *word != "--preset").nth(1);
            if let Some(Err(fault)) = preset.map(|name| template::preset(name)) {
                wrong.push(format!("{}: {command}\n{fault}", page.display()));
            }
            if let Err(fault) = CommandLine::try_parse_from(words) {
                wrong.push(format!("{}: {command}\n{fault}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 30, "commands are found: {seen}");
}

#[test]
fn a_command_of_a_page_is_cut_into_words_as_a_shell_does() {
    let page = "```sh\nvestibule user show \\\n  \"a b\" c=\"d e\" '' # why\n```\nvestibule is a word\n";
    let found = commands(page);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(words(&found[0]), ["vestibule", "user", "show", "a b", "c=d e", ""]);
}

#[test]
fn each_door_of_each_product_has_a_page_that_tells_what_is_known() {
    let pages = root().join("docs/gateways");
    let index = fs::read_to_string(pages.join("README.md")).unwrap();
    let mut wrong = vec![];
    for product in PRODUCTS {
        for (door, side) in product.sides() {
            let page = fs::read_to_string(pages.join(format!("{}.md", side.page))).unwrap_or_default();
            let mut told = vec![format!("--gateway {}", product.name), side.push.to_string()];
            told.extend(side.default.map(|wait| wait.to_string()));
            let set = side.settings.iter().flat_map(|setting| setting.set.lines());
            told.extend(set.map(|line| line.trim().to_owned()));
            if let (Door::Radius, Some(radius)) = (door, &product.radius) {
                told.extend(radius.groups.iter().map(|&preset| preset.to_owned()));
            }
            let missing = told.iter().filter(|text| !page.contains(text.as_str()));
            wrong.extend(missing.map(|text| format!("{}.md says nothing of {text}", side.page)));
            let deadline = format!("{}s", side.answer_by().as_secs());
            let default = side.default.map_or_else(|| "not known".to_owned(), |wait| wait.to_string());
            let row = index.lines().find(|line| line.contains(&format!("({}.md)", side.page))).unwrap_or_default();
            let missing = [side.push.to_string(), default, deadline].into_iter().filter(|text| !row.contains(text));
            wrong
                .extend(missing.map(|text| format!("the index says nothing of {text} in the row of {}.md", side.page)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
