//! `vestibule client reply`: what a client's Access-Accepts carry.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::show;
use super::super::world::World;
use super::unknown;
use crate::config::dictionaries;
use crate::domain::client::Client;
use crate::domain::radius::dictionary::Dictionary;
use crate::domain::radius::template::{Argument, Condition, GroupName, PRESETS, Rule, preset};
use crate::telemetry::shown;

#[derive(Subcommand)]
pub enum Command {
    /// Send an attribute with every Access-Accept, or only to who is in a group
    #[command(after_help = add_help())]
    Add(Add),
    /// Show the rules, in the order in which they apply
    List {
        /// The client's name
        client: String,
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Take a rule away
    Remove {
        /// The client's name
        client: String,
        /// The rule's number, as `list` shows it
        number: usize,
    },
    /// Put a rule at another place; a rule that replaces looks at those before it
    Move {
        /// The client's name
        client: String,
        /// The rule's number, as `list` shows it
        number: usize,
        /// The number it shall have
        #[arg(long, value_name = "NUMBER")]
        to: usize,
    },
}

fn add_help() -> String {
    let width = PRESETS.iter().map(|preset| called(preset.name, preset.argument).len()).max().unwrap_or(0);
    let presets = PRESETS.iter().fold(String::new(), |text, preset| {
        let called = called(preset.name, preset.argument);
        format!("{text}  {called:width$}  {}\n", preset.about)
    });
    format!(
        "\
Values: ${{user}}, ${{name}}, ${{mail}}, ${{upn}}, ${{client}}; ${{groups}} is all groups in one value, ${{group}} a value for each.
Behind these two may stand |only=PATTERN, |strip=PREFIX, |as=dn and, of ${{groups}}, |separator=TEXT (else ;). $$ is a $.

Presets:
{presets}
Examples (single quotes keep the shell away from the $):
  vestibule client reply add vpn --preset fortinet-group:'vpn-*'
  vestibule client reply add vpn Service-Type=Administrative-User --when-group cn=admins,ou=groups,dc=corp,dc=example
  vestibule client reply add vpn 'Class=CTXSUserGroups=${{groups|separator=;}}' --unless-group guests"
    )
}

fn called(name: &str, argument: Argument) -> String {
    match argument {
        Argument::Needed(argument) => format!("{name}:{argument}"),
        Argument::Groups => format!("{name}[:PATTERN]"),
    }
}

#[derive(Args)]
pub struct Add {
    /// The client's name
    client: String,
    /// The attribute, by its name in a dictionary, and its value; `ATTRIBUTE:TAG=VALUE` for one of several tunnels
    #[arg(value_name = "ATTRIBUTE=VALUE", required_unless_present = "preset")]
    rule: Option<String>,
    /// Rules by the name of what they are for, listed below
    #[arg(long, value_name = "NAME[:ARGUMENT]", conflicts_with = "rule")]
    preset: Option<String>,
    /// Only for who is in this group, by name or DN, directly or not; of several one is enough
    #[arg(long = "when-group", value_name = "GROUP")]
    when_groups: Vec<String>,
    /// Not for who is in this group; may be repeated
    #[arg(long = "unless-group", value_name = "GROUP")]
    unless_groups: Vec<String>,
    /// Takes the place of what earlier rules, or an upstream server, say of the same attribute
    #[arg(long)]
    replace: bool,
}

/// More rules than this are a mistake, and each costs time at every sign-in.
const MOST: usize = 200;

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { client, json } => list(world, &client, json).await,
            Self::Remove { client, number } => {
                let (client, rules) = rules_of(world, &client).await?;
                let rule = numbered(&client, &rules, number)?;
                if !world.store.remove_reply_rule(&client, number, rule, &world.actor).await? {
                    return Err(changed(&client));
                }
                show::line(format_args!(
                    "Rule {number} of {} is removed: {}",
                    client.name,
                    show::safe(&rule.to_string())
                ))
            }
            Self::Move { client, number, to } => {
                let (client, rules) = rules_of(world, &client).await?;
                let rule = numbered(&client, &rules, number)?;
                numbered(&client, &rules, to)?;
                if !world.store.move_reply_rule(&client, number, rule, to, &world.actor).await? {
                    return Err(changed(&client));
                }
                show::line(format_args!("Rule {number} of {} is now rule {to}.", client.name))
            }
        }
    }
}

