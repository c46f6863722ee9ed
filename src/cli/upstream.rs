//! `vestibule upstream`: RADIUS servers behind us, which check first factors.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::world::World;
use super::{input, show};
use crate::domain::radius::upstream::UpstreamServer;
use crate::domain::secret::{Password, SharedSecret};
use crate::store::StoreFault;
use crate::upstream::examine;

#[derive(Subcommand)]
pub enum Command {
    /// Make a RADIUS server known
    Add(Add),
    /// Show the servers; secrets are never shown
    List {
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Ask a server for its status and, with --user, to sign somebody in: exit code 0 if all of it works, else 1
    Test {
        /// The server's name
        name: String,
        /// Somebody to sign in; a rejection shows as well as an accept that the server works
        #[arg(long, value_name = "NAME", requires = "password_file")]
        user: Option<String>,
        /// That person's password, in this file or on standard input for `-`
        #[arg(long, value_name = "FILE", requires = "user")]
        password_file: Option<PathBuf>,
        /// Print JSON: an array of objects with step, works and result
        #[arg(long)]
        json: bool,
    },
    /// Forget a server that no client has asked
    Remove {
        /// The server's name
        name: String,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub struct Add {
    /// A name for it
    #[arg(value_parser = input::label)]
    name: String,
    /// Where it is; the port is 1812 unless given
    #[arg(long, value_name = "HOST[:PORT]", value_parser = server)]
    server: (String, u16),
    /// The shared secret, in this file or on standard input for `-`
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// How long one try waits for an answer
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = input::span)]
    timeout: Duration,
    /// How often a request is sent before the next server is asked
    #[arg(long, value_name = "COUNT", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=10))]
    tries: u32,
    /// Take answers without Message-Authenticator: only from servers that cannot send it (CVE-2024-3596)
    #[arg(long)]
    legacy_no_message_authenticator: bool,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { json } => list(world, json).await,
            Self::Test { name, user, password_file, json } => {
                let password = password_file.map(|file| input::secret(&file)).transpose()?;
                let password = password.map(|password| Password::new(password.as_slice()));
                test(world, &name, user.as_deref().zip(password), json).await
            }
            Self::Remove { name, yes } => remove(world, &name, yes).await,
        }
    }
}

impl Add {
    async fn run(self, world: &World) -> Result<(), Failure> {
        if self.timeout < Duration::from_millis(100) || self.timeout > Duration::from_mins(1) {
            return Err(Failure::input("--timeout takes 100ms to 60s"));
        }
        let (host, port) = self.server;
        let server = UpstreamServer {
            name: self.name,
            host,
            port,
            secret: SharedSecret::new(input::secret(&self.secret_file)?.as_slice()),
            timeout: self.timeout,
            tries: self.tries,
            require_message_authenticator: !self.legacy_no_message_authenticator,
        };
        if self.legacy_no_message_authenticator {
            show::note(
                "Answers without Message-Authenticator can be forged on the way (CVE-2024-3596); update the server.",
            );
        }
        match world.store.add_upstream_server(&server, &world.actor).await {
            Err(StoreFault::Refused(_)) => {
                Err(Failure::No(format!("there is an upstream server {} already", server.name)))
            }
            added => {
                added?;
                show::line(format_args!("Upstream server {} at {} is known.", server.name, server.address()))
            }
        }
    }
}

/// A server as scripts see it; never the secret.
#[derive(Serialize)]
struct Shown {
    name: String,
    server: String,
    timeout_ms: u128,
    tries: u32,
    require_message_authenticator: bool,
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let shown = world.store.upstream_servers().await?.into_iter().map(|server| Shown {
        server: server.address(),
        timeout_ms: server.timeout.as_millis(),
        tries: server.tries,
        require_message_authenticator: server.require_message_authenticator,
        name: server.name,
    });
    let shown: Vec<Shown> = shown.collect();
    if json {
        return show::json(&shown);
    }
    let signed =
        |server: &Shown| if server.require_message_authenticator { "required" } else { "not required" }.to_owned();
    let rows = shown.iter().map(|server| {
        let waits = format!("{} ms", server.timeout_ms);
        [server.name.clone(), server.server.clone(), waits, server.tries.to_string(), signed(server)]
    });
    let rows: Vec<_> = rows.collect();
    show::table(["name", "server", "time-out", "tries", "Message-Authenticator"], &rows)
}

/// One step of a test as scripts see it.
#[derive(Serialize)]
struct Tried {
    step: &'static str,
    works: bool,
    result: String,
}

async fn test(world: &World, name: &str, person: Option<(&str, Password)>, json: bool) -> Result<(), Failure> {
    let server = find(world, name).await?;
    let steps = examine(server, person, &world.ambient, world.upstream_spawn()).await;
    let tried: Vec<Tried> = steps
        .into_iter()
        .map(|step| Tried {
            step: step.step,
            works: step.outcome.is_ok(),
            result: step.outcome.unwrap_or_else(|fault| fault),
        })
        .collect();
    if json {
        show::json(&tried)?;
    } else {
        for Tried { step, works, result } in &tried {
            let verdict = if *works { "ok    " } else { "FAILED" };
            show::line(format_args!("{step:8}  {verdict}  {}", show::safe(result)))?;
        }
    }
    if tried.iter().all(|step| step.works) { Ok(()) } else { Err(Failure::SaidNo) }
}

async fn remove(world: &World, name: &str, yes: bool) -> Result<(), Failure> {
    find(world, name).await?;
    let clients = world.store.clients_of_upstream(name).await?;
    if !clients.is_empty() {
        return Err(Failure::No(format!("upstream server {name} is asked for {} and stays", clients.join(", "))));
    }
    if !yes {
        return Err(Failure::Input(format!("this forgets upstream server {name} and its secret; add --yes")));
    }
    world.store.remove_upstream_server(name, &world.actor).await?;
    show::line(format_args!("Upstream server {name} is forgotten."))
}

async fn find(world: &World, name: &str) -> Result<UpstreamServer, Failure> {
    let found = world.store.upstream_servers().await?.into_iter().find(|server| server.name == name);
    found.ok_or_else(|| {
        Failure::No(format!(
            "there is no upstream server called {name:?}; `vestibule upstream list` shows those there are"
        ))
    })
}

/// `HOST[:PORT]`, an IPv6 address in brackets.
fn server(text: &str) -> Result<(String, u16), String> {
    let wanted = || "write HOST or HOST:PORT, an IPv6 address in brackets".to_owned();
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, after) = inner.split_once(']').ok_or_else(wanted)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wanted())?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(wanted)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let odd = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '.' | '_' | ':');
    if host.is_empty() || host.contains(odd) {
        return Err(wanted());
    }
    let port = port.map_or(Ok(1812), |port| port.parse().ok().filter(|port| *port != 0).ok_or_else(wanted))?;
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        assert_eq!(server("nps.example.org"), Ok(("nps.example.org".into(), 1812)));
        assert_eq!(server("10.0.0.7:1645"), Ok(("10.0.0.7".into(), 1645)));
        assert_eq!(server("[2001:db8::1]:1645"), Ok(("2001:db8::1".into(), 1645)));
        for refused in ["", ":1812", "nps:0", "nps:x", "[nps]", "radius://nps", "a b"] {
            assert!(server(refused).is_err(), "{refused}");
        }
    }
}
