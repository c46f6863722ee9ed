//! `directory set` and `directory show`: the settings of a directory, changed and looked at.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::schema::Schema;
use super::{checked_bind_dn, kind_text, read_ca, timeouts_fit, transport_text, transports};
use crate::cli::failure::Failure;
use crate::cli::world::World;
use crate::cli::{input, show};
use crate::domain::directory::attributes::{AttributeMap, UniqueIdKind};
use crate::domain::directory::{Directory, Server};
use crate::domain::dn::Dn;
use crate::domain::secret::Password;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Set {
    /// The directory's name
    name: String,
    /// Its servers, in order of preference, instead of those it has; may be repeated. A new host, port or transport
    /// needs the bind password anew
    #[arg(long = "server", value_name = "URL", value_parser = input::server)]
    servers: Vec<Server>,
    /// Encrypt ldap:// servers with StartTLS; this is the default for them
    #[arg(long, requires = "servers", conflicts_with = "allow_plaintext")]
    start_tls: bool,
    /// Send passwords to ldap:// servers without encryption
    #[arg(long, requires = "servers")]
    allow_plaintext: bool,
    /// Where people and groups are
    #[arg(long, value_name = "DN", value_parser = input::dn)]
    base_dn: Option<Dn>,
    /// The account we search with
    #[arg(long, value_name = "DN", requires = "bind_password_file")]
    bind_dn: Option<String>,
    /// File with that account's password, or - for standard input
    #[arg(long, value_name = "FILE")]
    bind_password_file: Option<PathBuf>,
    /// PEM file with the CA certificates to trust; needs the bind password anew
    #[arg(long, value_name = "FILE", conflicts_with = "system_cas")]
    ca_file: Option<PathBuf>,
    /// Trust the system's CA certificates again; needs the bind password anew
    #[arg(long)]
    system_cas: bool,
    /// The NetBIOS name in DOMAIN\user (ad)
    #[arg(long, value_name = "NETBIOS", value_parser = input::label)]
    domain: Option<String>,
    /// How long connecting to a server may take
    #[arg(long, value_name = "SPAN", value_parser = input::span)]
    connect_timeout: Option<Duration>,
    /// How long a server may take to answer
    #[arg(long, value_name = "SPAN", value_parser = input::span)]
    operation_timeout: Option<Duration>,
    /// Take the preset's attributes, filters and country code again before the other options are applied
    #[arg(long)]
    restore_defaults: bool,
    #[command(flatten)]
    schema: Schema,
}

impl Set {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let before = world.directory(&self.name).await?;
        let has_new_password = self.bind_password_file.is_some();
        let after = self.settings(&before)?;
        if after.needs_password_anew(&before) && !after.bind_dn.is_empty() && !has_new_password {
            return Err(Failure::input(
                "a new host, port, transport or CA may be somebody else's, and would be given the stored bind password; \
                 enter it anew with --bind-password-file",
            ));
        }
        let is_other_id = after.unique_id_attribute() != before.unique_id_attribute()
            || after.unique_id_kind() != before.unique_id_kind();
        if is_other_id && world.store.has_users(before.id).await? {
            return Err(Failure::No(format!(
                "users of {} are known by their {}; with another unique id nobody would be known any more",
                before.name,
                before.unique_id_attribute()
            )));
        }
        world.ask(after.clone()).map_err(|fault| Failure::Input(fault.to_string()))?;
        let changes = changes(&before, &after, has_new_password);
        if changes.is_empty() {
            return show::line(format_args!("Directory {} stays as it is.", before.name));
        }
        if !world.store.change_directory(&after, changes.clone(), &world.actor).await? {
            return Err(Failure::No(format!("directory {} has just been removed", before.name)));
        }
        for change in changes {
            show::line(show::safe(&change))?;
        }
        show::line(format_args!("Directory {0} changed. Try it: vestibule directory test {0}", before.name))
    }

    fn settings(self, before: &Directory) -> Result<Directory, Failure> {
        let mut after = before.clone();
        if !self.servers.is_empty() {
            after.servers = transports(self.servers, self.start_tls, self.allow_plaintext)?;
        }
        if let Some(base) = self.base_dn {
            after.base_dn = base.to_string();
        }
        if let Some(bind_dn) = self.bind_dn {
            after.bind_dn = checked_bind_dn(bind_dn, after.kind)?;
        }
        if let Some(file) = self.bind_password_file {
            if after.bind_dn.is_empty() {
                return Err(Failure::input("searches are anonymous; name the account as well, with --bind-dn"));
            }
            after.bind_password = Password::new(input::secret(&file)?.as_slice());
        }
        if let Some(file) = self.ca_file {
            after.ca_pem = Some(read_ca(&file)?);
        } else if self.system_cas {
            after.ca_pem = None;
        }
        after.domain = self.domain.or(after.domain);
        after.connect_timeout = self.connect_timeout.unwrap_or(after.connect_timeout);
        after.operation_timeout = self.operation_timeout.unwrap_or(after.operation_timeout);
        timeouts_fit(&after)?;
        if self.restore_defaults {
            after.attributes = AttributeMap::default();
        }
        self.schema.apply(&mut after)?;
        Ok(after)
    }
}

