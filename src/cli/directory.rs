//! `vestibule directory`: where people are looked up, and whether that works.

mod schema;
mod set;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::failure::Failure;
use super::world::World;
use super::{input, show};
use crate::directory::TestStep;
use crate::domain::directory::attributes::AttributeMap;
use crate::domain::directory::{Directory, DirectoryKind, PageSize, Server, Transport};
use crate::domain::dn::Dn;
use crate::domain::ids::DirectoryId;
use crate::domain::name::LoginName;
use crate::domain::secret::Password;
use crate::store::StoreFault;

#[derive(Subcommand)]
pub enum Command {
    /// Make a directory known
    #[command(after_help = ADD_EXAMPLE)]
    Add(Box<Add>),
    /// Show the directories
    List {
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Change settings of a directory; those not named stay
    #[command(after_help = SET_EXAMPLE)]
    Set(Box<set::Set>),
    /// Show every setting of a directory
    Show {
        /// The directory's name
        name: String,
        /// Print JSON: an object
        #[arg(long)]
        json: bool,
    },
    /// Ask every server of a directory, step by step: exit code 0 if all of it works, else 1
    Test {
        /// The directory's name
        name: String,
        /// Print JSON: an array of objects with server, step, works and result
        #[arg(long)]
        json: bool,
    },
    /// Forget a directory that has neither clients nor users
    Remove {
        /// The directory's name
        name: String,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
}

const ADD_EXAMPLE: &str = "\
Example, with two domain controllers and the company's own CA:
  vestibule directory add corp --kind ad --server ldaps://dc1.corp.example --server ldaps://dc2.corp.example \\
    --base-dn dc=corp,dc=example --bind-dn cn=vestibule,ou=service,dc=corp,dc=example \\
    --bind-password-file /run/secrets/bind --ca-file /etc/ssl/corp-ca.pem --domain CORP";

const SET_EXAMPLE: &str = "\
Examples:
  vestibule directory set corp --attribute first=givenName,displayName --attribute phone.desk=otherTelephone
  vestibule directory set corp --country-code 49 --page-size 1000
  vestibule directory set corp --server ldaps://dc3.corp.example --bind-password-file /run/secrets/bind";

/// Which schema the directory has.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Microsoft Active Directory or Samba AD
    #[value(name = "ad", alias = "active-directory")]
    ActiveDirectory,
    /// OpenLDAP and others that follow RFC 4519
    #[value(name = "openldap", alias = "open-ldap")]
    OpenLdap,
}

#[derive(Args)]
pub struct Add {
    /// What to call it: letters, digits, dots, dashes, underscores
    #[arg(value_parser = input::label)]
    name: String,
    /// Which schema it has
    #[arg(long, value_enum)]
    kind: Kind,
    /// A server, in order of preference; may be repeated. ldap:// means StartTLS unless --allow-plaintext is given
    #[arg(long = "server", value_name = "URL", required = true, value_parser = input::server)]
    servers: Vec<Server>,
    /// Where people and groups are, such as dc=example,dc=org
    #[arg(long, value_name = "DN", value_parser = input::dn)]
    base_dn: Dn,
    /// The account we search with; without it searches are anonymous
    #[arg(long, value_name = "DN", requires = "bind_password_file")]
    bind_dn: Option<String>,
    /// File with that account's password, or - for standard input
    #[arg(long, value_name = "FILE", requires = "bind_dn")]
    bind_password_file: Option<PathBuf>,
    /// PEM file with the CA certificates to trust for this directory, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Encrypt ldap:// servers with StartTLS; this is the default for them
    #[arg(long, conflicts_with = "allow_plaintext")]
    start_tls: bool,
    /// Send passwords to ldap:// servers without encryption
    #[arg(long)]
    allow_plaintext: bool,
    /// The NetBIOS name in DOMAIN\user (ad)
    #[arg(long, value_name = "NETBIOS", value_parser = input::label)]
    domain: Option<String>,
    /// How long connecting to a server may take
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = input::span)]
    connect_timeout: Duration,
    /// How long a server may take to answer
    #[arg(long, value_name = "SPAN", default_value = "15s", value_parser = input::span)]
    operation_timeout: Duration,
    #[command(flatten)]
    schema: schema::Schema,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { json } => list(world, json).await,
            Self::Set(set) => set.run(world).await,
            Self::Show { name, json } => set::show(world, &name, json).await,
            Self::Test { name, json } => test(world, &name, json).await,
            Self::Remove { name, yes } => remove(world, &name, yes).await,
        }
    }
}

