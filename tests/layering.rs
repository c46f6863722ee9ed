//! The ladder of src/lib.rs and the invariants of ARCHITECTURE.md, read out of the source.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what goes wrong here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A source file: where it is below `src/`, and its code without comments.
struct Source {
    path: PathBuf,
    /// The top-level module it belongs to.
    module: String,
    code: String,
}

impl Source {
    fn is(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    /// Without the tests at its end.
    fn product(&self) -> &str {
        self.code.split("#[cfg(test)]\nmod ").next().unwrap()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut found = vec![];
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = without_comments(&fs::read_to_string(&path).unwrap());
                let path = path.strip_prefix(root()).unwrap().to_owned();
                let first = path.iter().next().unwrap().to_str().unwrap();
                let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
                found.push(Source { path, module, code });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 80, "the source is found: {}", found.len());
    found
}

/// Lines that are comments as a whole; one behind code does no harm.
fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.fold(String::new(), |text, line| text + line + "\n")
}

/// Module → rung, from the picture in src/lib.rs.
fn ladder() -> BTreeMap<String, u32> {
    let picture = fs::read_to_string(root().join("lib.rs")).unwrap();
    let mut rungs = BTreeMap::new();
    for line in picture.lines().filter_map(|line| line.strip_prefix("//! ")) {
        let Some((rung, rest)) = line.split_once("  ") else { continue };
        let Ok(rung) = rung.parse::<u32>() else { continue };
        // The last word says what the rung does.
        let names: Vec<&str> = rest.split_whitespace().collect();
        for name in &names[..names.iter().position(|name| is_verb(name)).unwrap()] {
            rungs.insert((*name).to_owned(), rung);
        }
    }
    assert_eq!(rungs.get("domain"), Some(&0));
    rungs
}

fn is_verb(word: &str) -> bool {
    ["starts", "wires", "speak", "do", "prove", "reach", "support", "decide"].contains(&word)
}

/// The top-level modules that a text names: `crate::store::Store` and `crate::{jobs, ldap, telemetry}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = vec![];
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(heads(group));
        } else {
            found.push(word(rest).to_owned());
        }
    }
    found
}

/// The first word of each item of a group, whose opening brace is behind us.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 1;
    let mut starts = vec![0];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            let item = |start: &usize| word(group[*start..at].trim_start()).to_owned();
            return starts.iter().map(item).filter(|head| !head.is_empty()).collect();
        }
    }
    panic!("a group without an end: {group}")
}

fn word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap()
}

/// `file: line` of every line of the product that holds one of these.
fn lines_with(sources: &[Source], needles: &[&str], allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut found = vec![];
    for source in sources.iter().filter(|source| !allowed(source)) {
        let lines = source.product().lines();
        let hits = lines.filter(|line| needles.iter().any(|needle| line.contains(needle)));
        found.extend(hits.map(|line| format!("{}: {}", source.path.display(), line.trim())));
    }
    found
}

const NONE: [String; 0] = [];

#[test]
fn imports_go_down_the_ladder_only_and_neighbours_never_import_each_other() {
    let ladder = ladder();
    let mut wrong = vec![];
    let mut seen = 0;
    for source in sources() {
        if source.is("main.rs") || source.is("lib.rs") {
            continue;
        }
        let from = ladder.get(&source.module).unwrap_or_else(|| panic!("{} is not in the ladder", source.module));
        for import in imports(&source.code) {
            let Some(to) = ladder.get(&import) else {
                wrong.push(format!("{} imports crate::{import}, which is not in the ladder", source.path.display()));
                continue;
            };
            seen += 1;
            if import != source.module && to >= from {
                wrong.push(format!("{} (rung {from}) imports {import} (rung {to})", source.path.display()));
            }
        }
    }
    assert_eq!(wrong, NONE);
    assert!(seen > 300, "imports are found: {seen}");
}

#[test]
fn a_path_with_super_never_leaves_its_top_level_module() {
    let mut wrong = vec![];
    for source in sources() {
        // src/ldap/relay.rs is two levels down; `mod.rs` and a `mod tests` shift that by one at most.
        let is_folder = source.path.file_name().is_some_and(|name| name == "mod.rs");
        let depth = source.path.iter().count() - usize::from(is_folder);
        let climbs = "super::".repeat(depth + 1);
        let product = source.product();
        let has_left =
            product.contains(&climbs) || (depth == 1 && product.lines().any(|line| line.starts_with("use super::")));
        if has_left {
            wrong.push(source.path.display().to_string());
        }
    }
    assert_eq!(wrong, NONE);
}