/// What differs, a line each, for people and for the audit trail.
fn changes(before: &Directory, after: &Directory, has_new_password: bool) -> Vec<String> {
    let old: BTreeMap<String, String> = settings(before).into_iter().collect();
    let new: BTreeMap<String, String> = settings(after).into_iter().collect();
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &BTreeMap<String, String>, name: &String| of.get(name).cloned().unwrap_or_default();
    let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    let mut changes: Vec<String> =
        differing.map(|name| format!("{name}: {} -> {}", value(&old, name), value(&new, name))).collect();
    if before.ca_pem != after.ca_pem && before.ca_pem.is_some() == after.ca_pem.is_some() {
        changes.push("trusted authorities: other certificates".to_owned());
    }
    if has_new_password {
        changes.push("bind password: entered anew".to_owned());
    }
    changes
}

/// Every setting with its value, none of them secret.
fn settings(directory: &Directory) -> Vec<(String, String)> {
    let servers = directory.servers.iter().map(|server| format!("{server} ({})", transport_text(server.transport)));
    let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    let mut settings = vec![
        ("servers", servers.collect::<Vec<_>>().join(", ")),
        ("base", directory.base_dn.clone()),
        ("bind account", or(&directory.bind_dn, "none: anonymous")),
        ("trusted authorities", if directory.ca_pem.is_some() { "its own" } else { "the system's" }.to_owned()),
        ("domain", or(directory.domain.as_deref().unwrap_or_default(), "-")),
        ("connect time-out", format!("{:?}", directory.connect_timeout)),
        ("operation time-out", format!("{:?}", directory.operation_timeout)),
        ("page size", directory.page_size.get().to_string()),
        ("country code", directory.attributes.country.map_or_else(|| "-".to_owned(), |code| code.to_string())),
        ("people filter", directory.people_filter().to_owned()),
        ("group filter", directory.group_filter().to_owned()),
        ("unique id kind", id_kind_text(directory.unique_id_kind()).to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect::<Vec<_>>();
    let fields = directory.attributes.fields(directory.kind);
    settings.extend(fields.into_iter().map(|(field, names)| (field.to_string(), or(&names.join(", "), "-"))));
    settings
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    kind: &'static str,
    servers: &'a [Server],
    base_dn: &'a str,
    bind_dn: &'a str,
    ca_pem: Option<&'a str>,
    domain: Option<&'a str>,
    connect_timeout_ms: u128,
    operation_timeout_ms: u128,
    page_size: u16,
    country_code: Option<u16>,
    people_filter: &'a str,
    group_filter: &'a str,
    unique_id_kind: UniqueIdKind,
    attributes: BTreeMap<String, Vec<&'a str>>,
}

pub async fn show(world: &World, name: &str, json: bool) -> Result<(), Failure> {
    let directory = world.directory(name).await?;
    if !json {
        let settings = settings(&directory);
        let mut facts = vec![("name", directory.name.clone()), ("kind", kind_text(directory.kind).to_owned())];
        facts.extend(settings.iter().map(|(name, value)| (name.as_str(), value.clone())));
        return show::facts(&facts);
    }
    let fields = directory.attributes.fields(directory.kind);
    show::json(&Shown {
        name: &directory.name,
        kind: kind_text(directory.kind),
        servers: &directory.servers,
        base_dn: &directory.base_dn,
        bind_dn: &directory.bind_dn,
        ca_pem: directory.ca_pem.as_deref(),
        domain: directory.domain.as_deref(),
        connect_timeout_ms: directory.connect_timeout.as_millis(),
        operation_timeout_ms: directory.operation_timeout.as_millis(),
        page_size: directory.page_size.get(),
        country_code: directory.attributes.country.map(u16::from),
        people_filter: directory.people_filter(),
        group_filter: directory.group_filter(),
        unique_id_kind: directory.unique_id_kind(),
        attributes: fields.into_iter().map(|(field, names)| (field.to_string(), names)).collect(),
    })
}

fn id_kind_text(kind: UniqueIdKind) -> &'static str {
    match kind {
        UniqueIdKind::Guid => "guid",
        UniqueIdKind::Uuid => "uuid",
        UniqueIdKind::Text => "text",
    }
}
