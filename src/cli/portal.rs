//! `vestibule portal`: what people may do in the portal.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::portal::Switches;
use crate::domain::portal::rules::{GroupRule, Origin, Rules};
use crate::domain::portal::table::{Overrides, SWITCHES, Switch, switch};
use crate::domain::radius::template::{GroupName, GroupOf};
use crate::store::portal_rules::MOST_RULES;
use crate::telemetry::shown;

#[derive(Subcommand)]
pub enum Command {
    /// Show the switches and the rules of groups; or what holds for one person or one group, and by which rule
    Show {
        /// As they hold for this person
        #[arg(long, value_name = "NAME", conflicts_with = "group")]
        user: Option<String>,
        /// Which directory's user, if several have one of that name
        #[arg(long, value_name = "NAME", requires = "user")]
        directory: Option<String>,
        /// As they hold for who is in this group and in no other
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        /// Print JSON: one object with switches (name, value, from, about) and groups (group, switches)
        #[arg(long)]
        json: bool,
    },
    /// Set switches, for everybody or for a group
    #[command(after_help = set_help())]
    Set {
        /// What to set, such as bypass=on
        #[arg(required = true, value_name = "SWITCH=VALUE")]
        switches: Vec<String>,
        /// Only for who is in this group, by name or DN, directly or not
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
    },
    /// Take switches out of a rule: what holds then is the next rule's, or what is built in
    Unset {
        /// Their names
        #[arg(required_unless_present = "all", value_name = "SWITCH")]
        switches: Vec<String>,
        /// All that the rule sets
        #[arg(long, conflicts_with = "switches")]
        all: bool,
        /// Out of this group's rule
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
    },
    /// Put a group's rule at another place; for each switch the first rule counts that sets it
    Move {
        /// The group, as `show` has it
        group: String,
        /// The number the rule shall have
        #[arg(long, value_name = "NUMBER")]
        to: usize,
    },
}

fn set_help() -> String {
    let built_in = Switches::default();
    let each = SWITCHES.iter().fold(String::new(), |text, switch| {
        let Switch { name, about, values, .. } = switch;
        format!("{text}  {name}={}\n      {about} Write {values}.\n", switch.value(&built_in))
    });
    format!(
        "\
Switches, with what is built in:
{each}
For each switch the first group's rule counts that sets it and that the person is in; then what is set for everybody; then what
is built in. `vestibule portal show --user NAME` tells which did.

Examples:
  vestibule portal set bypass=on bypass-longest=900
  vestibule portal set first-enrolment=link kinds=passkey,hardware-token --group admins
  vestibule portal set trusted-networks=10.1.0.0/16 --group cn=staff,ou=groups,dc=corp,dc=example"
    )
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Show { user, directory, group, json } => {
                let rules = world.store.portal_rules().await?;
                let groups = match (&user, &group) {
                    (Some(name), _) => {
                        let user = world.user(name, directory.as_deref()).await?;
                        world.store.portal_groups(user.id).await?
                    }
                    (None, Some(group)) => vec![group_of(world, &parsed(group)?).await?],
                    (None, None) => vec![],
                };
                let of_all = user.is_none() && group.is_none();
                tell(&rules, &groups, of_all, json)
            }
            Self::Set { switches, group } => {
                let mut set = Overrides::default();
                for given in &switches {
                    let (name, value) = given.split_once('=').ok_or_else(|| {
                        Failure::Input(format!("{} is no SWITCH=VALUE, such as bypass=on", shown(given)))
                    })?;
                    set.set(name, value).map_err(|fault| Failure::Input(show::safe(&fault.to_string())))?;
                }
                change(world, group.as_deref(), &set, &[]).await
            }
            Self::Unset { switches, all: false, group } => {
                let found = switches.iter().map(|name| switch(name));
                let found: Vec<_> =
                    found.collect::<Result<_, _>>().map_err(|fault| Failure::Input(show::safe(&fault.to_string())))?;
                change(world, group.as_deref(), &Overrides::default(), &found).await
            }
            Self::Unset { group, .. } => {
                let all: Vec<_> = SWITCHES.iter().collect();
                change(world, group.as_deref(), &Overrides::default(), &all).await
            }
            Self::Move { group, to } => {
                let name = parsed(&group)?;
                if !world.store.move_portal_rule(&name, to, &world.actor).await? {
                    return Err(Failure::No(format!(
                        "{} has no rule, or there is no place {to}; `vestibule portal show` shows the rules",
                        shown(&group)
                    )));
                }
                show::line(format_args!("The rule of {} is now rule {to}.", shown(&group)))
            }
        }
    }
}