impl Add {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let directory = self.directory(world)?;
        // Reads the CA certificates, so that a broken file is found now.
        world.ask(directory.clone()).map_err(|fault| Failure::Input(fault.to_string()))?;
        match world.store.add_directory(&directory, &world.actor).await {
            Err(fault) if fault.is_duplicate() => {
                return Err(Failure::Input(format!(
                    "there is a directory {:?} already; choose another name",
                    directory.name
                )));
            }
            added => added?,
        }
        if directory.servers.iter().any(|server| server.transport == Transport::Plain) {
            show::note("Passwords travel to this directory without encryption.");
        }
        show::line(format_args!("Directory {0} added. Try it: vestibule directory test {0}", directory.name))
    }

    fn directory(self, world: &World) -> Result<Directory, Failure> {
        let kind = match self.kind {
            Kind::ActiveDirectory => DirectoryKind::ActiveDirectory,
            Kind::OpenLdap => DirectoryKind::OpenLdap,
        };
        let bind_dn = self.bind_dn.map(|bind_dn| checked_bind_dn(bind_dn, kind)).transpose()?;
        let password = self.bind_password_file.map(|file| input::secret(&file)).transpose()?;
        let mut directory = Directory {
            id: DirectoryId(world.ambient.id()),
            name: self.name,
            kind,
            servers: transports(self.servers, self.start_tls, self.allow_plaintext)?,
            base_dn: self.base_dn.to_string(),
            bind_dn: bind_dn.unwrap_or_default(),
            bind_password: Password::new(password.as_deref().map(Vec::as_slice).unwrap_or_default()),
            ca_pem: self.ca_file.map(|file| read_ca(&file)).transpose()?,
            domain: self.domain,
            attributes: AttributeMap::default(),
            page_size: PageSize::default(),
            connect_timeout: self.connect_timeout,
            operation_timeout: self.operation_timeout,
        };
        timeouts_fit(&directory)?;
        self.schema.apply(&mut directory)?;
        Ok(directory)
    }
}

fn checked_bind_dn(bind_dn: String, kind: DirectoryKind) -> Result<String, Failure> {
    if bind_dn.is_empty() {
        return Ok(bind_dn);
    }
    // Active Directory also takes user@domain and DOMAIN\user here.
    let name = LoginName::parse(&bind_dn).map_err(|fault| Failure::Input(format!("--bind-dn: {fault}")))?;
    if !matches!(name, LoginName::Dn { .. }) && kind == DirectoryKind::OpenLdap {
        return Err(Failure::input("--bind-dn must be a DN, such as cn=vestibule,ou=service,dc=example,dc=org"));
    }
    Ok(bind_dn)
}

pub(super) fn read_ca(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|fault| Failure::Input(format!("cannot read {}: {fault}; check the path", file.display())))
}

/// ldap:// servers are asked for StartTLS unless the administrator chose to do without.
fn transports(mut servers: Vec<Server>, start_tls: bool, allow_plaintext: bool) -> Result<Vec<Server>, Failure> {
    let is_ldap = |server: &Server| server.transport == Transport::StartTls;
    if (start_tls || allow_plaintext) && !servers.iter().any(is_ldap) {
        return Err(Failure::input("--start-tls and --allow-plaintext are for ldap:// servers; there is none"));
    }
    if allow_plaintext {
        servers.iter_mut().filter(|server| is_ldap(server)).for_each(|server| server.transport = Transport::Plain);
    }
    Ok(servers)
}

