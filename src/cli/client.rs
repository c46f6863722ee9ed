//! `vestibule client`: the gateways that may ask, and the rules they ask under.

mod preset;
mod preview;
mod radius;
mod reply;

use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use serde::Serialize;

use super::failure::Failure;
use super::world::World;
use super::{input, show};
use crate::domain::client::{Client, CodeForm, ServiceAccount, ServiceAccounts, UserMatch};
use crate::domain::directory::Directory;
use crate::domain::dn::Dn;
use crate::domain::factor::Factor;
use crate::domain::gateway::Product;
use crate::domain::ids::ClientId;
use crate::store::clients::user_match_text;
use preset::Preset;

#[derive(Subcommand)]
pub enum Command {
    /// Let a gateway ask us to sign people in
    #[command(after_help = ADD_EXAMPLE)]
    Add(Box<Add>),
    /// Show the clients
    List {
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Show one client and its rules
    Show {
        /// The client's name
        name: String,
        /// Print JSON: one object
        #[arg(long)]
        json: bool,
    },
    /// Turn a gateway away: its connections are closed, and its waiting approval requests can no longer be answered
    Remove {
        /// The client's name
        name: String,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
    /// Say how the user portal of a directory lets people in
    Portal {
        /// The portal's name, as `client list` shows it
        name: String,
        /// May people who never had a factor come in on their password alone, to enrol a first one?
        #[arg(long, value_name = "yes|no", value_enum)]
        first_enrolment: YesNo,
    },
    /// What a RADIUS client's Access-Accepts carry, and for whom
    #[command(subcommand)]
    Reply(reply::Command),
    /// Show what an Access-Accept would carry for somebody, and why
    Preview(preview::Preview),
}

const ADD_EXAMPLE: &str = "\
Example: a NetScaler that searches as cn=ns and signs people in with a code or an approval:
  vestibule client add netscaler --address 10.0.0.5 --address 10.0.0.6 --directory corp \\
    --service-account cn=ns,ou=service,dc=corp,dc=example --factors totp,app --bare-approval --answer-by 25s --grace 5s";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    Yes,
    No,
}

/// What becomes of people we do not know, or who have no factor yet.
#[derive(Clone, Copy, ValueEnum)]
enum Match {
    /// They stay out
    Refuse,
    /// Their password is enough until a first factor is enrolled
    PasswordOnly,
    /// They stay out, and the record says that enrolment is due
    MustEnrol,
}

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Add {
    /// What to call it: letters, digits, dots, dashes, underscores
    #[arg(value_parser = input::label)]
    name: String,
    /// An address or network it speaks from; may be repeated
    #[arg(long = "address", value_name = "CIDR", required = true, num_args = 1.., value_parser = input::network)]
    addresses: Vec<IpNet>,
    /// The directory its people are in
    #[arg(long, value_name = "NAME")]
    directory: String,
    /// The product it is, as `gateway list` names them: sets what fits it unless you say otherwise, and says what to set on it
    #[arg(long, value_name = "PRODUCT", value_parser = preset::product)]
    gateway: Option<&'static Product>,
    /// Clients of one group share prompts and grace; without it the client is a group of its own
    #[arg(long, value_name = "NAME", value_parser = input::label)]
    group: Option<String>,
    /// An account that needs no second factor, perhaps only from some sources; may be repeated
    #[arg(long = "service-account", value_name = "DN[@CIDR,..]", value_parser = exemption)]
    service_accounts: Vec<(Dn, Vec<IpNet>)>,
    /// The same for every account below an entry
    #[arg(long = "service-subtree", value_name = "DN[@CIDR,..]", value_parser = exemption)]
    service_subtrees: Vec<(Dn, Vec<IpNet>)>,
    /// The same for the members of a group
    #[arg(long = "service-group", value_name = "DN[@CIDR,..]", value_parser = exemption)]
    service_groups: Vec<(Dn, Vec<IpNet>)>,
    /// What may serve as the second factor: app, totp, hotp, recovery-code, bypass
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "app,totp,hotp,recovery-code,bypass")]
    factors: Vec<Factor>,
    /// Accept an approval without a number to match; a gateway without a screen can do no other
    #[arg(long)]
    bare_approval: bool,
    /// We answer within this time; keep it below the gateway's own time-out. Without it what fits --gateway, else
    /// sign_in.answer_by
    #[arg(long, value_name = "SPAN", value_parser = input::span)]
    answer_by: Option<Duration>,
    /// How long a success serves the same sign-in again: 0s to 60s. Without it what fits --gateway, else 0s
    #[arg(long, value_name = "SPAN", value_parser = input::span)]
    grace: Option<Duration>,
    /// What becomes of people we do not know, or who have no factor yet
    #[arg(long, value_enum, value_name = "RULE", default_value = "refuse")]
    user_match: Match,
    /// A source from which the password is enough; may be repeated
    #[arg(long = "trusted-network", value_name = "CIDR", value_parser = input::network)]
    trusted_networks: Vec<IpNet>,
    /// What stands between password and code, as in `secret,123456`
    #[arg(long, value_name = "C", default_value = ",", value_parser = delimiter)]
    delimiter: char,
    /// Take no code behind a delimiter
    #[arg(long, conflicts_with = "delimiter")]
    no_delimiter: bool,
    /// Also take this many digits at the end of the password field as a code: 6, 7 or 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(6..=8))]
    code_length: Option<u8>,
    /// Take passwords over connections without TLS
    #[arg(long)]
    allow_plaintext: bool,
    /// Relay requests that come without a bind
    #[arg(long)]
    allow_anonymous: bool,
    /// Do not let the root DSE be read without a bind; health probes do
    #[arg(long)]
    no_root_dse: bool,
    /// Relay Compare requests about passwords, which test a password without a second factor
    #[arg(long)]
    allow_password_compare: bool,
    #[command(flatten)]
    radius: radius::Options,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { json } => list(world, json).await,
            Self::Show { name, json } => show_one(world, &name, json).await,
            Self::Remove { name, yes } => remove(world, &name, yes).await,
            Self::Portal { name, first_enrolment } => portal(world, &name, first_enrolment == YesNo::Yes).await,
            Self::Reply(command) => command.run(world).await,
            Self::Preview(preview) => preview.run(world).await,
        }
    }
}

