//! `vestibule upstream`: the RADIUS servers behind us that check first factors.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::world::World;
use super::{input, show};
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::{Password, SharedSecret};
use crate::upstream::{TestStep, examine};

#[derive(Subcommand)]
pub enum Command {
    /// Make a RADIUS server known that `client add --upstream` can name
    #[command(after_help = ADD_EXAMPLE)]
    Add(Add),
    /// Show the upstream servers
    List {
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Forget an upstream server
    Remove {
        /// The server's name
        name: String,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
    /// Ask a server for its status and, with --user, for a sign-in, and say what it answers
    Test(Test),
}

const ADD_EXAMPLE: &str = "\
Example: an NPS that checks MS-CHAPv2 for a VPN:
  vestibule upstream add nps1 --server nps1.corp.example --secret-file /run/secrets/nps1
  vestibule upstream test nps1
  vestibule client add vpn --address 10.0.0.9 --directory corp --radius-secret-generate \\
    --first-factor upstream --upstream nps1";

#[derive(Args)]
pub struct Add {
    /// What to call it: letters, digits, dots, dashes, underscores
    #[arg(value_parser = input::label)]
    name: String,
    /// Where it is: a host name or address, and a port if it is not 1812
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host_and_port)]
    server: (String, u16),
    /// The secret we share with it: a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// How long one try waits for an answer: 500ms to 60s
    #[arg(long, value_name = "SPAN", default_value = "3s", value_parser = input::span)]
    timeout: Duration,
    /// How often a request is sent before the next server is asked: 1 to 10
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10))]
    tries: u32,
    /// Take answers without Message-Authenticator: only for servers that cannot send it (CVE-2024-3596)
    #[arg(long)]
    legacy_no_message_authenticator: bool,
}

#[derive(Args)]
pub struct Test {
    /// The server's name
    name: String,
    /// Somebody to sign in
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// Their password: a file, or - for standard input
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { json } => list(world, json).await,
            Self::Remove { name, yes } => remove(world, &name, yes).await,
            Self::Test(test) => test.run(world).await,
        }
    }
}

/// RFC 2865 §3.
const USUAL_PORT: u16 = 1812;

/// An IPv6 address stands in brackets if a port follows.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let wanted = || "write HOST, HOST:PORT, or [IPV6]:PORT".to_owned();
    let port = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or_else(wanted);
    let (host, port) = if let Some(inner) = text.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or_else(wanted)?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| wanted())?;
        (host, if after.is_empty() { USUAL_PORT } else { port(after.strip_prefix(':').ok_or_else(wanted)?)? })
    } else if text.parse::<std::net::Ipv6Addr>().is_ok() {
        (text, USUAL_PORT)
    } else {
        match text.split_once(':') {
            Some((host, after)) => (host, port(after)?),
            None => (text, USUAL_PORT),
        }
    };
    let odd = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '.' | '_' | ':');
    if host.is_empty() || host.contains(odd) {
        return Err(wanted());
    }
    Ok((host.to_owned(), port))
}

impl Add {
    async fn run(self, world: &World) -> Result<(), Failure> {
        if !(Duration::from_millis(500)..=Duration::from_mins(1)).contains(&self.timeout) {
            return Err(Failure::input("--timeout must be between 500ms and 60s"));
        }
        let secret = SharedSecret::new(input::secret(&self.secret_file)?.as_slice());
        if secret.is_empty() {
            return Err(Failure::input("the shared secret is empty; write the one that the server has for us"));
        }
        if self.legacy_no_message_authenticator {
            show::note(
                "Answers without Message-Authenticator can be forged on the way (CVE-2024-3596); update the server.",
            );
        }
        let (host, port) = self.server;
        let server = UpstreamServer {
            name: self.name,
            host,
            port,
            secret,
            timeout: self.timeout,
            tries: self.tries,
            require_message_authenticator: !self.legacy_no_message_authenticator,
        };
        match world.store.add_upstream_server(&server, &world.actor).await {
            Err(fault) if fault.is_duplicate() => Err(Failure::Input(format!(
                "there is an upstream server {:?} already; choose another name",
                server.name
            ))),
            added => {
                added?;
                show::line(format_args!("Upstream server {} added.", server.name))
            }
        }
    }
}

