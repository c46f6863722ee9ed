//! `vestibule group`: what runs of `vestibule sync` have read of a directory's groups.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::show;
use super::world::World;
use crate::domain::directory::Directory;
use crate::domain::name::{LoginName, fold};
use crate::store::groups::{ListedGroup, Membership};

#[derive(Subcommand)]
pub enum Command {
    /// Show all groups, and how many users are in each
    List {
        /// Only of this directory
        #[arg(long, value_name = "NAME")]
        directory: Option<String>,
        /// Print JSON: an array of objects with id, name, directory, dn, users
        #[arg(long)]
        json: bool,
    },
    /// Show who is in a group, directly or by way of a group within it
    Show {
        /// Its name or its DN
        group: String,
        /// Only of this directory
        #[arg(long, value_name = "NAME")]
        directory: Option<String>,
        /// Print JSON: one object, with members as an array of name, dn, direct, by_way_of
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    group: ListedGroup,
    members: Vec<Membership>,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::List { directory, json } => list(world, directory.as_deref(), json).await,
            Self::Show { group, directory, json } => show_one(world, &group, directory.as_deref(), json).await,
        }
    }
}

async fn asked(world: &World, name: Option<&str>) -> Result<Option<Directory>, Failure> {
    match name {
        Some(name) => Ok(Some(world.directory(name).await?)),
        None => Ok(None),
    }
}

async fn list(world: &World, directory: Option<&str>, json: bool) -> Result<(), Failure> {
    let directory = asked(world, directory).await?;
    let groups = world.store.groups(directory.map(|directory| directory.id)).await?;
    if json {
        return show::json(&groups);
    }
    if groups.is_empty() {
        show::note("No groups are known; `vestibule sync run` reads them.");
        return Ok(());
    }
    let rows = groups.into_iter().map(|group| [group.name, group.directory, group.users.to_string(), place(group.dn)]);
    show::table(["name", "directory", "users", "dn"], &rows.collect::<Vec<_>>())
}

async fn show_one(world: &World, name: &str, directory: Option<&str>, json: bool) -> Result<(), Failure> {
    let directory = asked(world, directory).await?.map(|directory| directory.id);
    // A group's name may hold what an account's may not.
    let folded = match LoginName::parse(name) {
        Ok(dn @ LoginName::Dn { .. }) => dn.folded(),
        Ok(_) | Err(_) => fold(name).map_err(|fault| Failure::Input(fault.to_string()))?,
    };
    let mut found = world.store.find_groups(directory, &folded).await?;
    let group = match (found.pop(), found.is_empty()) {
        (None, _) => {
            let why = format!(
                "no group {name:?} is known; `vestibule group list` shows them, `vestibule sync run` reads them"
            );
            return Err(Failure::No(why));
        }
        (Some(group), true) => group,
        (Some(_), false) => {
            return Err(Failure::Input(format!(
                "several groups are called {name:?}: give the DN, or name the --directory"
            )));
        }
    };
    let members = world.store.users_of(group.id).await?;
    if json {
        return show::json(&Shown { group, members });
    }
    let mut facts = vec![("name", group.name), ("directory", group.directory), ("dn", place(group.dn))];
    facts.extend(members.iter().map(|member| ("user", membership(member))));
    show::facts(&facts)
}

/// A group of ours is no entry of the directory.
fn place(dn: String) -> String {
    if dn.is_empty() { "set by sync items".to_owned() } else { dn }
}

/// A membership as one line.
pub fn membership(membership: &Membership) -> String {
    let Membership { name, dn, direct, by_way_of } = membership;
    if dn.is_empty() {
        return name.clone();
    }
    if *direct { format!("{name}  {dn}") } else { format!("{name}  {dn}  (by way of {})", by_way_of.join(", ")) }
}
