//! `vestibule mail`: the mail server, and what waits to be handed to it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::directory::read_ca;
use super::failure::Failure;
use super::world::World;
use super::{input, show};
use crate::domain::ids::MailId;
use crate::domain::mail::notice::{By, Notice, What};
use crate::domain::mail::server::{Login, MailServer, Security};
use crate::domain::mail::{Address, plain};
use crate::domain::secret::Password;
use crate::flows::mail::{TestStep, test};
use crate::telemetry::shown;
use crate::words::Locale;

#[derive(Subcommand)]
pub enum Command {
    /// Say which mail server takes our mail; without one none is sent
    #[command(after_help = SET_EXAMPLE)]
    Set(Set),
    /// Show the mail server and how the outbox stands
    Show {
        /// Print JSON: one object
        #[arg(long)]
        json: bool,
    },
    /// Send a mail at once and say how each step went: exit code 0 if the server took it, else 1
    Test {
        /// Who gets it
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// In which language: en, de, nl, fr, es
        #[arg(long, value_name = "TAG", default_value = "en", value_parser = locale)]
        language: Locale,
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Show the mails that wait, never what is in them
    Queue {
        /// Those given up in the last seven days instead
        #[arg(long)]
        failed: bool,
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Try again at once, be it waiting or given up
    Retry {
        /// The mail; `mail queue` shows its id
        #[arg(required_unless_present = "all")]
        id: Option<MailId>,
        /// All of them
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Forget the mail server and its password; no mail is sent from then on
    Remove {
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
}

const SET_EXAMPLE: &str = "\
Example, and whether it works:
  vestibule mail set --host mail.corp.example --user vestibule --password-file /run/secrets/mail \\
    --from mfa@corp.example --from-name 'Corp sign-in'
  vestibule mail test anna@corp.example";

#[derive(Args)]
pub struct Set {
    /// The mail server: a host name or address; with TLS the name its certificate has
    #[arg(long, value_parser = host)]
    host: String,
    /// Its port; without it 587, with --security tls 465, with none 25
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How the connection is secured; the certificate is always checked
    #[arg(long, value_enum, default_value_t = Secured::Starttls)]
    security: Secured,
    /// Our account at the mail server
    #[arg(long, value_name = "NAME", requires = "password_file", value_parser = input::words)]
    user: Option<String>,
    /// Its password: a file, or - for standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// The address our mail comes from
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse)]
    from: Address,
    /// The name shown before it
    #[arg(long, value_name = "TEXT", value_parser = input::words)]
    from_name: Option<String>,
    /// Where answers go, if not to that address
    #[arg(long, value_name = "ADDRESS", value_parser = Address::parse)]
    reply_to: Option<Address>,
    /// PEM file with the CA certificates to trust for this server, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// What we call ourselves to the server (EHLO); without it `hostname` of the configuration
    #[arg(long, value_name = "NAME", value_parser = host)]
    ehlo: Option<String>,
    /// How long each step waits: 1s to 5m
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = input::span)]
    timeout: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
enum Secured {
    /// TLS from the first byte on
    Tls,
    /// STARTTLS, without which nothing is sent
    Starttls,
    /// Nothing: for a server on this machine; no password is sent
    None,
}

/// What stands in commands to the server must not end a line.
fn host(text: &str) -> Result<String, String> {
    let odd = |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '.' | ':');
    if text.is_empty() || text.len() > 253 || text.contains(odd) {
        return Err("write a host name or an address".to_owned());
    }
    if text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_err() {
        return Err("write a host name or an address; a port has an option of its own".to_owned());
    }
    Ok(text.to_owned())
}

fn locale(text: &str) -> Result<Locale, String> {
    Locale::from_tag(text).ok_or_else(|| "there are texts in en, de, nl, fr and es".to_owned())
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Set(set) => set.run(world).await,
            Self::Show { json } => show_server(world, json).await,
            Self::Test { address, language, json } => try_out(world, &address, language, json).await,
            Self::Queue { failed, json } => queue(world, failed, json).await,
            Self::Retry { id, all: _ } => retry(world, id).await,
            Self::Remove { yes } => remove(world, yes).await,
        }
    }
}

impl Set {
    async fn run(self, world: &World) -> Result<(), Failure> {
        if !(Duration::from_secs(1)..=Duration::from_mins(5)).contains(&self.timeout) {
            return Err(Failure::input("--timeout must be between 1s and 5m"));
        }
        let security = match self.security {
            Secured::Tls => Security::Tls,
            Secured::Starttls => Security::StartTls,
            Secured::None => Security::None,
        };
        if security == Security::None {
            if self.user.is_some() {
                return Err(Failure::input("a password is not sent without TLS; leave out --user, or --security none"));
            }
            show::note("Mail without TLS can be read and changed on the way: links in it let in whoever has them.");
        }
        let login = match (self.user, &self.password_file) {
            (Some(user), Some(file)) => {
                let password = Password::new(input::secret_text(file)?.as_bytes());
                Some(Login { user, password })
            }
            _ => None,
        };
        let server = MailServer {
            host: self.host,
            port: self.port.unwrap_or(security.usual_port()),
            security,
            login,
            from: self.from,
            from_name: self.from_name.map(|name| plain(&name)),
            reply_to: self.reply_to,
            ca_pem: self.ca_file.map(|file| read_ca(&file)).transpose()?,
            ehlo: self.ehlo.unwrap_or_else(|| world.config.hostname.clone()),
            timeout: self.timeout,
        };
        world.store.set_mail_server(&server, &world.actor).await?;
        show::line(format_args!("Mail goes to {}; `vestibule mail test ADDRESS` tries it.", server.address()))
    }
}