impl Add {
    async fn run(mut self, world: &World) -> Result<(), Failure> {
        let directory = world.directory(&self.directory).await?;
        let preset = self.preset()?;
        let explicit_app = self.factors.first() == Some(&Factor::App);
        let (client, generated) = self.client(world, &directory)?;
        radius::check_upstreams(world, client.radius.as_ref()).await?;
        for other in world.store.clients().await? {
            refuse_ambiguity(&client, &other)?;
        }
        match world.store.add_client(&client, &world.actor).await {
            Err(fault) if fault.is_duplicate() => {
                return Err(Failure::Input(format!(
                    "there is a client {:?} already; choose another name",
                    client.name
                )));
            }
            added => added?,
        }
        let shows_numbers = client.radius.as_ref().is_some_and(|radius| radius.dialogs);
        if explicit_app && !client.bare_approval && !shows_numbers {
            show::note(
                "Approvals are not asked for where no number can be shown (LDAP, RADIUS without --dialogs), unless \
                 --bare-approval is given.",
            );
        }
        if let Some(preset) = preset {
            preset.advise(&client);
        }
        if client.allow_plaintext {
            show::note("Passwords may come from this client without encryption.");
        }
        if let Some(secret) = generated {
            show::note("The shared secret is shown this once; set it on the gateway:");
            show::line(format_args!("{secret}"))?;
        }
        show::line(format_args!("Client {} added.", client.name))
    }

    /// Fills in what fits the product.
    fn preset(&mut self) -> Result<Option<Preset>, Failure> {
        let Some(product) = self.gateway else { return Ok(None) };
        let preset = Preset::new(product, self.radius.has_secret())?;
        self.answer_by.get_or_insert(preset.side.answer_by());
        self.grace.get_or_insert(preset.side.grace());
        self.radius.dialogs_unless_said(preset.dialogs());
        Ok(Some(preset))
    }