impl Add {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let (client, before) = rules_of(world, &self.client).await?;
        let input = |fault: &dyn std::fmt::Display| Failure::Input(show::safe(&fault.to_string()));
        let mut rules = match (&self.rule, &self.preset) {
            (Some(rule), _) => vec![Rule::parse(rule).map_err(|fault| input(&fault))?],
            (None, Some(named)) => preset(named).map_err(|fault| input(&fault))?,
            (None, None) => return Err(Failure::input("give ATTRIBUTE=VALUE or --preset")),
        };
        let when = Condition { any_of: groups(&self.when_groups)?, none_of: groups(&self.unless_groups)? };
        let dictionary = dictionary(world)?;
        for rule in &mut rules {
            rule.when = when.clone();
            rule.replace = self.replace;
            rule.check(&dictionary).map_err(|fault| input(&fault))?;
            if rule.is_secret(&dictionary) {
                return Err(Failure::Input(format!(
                    "{} is a secret, and rules are kept in the clear; let an upstream server send it",
                    rule.attribute
                )));
            }
        }
        if before.len() + rules.len() > MOST {
            return Err(Failure::Input(format!("{} would have more than {MOST} rules; remove some", client.name)));
        }
        if !world.store.add_reply_rules(&client, &rules, &world.actor).await? {
            return Err(changed(&client));
        }
        for group in when.any_of.iter().chain(&when.none_of) {
            if world.store.find_groups(Some(client.directory), group.folded()).await?.is_empty() {
                show::note(format_args!(
                    "No group {} is known (yet); `vestibule group list` shows them, `vestibule sync run` reads them.",
                    shown(group.as_str())
                ));
            }
        }
        for (number, rule) in (before.len() + 1..).zip(&rules) {
            show::line(format_args!("Rule {number} of {}: {}", client.name, show::safe(&rule.to_string())))?;
        }
        Ok(())
    }
}

fn groups(names: &[String]) -> Result<Vec<GroupName>, Failure> {
    let each = names.iter().map(|name| {
        GroupName::parse(name).map_err(|fault| Failure::Input(format!("the group {}: {fault}", shown(name))))
    });
    each.collect()
}

/// The shipped dictionaries and those of the configuration.
pub fn dictionary(world: &World) -> Result<Dictionary, Failure> {
    dictionaries::read(&world.config.radius.dictionaries).map_err(|fault| Failure::Input(fault.to_string()))
}

/// A client that speaks RADIUS, and its rules.
pub async fn rules_of(world: &World, name: &str) -> Result<(Client, Vec<Rule>), Failure> {
    let mut clients = world.store.clients().await?.into_iter();
    let mut client = clients.find(|client| client.name == name).ok_or_else(|| unknown(name))?;
    let Some(radius) = &mut client.radius else {
        return Err(Failure::Input(format!(
            "{name} does not speak RADIUS; `vestibule client add` makes one that does, with --radius-secret-generate"
        )));
    };
    let rules = std::mem::take(&mut radius.replies);
    Ok((client, rules))
}

fn numbered<'r>(client: &Client, rules: &'r [Rule], number: usize) -> Result<&'r Rule, Failure> {
    let rule = number.checked_sub(1).and_then(|at| rules.get(at));
    rule.ok_or_else(|| {
        let name = &client.name;
        Failure::No(format!("{name} has no rule {number}; `vestibule client reply list {name}` shows them"))
    })
}

fn changed(client: &Client) -> Failure {
    Failure::No(format!("the rules of {} have just been changed by somebody else; look again", client.name))
}

#[derive(Serialize)]
struct Shown<'r> {
    number: usize,
    attribute: String,
    value: &'r str,
    when_groups: Vec<&'r str>,
    unless_groups: Vec<&'r str>,
    replace: bool,
}

async fn list(world: &World, client: &str, json: bool) -> Result<(), Failure> {
    let (client, rules) = rules_of(world, client).await?;
    let numbered = (1..).zip(&rules);
    if json {
        let each = numbered.map(|(number, rule)| Shown {
            number,
            attribute: rule.target(),
            value: rule.value.as_str(),
            when_groups: rule.when.any_of.iter().map(GroupName::as_str).collect(),
            unless_groups: rule.when.none_of.iter().map(GroupName::as_str).collect(),
            replace: rule.replace,
        });
        return show::json(&each.collect::<Vec<_>>());
    }
    if rules.is_empty() {
        show::note(format_args!(
            "{} sends nothing beside its answer; `vestibule client reply add` changes that.",
            client.name
        ));
        return Ok(());
    }
    let row = |(number, rule): (usize, &Rule)| {
        let how = if rule.replace { "replaces" } else { "adds" };
        [number.to_string(), rule.target(), rule.value.to_string(), rule.when.to_string(), how.to_owned()]
    };
    show::table(["rule", "attribute", "value", "for", "how"], &numbered.map(row).collect::<Vec<_>>())
}