fn timeouts_fit(directory: &Directory) -> Result<(), Failure> {
    let least = Duration::from_millis(100);
    within("--connect-timeout", directory.connect_timeout, least, Duration::from_mins(1))?;
    within("--operation-timeout", directory.operation_timeout, least, Duration::from_mins(10))
}

fn within(option: &str, span: Duration, least: Duration, most: Duration) -> Result<(), Failure> {
    if (least..=most).contains(&span) {
        return Ok(());
    }
    Err(Failure::Input(format!("{option} must be between {least:?} and {most:?}")))
}

#[derive(Serialize)]
struct Shown {
    name: String,
    kind: &'static str,
    servers: Vec<Server>,
    base_dn: String,
    bind_dn: String,
    domain: Option<String>,
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let directories = world.store.directories().await?.into_iter().map(|directory| Shown {
        name: directory.name,
        kind: kind_text(directory.kind),
        servers: directory.servers,
        base_dn: directory.base_dn,
        bind_dn: directory.bind_dn,
        domain: directory.domain,
    });
    let directories: Vec<Shown> = directories.collect();
    if json {
        return show::json(&directories);
    }
    let rows: Vec<_> = directories
        .into_iter()
        .map(|directory| {
            let servers =
                directory.servers.iter().map(|server| format!("{server} ({})", transport_text(server.transport)));
            let servers = servers.collect::<Vec<_>>().join(", ");
            [directory.name, directory.kind.to_owned(), servers, directory.base_dn]
        })
        .collect();
    show::table(["name", "kind", "servers", "base"], &rows)
}

/// One step of asking one server.
#[derive(Serialize)]
struct Tried {
    server: String,
    step: &'static str,
    works: bool,
    /// What was seen, or what is wrong.
    result: String,
}

async fn test(world: &World, name: &str, json: bool) -> Result<(), Failure> {
    let client = world.ask(world.directory(name).await?)?;
    let tried = client.test(&world.ambient).await.into_iter().map(|TestStep { server, step, result }| Tried {
        server: server.to_string(),
        step,
        works: result.is_ok(),
        result: result.unwrap_or_else(|fault| fault.to_string()),
    });
    let tried: Vec<Tried> = tried.collect();
    let works = tried.iter().all(|step| step.works);
    if json {
        show::json(&tried)?;
    } else {
        let width = tried.iter().map(|step| step.step.len()).max().unwrap_or(0);
        let mut server = "";
        for Tried { server: at, step, works, result } in &tried {
            if server != at {
                show::line(at)?;
                server = at;
            }
            let verdict = if *works { "ok    " } else { "FAILED" };
            show::line(format_args!("  {step:width$}  {verdict}  {}", show::safe(result)))?;
        }
    }
    if works { Ok(()) } else { Err(Failure::SaidNo) }
}

async fn remove(world: &World, name: &str, yes: bool) -> Result<(), Failure> {
    let directory = world.directory(name).await?;
    if !yes {
        return Err(Failure::Input(format!("this forgets directory {} and its password; add --yes", directory.name)));
    }
    match world.store.remove_directory(name, &world.actor).await {
        Err(StoreFault::Refused(_)) => Err(Failure::No(format!(
            "directory {name} has clients or users and stays; remove its clients with `vestibule client remove`"
        ))),
        removed => {
            removed?;
            show::line(format_args!("Directory {name} is forgotten."))
        }
    }
}

fn kind_text(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "ad",
        DirectoryKind::OpenLdap => "openldap",
    }
}

fn transport_text(transport: Transport) -> &'static str {
    match transport {
        Transport::Ldaps => "ldaps",
        Transport::StartTls => "start-tls",
        Transport::Plain => "plain",
    }
}