    /// The client, and its new shared secret if one was made.
    fn client(self, world: &World, directory: &Directory) -> Result<(Client, Option<String>), Failure> {
        let answer_by = self.answer_by.unwrap_or(world.config.sign_in.answer_by);
        if !(Duration::from_secs(1)..=Duration::from_mins(10)).contains(&answer_by) {
            return Err(Failure::input("--answer-by must be between 1s and 10m"));
        }
        let grace = self.grace.unwrap_or_default();
        if grace > Duration::from_mins(1) {
            return Err(Failure::input("--grace must be between 0s and 60s"));
        }
        let mut factors: Vec<Factor> = vec![];
        for factor in self.factors {
            if factor == Factor::Passkey {
                return Err(Failure::input(
                    "--factors: a passkey needs a browser on the portal's own pages; no gateway can ask for one",
                ));
            }
            if factors.contains(&factor) {
                return Err(Failure::Input(format!("--factors names {factor} twice; name it once")));
            }
            factors.push(factor);
        }
        let mut service_accounts = vec![];
        let mut exempt = |(dn, from): (Dn, Vec<IpNet>), who: fn(Dn) -> ServiceAccounts| {
            service_accounts.push(ServiceAccount { who: who(dn), from });
        };
        self.service_accounts.into_iter().for_each(|rule| exempt(rule, ServiceAccounts::Exact));
        let base = Dn::parse(&directory.base_dn).map_err(|fault| Failure::Fault(fault.to_string()))?;
        for rule in self.service_subtrees {
            if base.is_under(&rule.0) {
                return Err(Failure::Input(format!(
                    "--service-subtree {} holds the whole directory, so nobody would need a second factor; name a part \
                     of it",
                    rule.0
                )));
            }
            exempt(rule, ServiceAccounts::Subtree);
        }
        self.service_groups.into_iter().for_each(|rule| exempt(rule, |dn| ServiceAccounts::Group(dn.to_string())));
        let (radius, generated) = self.radius.policy(world)?.unzip();
        let client = Client {
            id: ClientId(world.ambient.id()),
            group: self.group.unwrap_or_else(|| self.name.clone()),
            name: self.name,
            directory: directory.id,
            addresses: distinct(self.addresses),
            user_match: match self.user_match {
                Match::Refuse => UserMatch::Refuse,
                Match::PasswordOnly => UserMatch::PasswordOnly,
                Match::MustEnrol => UserMatch::MustEnrol,
            },
            factors,
            bare_approval: self.bare_approval,
            answer_by,
            grace,
            trusted_networks: distinct(self.trusted_networks),
            service_accounts,
            code_form: CodeForm {
                delimiter: (!self.no_delimiter).then_some(self.delimiter),
                fixed_length: self.code_length,
            },
            allow_plaintext: self.allow_plaintext,
            allow_anonymous: self.allow_anonymous,
            allow_root_dse: !self.no_root_dse,
            allow_password_compare: self.allow_password_compare,
            portal: false,
            first_enrolment: false,
            radius,
        };
        Ok((client, generated.flatten()))
    }
}

/// A request must belong to one client: by its address, or where both speak RADIUS alone, by their NAS-Identifiers.
fn refuse_ambiguity(client: &Client, other: &Client) -> Result<(), Failure> {
    let Some(shared) = client.addresses.iter().find(|address| other.addresses.contains(address)) else { return Ok(()) };
    let identifier = |client: &Client| client.radius.as_ref().and_then(|radius| radius.nas_identifier.clone());
    match (identifier(client), identifier(other)) {
        (Some(ours), Some(theirs)) if ours != theirs => Ok(()),
        _ => Err(Failure::Input(format!(
            "{shared} is client {}'s already; a source speaks for one client, unless each has a --nas-identifier of its own",
            other.name
        ))),
    }
}

fn distinct(mut nets: Vec<IpNet>) -> Vec<IpNet> {
    nets.sort_unstable();
    nets.dedup();
    nets
}

/// A DN, and behind its last `@` perhaps the sources it may come from. An `@` may also stand within the DN, so what
/// follows counts as sources only if it looks like addresses; then it must be right.
fn exemption(text: &str) -> Result<(Dn, Vec<IpNet>), String> {
    let sources = text.rsplit_once('@').filter(|(_, tail)| looks_like_addresses(tail));
    let Some((dn, sources)) = sources else { return Ok((input::dn(text)?, vec![])) };
    let sources = sources.split(',').map(|source| input::network(source.trim())).collect::<Result<_, _>>()?;
    Ok((input::dn(dn)?, sources))
}