fn parsed(group: &str) -> Result<GroupName, Failure> {
    GroupName::parse(group).map_err(|fault| Failure::Input(format!("the group {}: {fault}", shown(group))))
}

/// The group of a name, whether or not a directory has it.
async fn group_of(world: &World, name: &GroupName) -> Result<GroupOf, Failure> {
    let mut found = world.store.find_groups(None, name.folded()).await?;
    match found.pop() {
        Some(_) if !found.is_empty() => {
            Err(Failure::Input(format!("several groups are called {}; give the DN", shown(name.as_str()))))
        }
        Some(group) => Ok(GroupOf { name: group.name, dn: group.dn }),
        None => {
            unknown(name);
            Ok(GroupOf { name: name.as_str().to_owned(), dn: name.as_str().to_owned() })
        }
    }
}

fn unknown(name: &GroupName) {
    show::note(format_args!(
        "No group {} is known (yet); `vestibule group list` shows them, `vestibule sync run` reads them.",
        shown(name.as_str())
    ));
}

async fn change(world: &World, group: Option<&str>, set: &Overrides, unset: &[&'static Switch]) -> Result<(), Failure> {
    let name = group.map(parsed).transpose()?;
    let Some(changes) = world.store.change_portal_rule(name.as_ref(), set, unset, &world.actor).await? else {
        return Err(Failure::Input(format!("there would be more than {MOST_RULES} rules of groups; remove some")));
    };
    if let Some(name) = name.filter(|_| !set.is_empty())
        && world.store.find_groups(None, name.folded()).await?.is_empty()
    {
        unknown(&name);
    }
    if changes.is_empty() {
        show::note("Nothing has changed.");
    }
    let whom = group.map_or("everybody".to_owned(), |group| shown(group).to_string());
    changes.iter().try_for_each(|change| show::line(format_args!("For {whom}: {change}")))
}

#[derive(Serialize)]
struct Told {
    switches: Vec<ShownSwitch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<ShownRule>>,
}

#[derive(Serialize)]
struct ShownSwitch {
    name: &'static str,
    value: String,
    from: String,
    about: &'static str,
}

#[derive(Serialize)]
struct ShownRule {
    group: String,
    switches: std::collections::BTreeMap<&'static str, String>,
}

impl ShownRule {
    fn of(rule: &GroupRule) -> Self {
        let switches = rule.overrides.iter().map(|(name, value)| (name, value.to_owned()));
        Self { group: rule.group.as_str().to_owned(), switches: switches.collect() }
    }
}

fn tell(rules: &Rules, groups: &[GroupOf], of_all: bool, json: bool) -> Result<(), Failure> {
    let (switches, origins) = rules.explained(groups);
    let each = origins.iter().map(|(switch, origin): &(&Switch, Origin<'_>)| ShownSwitch {
        name: switch.name,
        value: switch.value(&switches),
        from: origin.to_string(),
        about: switch.about,
    });
    let shown_rules = rules.groups.iter().map(ShownRule::of);
    if json {
        let groups = of_all.then(|| shown_rules.collect());
        return show::json(&Told { switches: each.collect(), groups });
    }
    let rows: Vec<_> = each.map(|switch| [switch.name.to_owned(), switch.value, switch.from]).collect();
    show::table(["switch", "value", "from"], &rows)?;
    if of_all && !rules.groups.is_empty() {
        show::line("")?;
        let row = |(number, rule): (usize, ShownRule)| {
            let set = rule.switches.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            [number.to_string(), rule.group, set.join(" ")]
        };
        show::table(["rule", "group", "sets"], &(1..).zip(shown_rules).map(row).collect::<Vec<_>>())?;
    }
    Ok(())
}
