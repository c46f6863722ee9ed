//! An appliance for each test: a state directory, a configuration, a database that is kept running, and the words the
//! tests are written in.

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions as _, PgPool};
use vestibule::ambient::Ambient;
use vestibule::store::embedded::{Embedded, EmbeddedPostgres};
use vestibule::store::seal::key_file::MasterKeyFile;
use vestibule::store::{Connect, Store};

use crate::slapd::{Slapd, SlapdOptions};

/// Where this file's servers listen.
pub const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 6, 1));

/// The password of our account at the directory; no command may ever show it.
const BIND_PASSWORD: &str = "svc-secret";

/// A directory that every account can pass through, gone at the end.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        let path = Path::new("/tmp").join(format!("vestibule-cli-{}", Ambient::system().id().simple()));
        DirBuilder::new().mode(0o755).create(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// It went well; what it answered.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// It ended with this exit code and one sentence that holds all of these.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

/// A configuration and the program that reads it.
pub struct Vestibule {
    pub dir: Dir,
    pub config: String,
}

impl Vestibule {
    pub fn new(more: &str) -> Self {
        let dir = Dir::new();
        let state = dir.path().join("state");
        let config = dir.write(
            "vestibule.toml",
            format!(
                "state_dir = \"{}\"\n{more}\n[ldap]\nlisten = []\nlisten_tls = [\"{ADDRESS}:{}\"]\n\
                 [radius]\nlisten = []\nlisten_accounting = []\n[web]\nlisten = []\nlisten_plain = []\n[management]\nlisten = \"{ADDRESS}:{}\"\n",
                state.display(),
                free_port(),
                free_port()
            ),
        );
        Self { dir, config }
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["--config", &self.config]).args(args).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Said {
        said(self.command(args).output().unwrap())
    }

    /// With this on standard input.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        said(child.wait_with_output().unwrap())
    }
}

fn said(output: std::process::Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!said.out.contains(BIND_PASSWORD) && !said.err.contains(BIND_PASSWORD), "a password is shown: {said:?}");
    said
}

pub fn free_port() -> u16 {
    crate::slapd::free_port(ADDRESS).port()
}

/// A [`Vestibule`] whose database runs for as long as the test, as `serve` would keep it.
pub struct Appliance {
    /// Stopped before the directory goes.
    postgres: EmbeddedPostgres,
    pub pool: PgPool,
    pub vestibule: Vestibule,
}

impl std::ops::Deref for Appliance {
    type Target = Vestibule;

    fn deref(&self) -> &Vestibule {
        &self.vestibule
    }
}

impl Appliance {
    pub async fn start() -> Self {
        Self::of(Vestibule::new("")).await
    }

    pub async fn of(vestibule: Vestibule) -> Self {
        let ambient = Ambient::system();
        let settings =
            Embedded { executable: Some(env!("CARGO_BIN_EXE_vestibule").into()), ..Embedded::under(vestibule.state()) };
        let postgres = EmbeddedPostgres::start(&settings, &ambient).await.unwrap();
        MasterKeyFile::at(vestibule.state().join("master.key")).load_or_create(&ambient).unwrap();
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(postgres.connect_options());
        Self { postgres, pool, vestibule }
    }

    /// With the directory of this server, called `corp`.
    pub async fn with_directory(slapd: &Slapd) -> Self {
        let appliance = Self::start().await;
        appliance.add_directory("corp", slapd).ok();
        appliance
    }

    /// With three people imported and a client called `netscaler`.
    pub async fn with_people(slapd: &Slapd) -> Self {
        let appliance = Self::with_directory(slapd).await;
        appliance.run(&["user", "import", "--directory", "corp"]).ok();
        let client =
            ["client", "add", "netscaler", "--address", "127.0.0.0/8", "--directory", "corp", "--bare-approval"];
        appliance.run(&client).ok();
        appliance
    }

    pub fn add_directory(&self, name: &str, slapd: &Slapd) -> Said {
        let password = self.dir.write("bind", BIND_PASSWORD);
        let server = format!("ldaps://{}", slapd.tls_addr);
        let ca = slapd.ca_path.display().to_string();
        self.run(&[
            "directory",
            "add",
            name,
            "--kind",
            "openldap",
            "--server",
            &server,
            "--base-dn",
            &slapd.base,
            "--bind-dn",
            &slapd.service_dn,
            "--bind-password-file",
            &password,
            "--ca-file",
            &ca,
        ])
    }

    /// How another appliance would be told of this one's database.
    pub fn database_url(&self) -> String {
        self.postgres.connect_options().to_url_lossy().into()
    }

    /// The store as a process with the present key file sees it.
    pub async fn store(&self) -> Store {
        let keyring = MasterKeyFile::at(self.state().join("master.key")).load().unwrap();
        let connect = Connect {
            options: self.postgres.connect_options(),
            max_connections: 2,
            acquire_timeout: std::time::Duration::from_secs(5),
        };
        Store::open(connect, keyring, Ambient::system()).await.unwrap()
    }

    pub async fn sql(&self, statement: &'static str) -> u64 {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap().rows_affected()
    }
}

pub fn slapd() -> Slapd {
    Slapd::start(&SlapdOptions { address: ADDRESS, ..SlapdOptions::default() })
}

/// With these entries besides the three people.
pub fn slapd_with(ldif: &str) -> Slapd {
    Slapd::start(&SlapdOptions { address: ADDRESS, ldif: ldif.to_owned(), ..SlapdOptions::default() })
}

/// One more person.
pub fn person(uid: &str, mail: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
         mail: {mail}\nuserPassword: pw-{uid}\n\n"
    )
}
