//! Where settings come from: the TOML file, then the environment, then files the environment names. Values are taken
//! raw; only the typed fields read meaning into them. (figment's own environment provider trims and retypes:
//! `00712` would arrive as `712`.)

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};
use serde_json::Value as Json;

use super::faults::{ConfigFault, Origin};

const PREFIX: &str = "VESTIBULE_";
/// Names the configuration file and is no setting itself.
pub(super) const CONFIG_VARIABLE: &str = "VESTIBULE_CONFIG";
/// No setting is longer; a bound keeps a mistaken path (a device, a database) from being slurped.
const LONGEST_FILE: u64 = 1024 * 1024;

/// The names that exist, as the schema tells them.
pub(super) struct Keys {
    /// `ldap.listen`, each with its environment variable.
    settings: BTreeMap<String, String>,
    /// `ldap`.
    sections: BTreeSet<String>,
}

impl Keys {
    pub(super) fn of(schema: &Json) -> Self {
        let mut keys = Self { settings: BTreeMap::new(), sections: BTreeSet::new() };
        keys.add("", schema);
        keys
    }

    fn add(&mut self, under: &str, schema: &Json) {
        for (name, inner) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let key = dotted(under, name);
            if inner.get("properties").is_some() {
                self.add(&key, inner);
                self.sections.insert(key);
            } else {
                let variable = format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase());
                self.settings.insert(key, variable);
            }
        }
    }

    /// Each setting with its environment variable.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(key, variable)| (key.as_str(), variable.as_str()))
    }

    fn nearest_key(&self, wrong: &str) -> Option<String> {
        nearest(wrong, self.settings.keys().chain(&self.sections))
    }

    /// Compared without the prefix, which all share, and as the same form (`_FILE` or not).
    fn nearest_variable(&self, wrong: &str) -> Option<String> {
        let (base, ending) = wrong.strip_suffix("_FILE").map_or((wrong, ""), |base| (base, "_FILE"));
        if base == CONFIG_VARIABLE {
            return Some(base.to_owned());
        }
        let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let right: Vec<String> = self.settings.values().map(|name| bare(name)).collect();
        nearest(&bare(base), right.iter()).map(|name| format!("{PREFIX}{name}{ending}"))
    }
}

/// The likeliest of `right`, if any is likely. The right word in the wrong section counts as likely.
fn nearest<'a>(wrong: &str, right: impl Iterator<Item = &'a String>) -> Option<String> {
    let wrong = wrong.to_lowercase();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let whole = strsim::normalized_damerau_levenshtein(&wrong, &name);
        let word = strsim::normalized_damerau_levenshtein(last_word(&wrong), last_word(&name)) * 0.9;
        whole.max(word)
    };
    right
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= 0.65)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.clone())
}

/// `listen` of `ldap.listen` and of `LDAP__LISTEN`.
fn last_word(name: &str) -> &str {
    let dotted = name.rsplit_once('.').map_or(name, |(_, word)| word);
    dotted.rsplit_once("__").map_or(dotted, |(_, word)| word)
}

/// One given value and who gave it; figment takes it as a source of its own.
pub(super) struct Setting {
    key: String,
    value: Value,
    pub(super) origin: Origin,
}

impl Provider for &Setting {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = figment::util::nest(&self.key, self.value.clone()).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(dict))
    }
}

/// What was given, by key; the strongest source has won already.
#[derive(Default)]
pub(super) struct Settings(BTreeMap<String, Setting>);