fn looks_like_addresses(tail: &str) -> bool {
    let first = tail.split(',').next().unwrap_or_default();
    let alphabet = |letter: char| letter.is_ascii_hexdigit() || matches!(letter, '.' | ':' | '/' | ',' | ' ');
    let telling = first.contains([':', '/']) || first.starts_with(|letter: char| letter.is_ascii_digit());
    tail.chars().all(alphabet) && (telling || first.parse::<IpAddr>().is_ok())
}

fn delimiter(text: &str) -> Result<char, String> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if !letter.is_alphanumeric() && !letter.is_control() && letter != '-' => Ok(letter),
        _ => Err("write one character that is neither letter, digit nor dash".to_owned()),
    }
}

/// A client as scripts see it.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
struct Shown {
    name: String,
    group: String,
    directory: String,
    addresses: Vec<IpNet>,
    user_match: &'static str,
    factors: Vec<&'static str>,
    bare_approval: bool,
    answer_by_ms: u128,
    grace_ms: u128,
    trusted_networks: Vec<IpNet>,
    service_accounts: Vec<ShownExemption>,
    code_delimiter: Option<char>,
    code_length: Option<u8>,
    allow_plaintext: bool,
    allow_anonymous: bool,
    allow_root_dse: bool,
    allow_password_compare: bool,
    portal: bool,
    first_enrolment: bool,
    radius: Option<radius::Shown>,
}

#[derive(Serialize)]
struct ShownExemption {
    kind: &'static str,
    dn: String,
    from: Vec<IpNet>,
}

impl Shown {
    fn new(client: Client, directories: &[Directory]) -> Self {
        let directory = directories.iter().find(|directory| directory.id == client.directory);
        let exemption = |account: ServiceAccount| {
            let (kind, dn) = match account.who {
                ServiceAccounts::Exact(dn) => ("account", dn.to_string()),
                ServiceAccounts::Subtree(dn) => ("subtree", dn.to_string()),
                ServiceAccounts::Group(dn) => ("group", dn),
            };
            ShownExemption { kind, dn, from: account.from }
        };
        Self {
            name: client.name,
            group: client.group,
            directory: directory.map(|directory| directory.name.clone()).unwrap_or_default(),
            addresses: client.addresses,
            user_match: user_match_text(client.user_match),
            factors: client.factors.into_iter().map(Factor::as_str).collect(),
            bare_approval: client.bare_approval,
            answer_by_ms: client.answer_by.as_millis(),
            grace_ms: client.grace.as_millis(),
            trusted_networks: client.trusted_networks,
            service_accounts: client.service_accounts.into_iter().map(exemption).collect(),
            code_delimiter: client.code_form.delimiter,
            code_length: client.code_form.fixed_length,
            allow_plaintext: client.allow_plaintext,
            allow_anonymous: client.allow_anonymous,
            allow_root_dse: client.allow_root_dse,
            allow_password_compare: client.allow_password_compare,
            portal: client.portal,
            first_enrolment: client.first_enrolment,
            radius: client.radius.map(radius::Shown::new),
        }
    }
}

async fn shown(world: &World) -> Result<Vec<Shown>, Failure> {
    let directories = world.store.directories().await?;
    Ok(world.store.clients().await?.into_iter().map(|client| Shown::new(client, &directories)).collect())
}

fn listed(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let clients = shown(world).await?;
    if json {
        return show::json(&clients);
    }
    let row = |client: &Shown| {
        [
            client.name.clone(),
            client.directory.clone(),
            if client.portal { "(user portal)".to_owned() } else { listed(&client.addresses) },
            client.factors.join(", "),
            client.user_match.to_owned(),
        ]
    };
    let rows: Vec<_> = clients.iter().map(row).collect();
    show::table(["name", "directory", "addresses", "factors", "unknown users"], &rows)
}

