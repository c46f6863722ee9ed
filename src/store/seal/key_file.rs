//! The file the master keys live in: created readable by its owner alone, refused when others can read it, replaced
//! whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{KeyFault, Keyring};
use crate::ambient::Ambient;

/// More than a thousand keys; anything longer is not a key file.
const LONGEST: u64 = 64 * 1024;

#[derive(Debug, Error)]
pub enum KeyFileFault {
    #[error("cannot read the master key file {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the master key file {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the master key file {} can be read by others (mode {mode:04o}); run `chmod 600` on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("the master key file {} is not a plain file of at most 64 KiB", path.display())]
    NotAKeyFile { path: PathBuf },
    #[error("the master key file {} is not usable: {source}", path.display())]
    Content { path: PathBuf, source: KeyFault },
}

/// What a look at the key file gave.
pub struct Loaded {
    pub keyring: Keyring,
    /// The file was not there and now is. Whoever loses it loses every sealed secret, so this is worth a loud word.
    pub created: bool,
}

/// The key file at a path.
pub struct MasterKeyFile {
    path: PathBuf,
}

impl MasterKeyFile {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads the file, or writes one with a fresh key if there is none. The directory must exist.
    pub fn load_or_create(&self, ambient: &Ambient) -> Result<Loaded, KeyFileFault> {
        match self.load() {
            Err(KeyFileFault::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            found => return found.map(|keyring| Loaded { keyring, created: false }),
        }
        let keyring = Keyring::generate(ambient);
        let draft = self.draft(&keyring, ambient)?;
        // A hard link, unlike a rename, fails when another process was faster; then its key is the one.
        let linked = fs::hard_link(&draft.0, &self.path);
        drop(draft);
        match linked {
            Ok(()) => {
                self.sync_directory()?;
                Ok(Loaded { keyring, created: true })
            }
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Loaded { keyring: self.load()?, created: false })
            }
            Err(source) => Err(self.write_fault(source)),
        }
    }

    /// Reads the file and never writes one.
    pub fn load(&self) -> Result<Keyring, KeyFileFault> {
        let fault = |source| KeyFileFault::Read { path: self.path.clone(), source };
        let mut file = File::open(&self.path).map_err(fault)?;
        // Asked of the open file, not of the path: what is judged is what is read.
        let facts = file.metadata().map_err(fault)?;
        if !facts.is_file() || facts.len() > LONGEST {
            return Err(KeyFileFault::NotAKeyFile { path: self.path.clone() });
        }
        let mode = facts.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileFault::Exposed { path: self.path.clone(), mode });
        }
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let room = usize::try_from(facts.len()).unwrap_or(0) + 1;
        let mut text = Zeroizing::new(String::with_capacity(room));
        file.read_to_string(&mut text).map_err(fault)?;
        Keyring::parse(&text).map_err(|source| KeyFileFault::Content { path: self.path.clone(), source })
    }

    /// Replaces the file's keys with `keyring`'s, in one step that survives a crash on either side of it.
    pub fn replace(&self, keyring: &Keyring, ambient: &Ambient) -> Result<(), KeyFileFault> {
        let draft = self.draft(keyring, ambient)?;
        fs::rename(&draft.0, &self.path).map_err(|source| self.write_fault(source))?;
        self.sync_directory()
    }

    fn draft(&self, keyring: &Keyring, ambient: &Ambient) -> Result<Draft, KeyFileFault> {
        let suffix = HEXLOWER.encode(&ambient.bytes::<8>());
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{suffix}.new"));
        let draft = Draft(PathBuf::from(name));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft.0)
            .and_then(|mut file| file.write_all(keyring.render().as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|source| self.write_fault(source))?;
        Ok(draft)
    }

    fn sync_directory(&self) -> Result<(), KeyFileFault> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        File::open(directory).and_then(|open| open.sync_all()).map_err(|source| self.write_fault(source))
    }

    fn write_fault(&self, source: io::Error) -> KeyFileFault {
        KeyFileFault::Write { path: self.path.clone(), source }
    }
}

/// A half-way file, gone when dropped unless it was renamed.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing to remove, which is the good case.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::seal::Place;

    const PLACE: Place<'static> = Place::new("directories", "bind_password", b"1");

    struct Dir(PathBuf);

    impl Dir {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("vestibule-key-{}", Ambient::system().id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
        fn key_file(&self) -> MasterKeyFile {
            MasterKeyFile::at(self.0.join("master.key"))
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_first_start_writes_a_key_for_the_owner_alone_and_the_second_reads_it() {
        let dir = Dir::new();
        let first = dir.key_file().load_or_create(&Ambient::system()).unwrap();
        assert!(first.created);
        let mode = fs::metadata(dir.0.join("master.key")).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let sealed = first.keyring.seal(&PLACE, b"secret", [1; 24]);
        let second = dir.key_file().load_or_create(&Ambient::system()).unwrap();
        assert!(!second.created);
        assert!(second.keyring.open(&PLACE, &sealed).is_ok());
        assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_in_one_sentence() {
        let dir = Dir::new();
        dir.key_file().load_or_create(&Ambient::system()).unwrap();
        for mode in [0o640, 0o604, 0o644] {
            fs::set_permissions(dir.0.join("master.key"), fs::Permissions::from_mode(mode)).unwrap();
            let fault = dir.key_file().load().err().unwrap();
            assert!(matches!(fault, KeyFileFault::Exposed { mode: found, .. } if found == mode));
            assert!(fault.to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn an_unusable_key_file_is_never_overwritten() {
        let dir = Dir::new();
        let path = dir.0.join("master.key");
        fs::write(&path, "not a key\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let fault = dir.key_file().load_or_create(&Ambient::system()).err().unwrap();
        assert!(matches!(fault, KeyFileFault::Content { source: KeyFault::Unreadable { line: 1 }, .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key\n");
        assert!(!fault.to_string().contains("not a key\n"));
    }

    #[test]
    fn many_processes_that_start_at_once_end_with_one_key() {
        let dir = Dir::new();
        let rings: Vec<Loaded> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| dir.key_file().load_or_create(&Ambient::system()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(rings.iter().filter(|loaded| loaded.created).count(), 1);
        let sealed = rings[0].keyring.seal(&PLACE, b"secret", [1; 24]);
        assert!(rings.iter().all(|loaded| loaded.keyring.open(&PLACE, &sealed).is_ok()));
    }

    #[test]
    fn a_rotated_key_file_keeps_the_old_key_until_it_is_dropped() {
        let (dir, ambient) = (Dir::new(), Ambient::system());
        let old = dir.key_file().load_or_create(&ambient).unwrap().keyring;
        let sealed = old.seal(&PLACE, b"secret", [1; 24]);
        dir.key_file().replace(&old.with_fresh_key(&ambient), &ambient).unwrap();
        let both = dir.key_file().load().unwrap();
        assert_eq!(both.ids(), [2, 1]);
        assert!(both.open(&PLACE, &sealed).is_ok());
        dir.key_file().replace(&both.only_current(), &ambient).unwrap();
        assert!(dir.key_file().load().unwrap().open(&PLACE, &sealed).is_err());
    }
}
