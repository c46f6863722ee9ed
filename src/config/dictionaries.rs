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
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_named_and_a_comment_may_be_in_any_encoding() {
        let missing = read(&["/no/such/dictionary".into()]).unwrap_err().to_string();
        assert!(missing.contains("/no/such/dictionary") && missing.contains("radius.dictionaries"), "{missing}");
        let path =
            std::env::temp_dir().join(format!("vestibule-dictionary-{}", crate::ambient::Ambient::system().id()));
        std::fs::write(&path, b"# M\xfcller\nATTRIBUTE Acme 200 string\n").unwrap();
        assert!(read(std::slice::from_ref(&path)).unwrap().attribute("acme").is_ok());
        std::fs::write(&path, "ATTRIBUTE Acme\n").unwrap();
        let fault = read(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(fault.starts_with(&format!("{}, line 1: ", path.display())), "{fault}");
        std::fs::remove_file(&path).unwrap();
    }
}