async fn show_one(world: &World, name: &str, json: bool) -> Result<(), Failure> {
    let client = shown(world).await?.into_iter().find(|client| client.name == name).ok_or_else(|| unknown(name))?;
    if json {
        return show::json(&client);
    }
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let accounts = client.service_accounts.iter().map(|account| {
        let from = if account.from.is_empty() { String::new() } else { format!(" from {}", listed(&account.from)) };
        format!("{} {}{from}", account.kind, account.dn)
    });
    let mut facts = vec![
        ("name", client.name.clone()),
        ("group", client.group.clone()),
        ("directory", client.directory.clone()),
        ("addresses", listed(&client.addresses)),
        ("factors", client.factors.join(", ")),
        ("bare approval", yes(client.bare_approval)),
        ("unknown users", client.user_match.to_owned()),
        ("answer by", format!("{:?}", Duration::from_millis(u64::try_from(client.answer_by_ms).unwrap_or(u64::MAX)))),
        ("grace", format!("{:?}", Duration::from_millis(u64::try_from(client.grace_ms).unwrap_or(u64::MAX)))),
        ("trusted networks", listed(&client.trusted_networks)),
        ("code delimiter", client.code_delimiter.map(String::from).unwrap_or_default()),
        ("code length", client.code_length.map(|length| length.to_string()).unwrap_or_default()),
        ("plaintext", yes(client.allow_plaintext)),
        ("anonymous", yes(client.allow_anonymous)),
        ("root DSE", yes(client.allow_root_dse)),
        ("password compare", yes(client.allow_password_compare)),
    ];
    facts.extend(accounts.map(|account| ("service account", account)));
    if client.portal {
        facts.push(("user portal", yes(true)));
        facts.push(("first enrolment by password", yes(client.first_enrolment)));
    }
    facts.push(("RADIUS", yes(client.radius.is_some())));
    facts.extend(client.radius.iter().flat_map(radius::Shown::facts));
    show::facts(&facts)
}

async fn remove(world: &World, name: &str, yes: bool) -> Result<(), Failure> {
    if !yes {
        return Err(Failure::Input(format!("client {name} could then sign nobody in; add --yes")));
    }
    if shown(world).await?.iter().any(|client| client.portal && client.name == name) {
        return Err(Failure::Input(format!(
            "{name} is the user portal of a directory, and stays as long as the directory"
        )));
    }
    if world.store.remove_client(name, &world.actor).await? {
        return show::line(format_args!("Client {name} is removed."));
    }
    Err(unknown(name))
}

async fn portal(world: &World, name: &str, first_enrolment: bool) -> Result<(), Failure> {
    if !world.store.set_first_enrolment(name, first_enrolment, &world.actor).await? {
        return Err(Failure::No(format!("{name:?} is no user portal; `vestibule client list` marks those there are")));
    }
    show::line(format_args!(
        "{name}: people who never had a factor {} on their password alone.",
        if first_enrolment { "enrol the first one" } else { "do not come in" }
    ))
}

fn unknown(name: &str) -> Failure {
    Failure::No(format!("there is no client {name:?}; `vestibule client list` shows those there are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_may_be_bound_to_sources_behind_an_at_sign() {
        let read = |text: &str| exemption(text).map(|(dn, from)| (dn.to_string(), listed(&from)));
        let rule = |dn: &str, from: &str| Ok((dn.to_owned(), from.to_owned()));
        assert_eq!(read("cn=svc,dc=x"), rule("cn=svc,dc=x", ""));
        assert_eq!(read("cn=svc,dc=x@10.0.0.5"), rule("cn=svc,dc=x", "10.0.0.5/32"));
        assert_eq!(read("cn=svc,dc=x@10.0.0.0/24, 2001:db8::/32"), rule("cn=svc,dc=x", "10.0.0.0/24, 2001:db8::/32"));
        assert_eq!(read("mail=a@b.c,dc=x"), rule("mail=a@b.c,dc=x", ""), "an @ within the DN");
        assert_eq!(read("dc=x,mail=svc@abc.de"), rule("dc=x,mail=svc@abc.de", ""));
        assert_eq!(read("mail=a@b.c,dc=x@::1"), rule("mail=a@b.c,dc=x", "::1/128"));
        assert!(
            read("cn=svc,dc=x@10.0.0.5/24").unwrap_err().contains("10.0.0.0/24"),
            "a wrong source is no part of a DN"
        );
        assert!(read("cn=svc;dc@10.0.0.5").unwrap_err().contains("at byte"), "the DN says where");
        assert!(read("").is_err());
    }

    #[test]
    fn a_delimiter_is_one_character_that_no_code_holds() {
        assert_eq!(delimiter(","), Ok(','));
        assert_eq!(delimiter("§"), Ok('§'));
        for refused in ["", "::", "1", "x", "-", "\n"] {
            assert!(delimiter(refused).is_err(), "{refused:?}");
        }
    }
}