/// The server as scripts see it; never its password.
#[derive(Serialize)]
struct Shown {
    host: String,
    port: u16,
    security: &'static str,
    user: Option<String>,
    from: String,
    from_name: Option<String>,
    reply_to: Option<String>,
    own_ca: bool,
    ehlo: String,
    timeout_ms: u128,
    waiting: u64,
    late: u64,
    failed: u64,
}

async fn show_server(world: &World, json: bool) -> Result<(), Failure> {
    let standing = world.store.outbox_standing().await?;
    let Some(server) = world.store.mail_server().await? else {
        return Err(Failure::no("there is no mail server, and no mail is sent; `vestibule mail set` makes one known"));
    };
    if json {
        return show::json(&Shown {
            security: server.security.as_str(),
            user: server.login.map(|login| login.user),
            from: server.from.to_string(),
            from_name: server.from_name,
            reply_to: server.reply_to.map(|address| address.to_string()),
            own_ca: server.ca_pem.is_some(),
            timeout_ms: server.timeout.as_millis(),
            host: server.host,
            port: server.port,
            ehlo: server.ehlo,
            waiting: standing.waiting,
            late: standing.late,
            failed: standing.failed,
        });
    }
    let mut facts = vec![("server", server.address()), ("security", server.security.as_str().to_owned())];
    facts.extend(server.login.map(|login| ("user", login.user)));
    let from = match &server.from_name {
        Some(name) => format!("{name} <{}>", server.from),
        None => server.from.to_string(),
    };
    facts.push(("from", from));
    facts.extend(server.reply_to.map(|address| ("reply to", address.to_string())));
    facts.extend(server.ca_pem.map(|_| ("believed", "a CA of its own".to_owned())));
    facts.push(("we are", server.ehlo));
    facts.push(("timeout", format!("{:?}", server.timeout)));
    facts.push(("waiting", format!("{}, {} of them tried in vain", standing.waiting, standing.late)));
    facts.push(("given up", standing.failed.to_string()));
    show::facts(&facts)
}

/// One step of a test as scripts see it.
#[derive(Serialize)]
struct Tried {
    step: &'static str,
    works: bool,
    /// What was seen, or what is wrong.
    result: String,
}

async fn try_out(world: &World, to: &Address, language: Locale, json: bool) -> Result<(), Failure> {
    let Some(server) = world.store.mail_server().await? else {
        return Err(Failure::no("there is no mail server yet; make one known with `vestibule mail set`"));
    };
    let portal = world.config.public_url().ok_or_else(|| Failure::input("set web.public_url"))?;
    let notice = Notice::new(What::Test, world.ambient.now(), By::Administrator);
    let steps = test(&server, to, &notice, language, &portal, &world.ambient).await;
    let tried = steps.into_iter().map(|TestStep { name, outcome }| Tried {
        step: name,
        works: outcome.is_ok(),
        result: outcome.unwrap_or_else(|fault| fault),
    });
    let tried: Vec<Tried> = tried.collect();
    let works = tried.iter().all(|step| step.works);
    if json {
        show::json(&tried)?;
    } else {
        for Tried { step, works, result } in &tried {
            let verdict = if *works { "ok    " } else { "FAILED" };
            show::line(format_args!("{step:8}  {verdict}  {}", show::safe(result)))?;
        }
    }
    if works { Ok(()) } else { Err(Failure::SaidNo) }
}

async fn queue(world: &World, failed: bool, json: bool) -> Result<(), Failure> {
    let mails = world.store.outbox(failed).await?;
    if json {
        return show::json(&mails);
    }
    let rows = mails.into_iter().map(|mail| {
        let next = mail.next_try_at.map(|at| format!(", next {}", show::time(at))).unwrap_or_default();
        [
            mail.id.to_string(),
            mail.kind,
            mail.to,
            show::time(mail.queued_at),
            format!("{} (tries: {}{next})", mail.status, mail.tries),
            mail.last_error.unwrap_or_default(),
        ]
    });
    show::table(["id", "kind", "to", "queued", "status", "last error"], &rows.collect::<Vec<_>>())
}

async fn retry(world: &World, id: Option<MailId>) -> Result<(), Failure> {
    match (world.store.retry_mail(id).await?, id) {
        (0, Some(id)) => Err(Failure::No(format!(
            "there is no mail {id} that waits or was given up, or what is in it is of no use any more"
        ))),
        (0, None) => Err(Failure::no("no mail waits, and none was given up")),
        (count, _) => show::line(format_args!("{count} mails are tried again at once, if an appliance runs.")),
    }
}

async fn remove(world: &World, yes: bool) -> Result<(), Failure> {
    if !yes {
        return Err(Failure::input("this forgets the mail server and its password; add --yes"));
    }
    if !world.store.remove_mail_server(&world.actor).await? {
        return Err(Failure::no("there is no mail server"));
    }
    let waiting = world.store.outbox_standing().await?.waiting;
    if waiting > 0 {
        show::note(format_args!(
            "{waiting} mails still wait; each is given up a day after it was queued, unless there is a server again."
        ));
    }
    show::line(shown("The mail server is forgotten; no mail is sent from now on."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_nothing_that_could_end_a_command() {
        for fine in ["mail.corp.example", "127.0.0.1", "2001:db8::7", "mail-1"] {
            assert_eq!(host(fine).as_deref(), Ok(fine));
        }
        for refused in ["", "mail:587", "a b", "a\r\nQUIT", "[::1]", "a@b"] {
            assert!(host(refused).is_err(), "{refused:?}");
        }
    }
}