impl Settings {
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.0.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.values()
    }

    /// Takes out the setting that stands at `path` or around it; should none stand there, any: a fault must never
    /// pass for want of a name. `None` when nothing is left.
    pub(super) fn remove_at(&mut self, path: &[String]) -> Option<(String, Setting)> {
        let named = (1..=path.len()).rev().find_map(|depth| {
            let key = path.get(..depth)?.join(".");
            self.0.remove_entry(&key)
        });
        named.or_else(|| self.0.pop_first())
    }

    pub(super) fn put_back(&mut self, (key, setting): (String, Setting)) {
        self.0.insert(key, setting);
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        self.0.insert(key.to_owned(), Setting { key: key.to_owned(), value, origin });
    }

    /// The TOML file at `path`, whose text is `text`.
    pub(super) fn add_file(&mut self, path: &Path, text: &str, keys: &Keys, faults: &mut Vec<ConfigFault>) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.add_table("", &table, path, keys, faults),
            Err(error) => faults.push(not_toml(path, text, &error)),
        }
    }

    fn add_table(&mut self, under: &str, table: &toml::Table, path: &Path, keys: &Keys, faults: &mut Vec<ConfigFault>) {
        let origin = || Origin::File(path.to_owned());
        for (name, value) in table {
            let key = dotted(under, name);
            if keys.settings.contains_key(&key) {
                match Value::serialize(value) {
                    Ok(value) => self.set(&key, value, origin()),
                    Err(_) => faults.push(unfit(&key, origin(), "has a form that no setting takes")),
                }
            } else if !keys.sections.contains(&key) {
                let nearest = keys.nearest_key(&key);
                faults.push(ConfigFault::UnknownKey { key: printable(&key), path: path.to_owned(), nearest });
            } else if let toml::Value::Table(inner) = value {
                self.add_table(&key, inner, path, keys, faults);
            } else {
                faults.push(unfit(&key, origin(), format!("is a section; write [{key}] and its settings below")));
            }
        }
    }

    /// The variables that carry our prefix; all others are somebody else's.
    pub(super) fn add_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        keys: &Keys,
        faults: &mut Vec<ConfigFault>,
    ) {
        let ours: BTreeMap<String, OsString> = environment
            .into_iter()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, value)| {
                name.starts_with(PREFIX) && name != CONFIG_VARIABLE && !is_service_link(name, value)
            })
            .collect();
        let mut recognised = BTreeSet::new();
        for (key, variable) in &keys.settings {
            let file_variable = format!("{variable}_FILE");
            match (ours.get(variable), ours.get(&file_variable)) {
                (None, None) => {}
                (Some(value), None) => self.add_variable(key, variable, value, faults),
                (None, Some(path)) => self.add_file_of_variable(key, &file_variable, Path::new(path), faults),
                (Some(_), Some(_)) => faults.push(ConfigFault::GivenTwice {
                    key: key.clone(),
                    variable: variable.clone(),
                    file_variable: file_variable.clone(),
                }),
            }
            recognised.extend([variable.clone(), file_variable]);
        }
        for name in ours.keys().filter(|name| !recognised.contains(*name)) {
            let nearest = keys.nearest_variable(name);
            faults.push(ConfigFault::UnknownVariable { variable: printable(name), nearest });
        }
    }

    fn add_variable(&mut self, key: &str, variable: &str, value: &OsStr, faults: &mut Vec<ConfigFault>) {
        let origin = Origin::Variable(variable.to_owned());
        match value.to_str() {
            Some(text) => self.set(key, Value::from(text), origin),
            None => faults.push(unfit(key, origin, "must be UTF-8 text")),
        }
    }

    fn add_file_of_variable(&mut self, key: &str, variable: &str, path: &Path, faults: &mut Vec<ConfigFault>) {
        let origin = Origin::FileOfVariable { variable: variable.to_owned(), path: path.to_owned() };
        match read(path) {
            // One line break is the editor's; any other belongs to the value.
            Ok(text) => self.set(key, Value::from(without_one_line_break(&text)), origin),
            Err(reason) => faults.push(unfit(key, origin, format!("cannot be read: {reason}"))),
        }
    }
}

/// A text file of bounded length.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err("it is longer than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

fn without_one_line_break(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

/// Kubernetes gives every pod the addresses of the services beside it. A service called `vestibule` would otherwise
/// keep its own pods from starting.
fn is_service_link(name: &str, value: &OsStr) -> bool {
    let is_address =
        ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.as_bytes().starts_with(scheme.as_bytes()));
    let after_port = name.split_once("_PORT_").is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    !name.contains("__")
        && (name.ends_with("_SERVICE_HOST")
            || name.contains("_SERVICE_PORT")
            || after_port
            || (name.ends_with("_PORT") && is_address))
}

/// Line and column, never the line itself: it may hold a secret.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> ConfigFault {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let reason = printable(&error.message().replace('\n', "; "));
    ConfigFault::NotToml { path: PathBuf::from(path), line, column, reason }
}

fn unfit(key: &str, origin: Origin, reason: impl Into<String>) -> ConfigFault {
    ConfigFault::Unfit { key: printable(key), origin, reason: reason.into() }
}

fn dotted(under: &str, name: &str) -> String {
    if under.is_empty() { name.to_owned() } else { format!("{under}.{name}") }
}

/// A name that somebody else chose, fit for a terminal.
fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}