#[test]
fn every_module_is_in_the_ladder_and_every_rung_has_its_modules() {
    let mut modules: Vec<String> = sources().into_iter().map(|source| source.module).collect();
    modules.dedup();
    modules.retain(|module| module != "main" && module != "lib");
    let mut named: Vec<String> = ladder().into_keys().collect();
    named.sort();
    modules.sort();
    modules.dedup();
    assert_eq!(modules, named);
}

#[test]
fn sql_is_spoken_in_the_store_alone() {
    let sql = ["sqlx::query", "sqlx::raw_sql", "QueryBuilder", "AssertSqlSafe"];
    assert_eq!(lines_with(&sources(), &sql, |source| source.module == "store"), NONE);
}

#[test]
fn only_a_reply_file_makes_answers_with_result_codes() {
    let makers = ["extended_response", "message::response", "bind_response"];
    assert_eq!(
        lines_with(&sources(), &makers, |source| source.path.ends_with("reply.rs") || source.is("wire/message.rs")),
        NONE
    );
}

#[test]
fn only_a_reply_file_makes_radius_answers() {
    let makers = [
        "code::ACCESS_ACCEPT",
        "code::ACCESS_REJECT",
        "code::ACCESS_CHALLENGE",
        "code::ACCOUNTING_RESPONSE",
        "Reply::to(",
    ];
    // The packets themselves; whoever reads a server's answers; and what tells an answer from a request.
    let allowed = |source: &Source| {
        source.path.ends_with("reply.rs")
            || source.path.starts_with("wire/radius")
            || source.module == "upstream"
            || source.is("radius/desk.rs")
            || source.is("radius/relay.rs")
            || source.is("radius/pass.rs")
    };
    assert_eq!(lines_with(&sources(), &makers, allowed), NONE);
}

#[test]
fn everything_that_runs_beside_its_caller_is_spawned_by_tasks() {
    let spawns = ["tokio::spawn", "task::spawn(", "spawn_local", "JoinSet", "thread::spawn", "unbounded_channel"];
    let allowed = |source: &Source| source.is("tasks.rs") || source.is("store/embedded/child.rs");
    assert_eq!(lines_with(&sources(), &spawns, allowed), NONE);
}

#[test]
fn the_domain_is_pure() {
    let impure = [
        "tokio",
        "sqlx",
        "axum",
        "rand::",
        "Timestamp::now",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::env",
        "TcpStream",
        "async ",
        ".await",
        "std::process",
        "tracing::",
    ];
    assert_eq!(lines_with(&sources(), &impure, |source| source.module != "domain"), NONE);
}

#[test]
fn metrics_are_moved_in_one_file_and_no_label_is_a_person() {
    let sources = sources();
    let macros = ["counter!(", "gauge!(", "histogram!("];
    assert_eq!(lines_with(&sources, &macros, |source| source.is("telemetry/metrics.rs")), NONE);
    let people = ["\"user\"", "\"name\"", "\"account\"", "\"source\"", "\"address\"", "\"dn\"", "\"peer\""];
    assert_eq!(lines_with(&sources, &people, |source| !source.is("telemetry/metrics.rs")), NONE);
}

/// R44, R45: the compiler refuses to print a secret. Each of these has no `Debug`, `Display` or `Serialize`; if one had,
/// this file would not compile, because the type would fit two implementations.
mod no_secret_can_be_printed {
    macro_rules! is_never {
        ($($secret:ty: $($shown:path),*;)*) => {$($(
            const _: fn() = || {
                trait Ambiguous<Which> {
                    fn which() {}
                }
                impl<T: ?Sized> Ambiguous<()> for T {}
                #[allow(dead_code, reason = "names the second implementation")]
                struct Shown;
                impl<T: ?Sized + $shown> Ambiguous<Shown> for T {}
                let _ = <$secret as Ambiguous<_>>::which;
            };
        )*)*};
    }

    is_never! {
        vestibule::domain::secret::Password: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::secret::Seed: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::secret::Code: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::secret::Answer: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::secret::MasterKey: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::otp::SecretText: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::config::SecretText: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::store::seal::Subkey: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::store::seal::Keyring: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::store::Store: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::user::Authenticator: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::row::NewToken: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::store::people::Person: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::user::Token: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::directory::Directory: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::Table: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::PeopleFile: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::Record: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::Cell: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::people_file::Row: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::mail::notice::Link: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::mail::notice::Notice: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::mail::server::MailServer: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::store::mail_outbox::Taken: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::domain::offered::Offered: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::wire::message::BindRequest: std::fmt::Debug, std::fmt::Display, serde::Serialize;
        vestibule::config::Config: std::fmt::Debug, std::fmt::Display;
    }
}

#[test]
fn grouped_and_nested_imports_are_read() {
    assert_eq!(
        imports("use crate::{jobs, ldap::{self, reply}, telemetry};\ncrate::store::Store"),
        ["jobs", "ldap", "telemetry", "store"]
    );
}
