//! The dictionary files that `radius.dictionaries` names.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::domain::radius::dictionary::{Dictionary, Faults, MAX_BYTES};

/// Why they cannot be used: all of it at once.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryFault {
    #[error("cannot read the dictionary {path}: {source}; correct radius.dictionaries")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Faults(#[from] Faults),
}

/// The shipped dictionaries and these files.
pub fn read(paths: &[PathBuf]) -> Result<Dictionary, DictionaryFault> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let text = text(path).map_err(|source| DictionaryFault::Read { path: path.clone(), source })?;
        files.push((path.display().to_string(), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(Dictionary::with(&files)?)
}

/// Comments may be in any encoding; names are ASCII.
fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    // One byte more than the reader takes, so that it says that the file is too large.
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::radius::dictionary::{Attribute, shipped};

    #[test]
    fn a_file_that_is_not_there_is_named_and_a_comment_may_be_in_any_encoding() {
        let missing = read(&["/no/such/dictionary".into()]).unwrap_err().to_string();
        assert!(missing.contains("/no/such/dictionary") && missing.contains("radius.dictionaries"), "{missing}");
        let path = std::env::temp_dir().join(format!("vestibule-dictionary-{}", std::process::id()));
        std::fs::write(&path, b"# M\xfcller\nATTRIBUTE Acme 200 string\n").unwrap();
        assert!(read(std::slice::from_ref(&path)).unwrap().attribute("acme").is_ok());
        std::fs::write(&path, "ATTRIBUTE Acme\n").unwrap();
        let fault = read(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(fault.starts_with(&format!("{}, line 1: ", path.display())), "{fault}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_we_ship_agrees_with_freeradius_where_that_is_installed() {
        let folder = Path::new("/usr/share/freeradius");
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        // Those of other protocols, and its own inner attributes, use the same numbers otherwise.
        let other = ["dhcp", "freeradius", "compat", "vqp", "usr.illegal", "wimax.alvarion", "wimax.wichorus"];
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let ours = |rest: &str| !other.iter().any(|other| rest.starts_with(other));
        let names: BTreeSet<String> = names.filter(|name| name.strip_prefix("dictionary.").is_some_and(ours)).collect();
        let file = |name: &str| text(&folder.join(name)).unwrap();
        let (base, accounting) = (file("dictionary.rfc2865"), file("dictionary.rfc2866"));
        let (mut count, mut seen, mut wrong) = (0, BTreeSet::new(), vec![]);
        for name in &names {
            // Files lean on these two; a few lean on yet others, or define a name anew, and are passed over.
            let theirs = match Dictionary::of(&[("rfc2865", &base), ("rfc2866", &accounting), (name, &file(name))]) {
                Ok(theirs) => theirs,
                Err(faults) => {
                    let lean = ["no ATTRIBUTE is called", "no VENDOR is called", "another name"];
                    let others = faults.faults.iter().filter(|fault| !lean.iter().any(|lean| fault.why.contains(lean)));
                    wrong.extend(others.map(ToString::to_string));
                    continue;
                }
            };
            count += 1;
            for theirs in theirs.attributes() {
                let Ok(ours) = shipped().attribute(&theirs.name) else { continue };
                seen.insert(ours.name.clone());
                let meaning = |a: &Attribute| (a.code, a.form, a.has_tag, a.is_hidden);
                if meaning(ours) != meaning(theirs) {
                    wrong.push(format!("{name}: {ours:?} is {theirs:?}"));
                }
                for value in ours.value_names().filter(|value| theirs.value(value).is_some()) {
                    if ours.value(value) != theirs.value(value) {
                        wrong.push(format!("{name}: {value} is {:?}", theirs.value(value)));
                    }
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
        assert!(count > 100, "{count} of {} dictionaries are read", names.len());
        let ours: BTreeSet<String> = shipped().attributes().iter().map(|ours| ours.name.clone()).collect();
        assert_eq!(seen, ours, "names that FreeRADIUS does not have");
    }
}