/// A server as scripts see it; never its secret.
#[derive(Serialize)]
struct Shown {
    name: String,
    host: String,
    port: u16,
    timeout_ms: u128,
    tries: u32,
    require_message_authenticator: bool,
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let shown = |server: UpstreamServer| Shown {
        name: server.name,
        host: server.host,
        port: server.port,
        timeout_ms: server.timeout.as_millis(),
        tries: server.tries,
        require_message_authenticator: server.require_message_authenticator,
    };
    let servers: Vec<Shown> = world.store.upstream_servers().await?.into_iter().map(shown).collect();
    if json {
        return show::json(&servers);
    }
    let row = |server: &Shown| {
        [
            server.name.clone(),
            format!("{}:{}", server.host, server.port),
            format!("{} x {} ms", server.tries, server.timeout_ms),
            if server.require_message_authenticator { "required" } else { "not required" }.to_owned(),
        ]
    };
    let rows: Vec<_> = servers.iter().map(row).collect();
    show::table(["name", "server", "tries", "Message-Authenticator"], &rows)
}

async fn remove(world: &World, name: &str, yes: bool) -> Result<(), Failure> {
    let clients = world.store.clients_of_upstream(name).await?;
    if !clients.is_empty() {
        return Err(Failure::No(format!("upstream server {name} is asked for {}, and stays", clients.join(", "))));
    }
    if !yes {
        return Err(Failure::Input(format!("this forgets upstream server {name} and its secret; add --yes")));
    }
    if world.store.remove_upstream_server(name, &world.actor).await? {
        return show::line(format_args!("Upstream server {name} is forgotten."));
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure::No(format!("there is no upstream server {name:?}; `vestibule upstream list` shows those there are"))
}

/// One step of a test as scripts see it.
#[derive(Serialize)]
struct Tried {
    step: &'static str,
    works: bool,
    /// What was seen, or what is wrong.
    result: String,
}

impl Test {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let servers = world.store.upstream_servers().await?;
        let server = servers.into_iter().find(|server| server.name == self.name).ok_or_else(|| unknown(&self.name))?;
        let person = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Some((user.as_str(), Password::new(input::secret(file)?.as_slice()))),
            _ => None,
        };
        let steps = examine(server, person, &world.ambient, world.background()).await;
        let tried = steps.into_iter().map(|TestStep { step, outcome }| Tried {
            step,
            works: outcome.is_ok(),
            result: outcome.unwrap_or_else(|fault| fault),
        });
        let tried: Vec<Tried> = tried.collect();
        let works = tried.iter().all(|step| step.works);
        if self.json {
            show::json(&tried)?;
        } else {
            for Tried { step, works, result } in &tried {
                let verdict = if *works { "ok    " } else { "FAILED" };
                show::line(format_args!("{step:8}  {verdict}  {}", show::safe(result)))?;
            }
        }
        if works { Ok(()) } else { Err(Failure::SaidNo) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        let is = |text: &str, host: &str, port| assert_eq!(host_and_port(text), Ok((host.to_owned(), port)), "{text}");
        is("nps1.corp.example", "nps1.corp.example", 1812);
        is("10.0.0.7:1645", "10.0.0.7", 1645);
        is("[2001:db8::7]:1645", "2001:db8::7", 1645);
        is("2001:db8::7", "2001:db8::7", 1812);
        for refused in ["", ":1812", "host:0", "host:x", "[host]:1", "ho st", "[2001:db8::7"] {
            assert!(host_and_port(refused).is_err(), "{refused}");
        }
    }
}
