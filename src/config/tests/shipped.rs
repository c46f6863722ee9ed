//! The files and pages that ship say what the code does.

use serde_json::Value as Json;

use super::super::*;
use super::accepted;

const DEFAULT_FILE: &str = include_str!("../../../config/vestibule.toml");
const EXAMPLES: [(&str, &str); 3] = [
    ("trial.toml", include_str!("../../../config/examples/trial.toml")),
    ("container.toml", include_str!("../../../config/examples/container.toml")),
    ("behind-a-load-balancer.toml", include_str!("../../../config/examples/behind-a-load-balancer.toml")),
];

#[test]
fn the_shipped_file_is_the_built_in_configuration_and_names_every_setting() {
    let (shipped, built_in) = (accepted(DEFAULT_FILE, &[]), accepted("", &[]));
    assert_eq!(shipped.dump().unwrap(), built_in.dump().unwrap());
    let switched_on: String = DEFAULT_FILE
        .lines()
        .map(|line| assignment(line).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let table: toml::Table = switched_on.parse().unwrap();
    for (key, _) in variables() {
        let found = key.split('.').try_fold(&toml::Value::from(table.clone()), |at, name| at.get(name)).is_some();
        assert!(found, "config/vestibule.toml says nothing of {key}");
    }
}

/// The setting in a line such as `# url = "…"`.
fn assignment(line: &str) -> Option<&str> {
    let text = line.strip_prefix("# ")?;
    text.split_once(" = \"").filter(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))?;
    Some(text)
}

#[test]
fn the_shipped_files_and_every_example_fit_the_schema() {
    let schema = schema();
    for (name, text) in EXAMPLES.into_iter().chain([("vestibule.toml", DEFAULT_FILE)]) {
        accepted(text, &[]);
        let json = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        assert_eq!(misfits(&schema, &json), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_schema_refuses_what_a_start_refuses() {
    let schema = schema();
    for text in [
        "zebra = 1",
        "[ldap]\nzebra = 1",
        "[ldap]\nidle_timeout = \"1 minute\"",
        "[ldap]\nmax_frame = 5",
        "[ldap]\nlisten = \"[::]:389\"",
        "[log]\nformat = \"xml\"",
        "[database]\nurl = 5",
    ] {
        let json = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        assert_eq!(misfits(&schema, &json).len(), 1, "{text}");
    }
    assert_eq!(schema.pointer("/properties/database/properties/url/writeOnly"), Some(&Json::Bool(true)));
}

/// Where `value` does not fit, by the keywords of JSON schema that ours uses.
fn misfits(schema: &Json, value: &Json) -> Vec<String> {
    let types: Vec<&str> = match schema["type"].as_array() {
        Some(types) => types.iter().filter_map(Json::as_str).collect(),
        None => schema["type"].as_str().into_iter().collect(),
    };
    let (kind, inner) = match value {
        Json::Object(object) => {
            let misfit = |name: &str, value| match schema["properties"].get(name) {
                Some(schema) => misfits(schema, value),
                None => vec![format!("{name}?")],
            };
            ("object", object.iter().flat_map(|(name, value)| misfit(name, value)).collect())
        }
        Json::Array(items) => ("array", items.iter().flat_map(|item| misfits(&schema["items"], item)).collect()),
        Json::String(text) => {
            let units =
                schema["pattern"].as_str().map(|pattern| pattern.trim_start_matches("^[0-9]+(").trim_end_matches(")$"));
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
            let fits_pattern = units.is_none_or(|units| unit != text && units.split('|').any(|known| known == unit));
            let fits_enum = schema["enum"].as_array().is_none_or(|known| known.contains(value));
            ("string", if fits_pattern && fits_enum { vec![] } else { vec![text.clone()] })
        }
        Json::Number(_) => ("integer", vec![]),
        Json::Bool(_) => ("boolean", vec![]),
        Json::Null => ("null", vec![]),
    };
    if types.contains(&kind) { inner } else { vec![format!("{value} is not {types:?}")] }
}

#[test]
fn the_page_lists_every_setting_with_its_built_in_value_and_its_variable() {
    let page = include_str!("../../../docs/configuration.md");
    let schema = schema();
    for (key, variable) in variables() {
        let pointer = format!("/properties/{}/default", key.replace('.', "/properties/"));
        let built_in = schema.pointer(&pointer).map_or("none".to_owned(), |value| format!("`{value}`"));
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` | {built_in} |")));
        let row = row.unwrap_or_else(|| panic!("docs/configuration.md has no row for {key} with {built_in}"));
        assert!(row.contains(&format!("| `{variable}` |")), "{row}");
    }
}

#[test]
fn no_key_ends_in_file_so_that_a_file_variable_is_never_ambiguous() {
    for (key, variable) in variables() {
        assert!(!key.ends_with("_file") && !variable.ends_with("_FILE"), "{key}");
    }
}

#[test]
fn what_a_dump_says_reads_back_as_the_same_configuration() {
    let config =
        accepted(EXAMPLES[2].1, &[("VESTIBULE_LDAP__IDLE_TIMEOUT", "1500ms"), ("VESTIBULE_LOG__FORMAT", "json")]);
    let dump = config.dump().unwrap();
    assert_eq!(accepted(&dump, &[]).dump().unwrap(), dump);
}
