//! `vestibule sync`: which parts of a directory are followed, when, and what each run did.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use serde::Serialize;

use super::failure::Failure;
use super::progress::Progress;
use super::world::World;
use super::{input, show};
use crate::domain::cursor::Read;
use crate::domain::directory::profile::language;
use crate::domain::dn::Dn;
use crate::domain::ids::{SyncItemId, SyncRunId};
use crate::domain::sync::{Counts, Every, GroupName, Leavers, Pick, Reach, RunState, SyncItem, SyncRun};
use crate::flows::sync::{self, Order, SyncFault};
use crate::store::sync_runs::Change;
use crate::tasks;
use crate::wire::filter::Filter;

#[derive(Subcommand)]
pub enum Command {
    /// The parts of a directory that are followed, in order; an account belongs to the first that shows it
    #[command(subcommand)]
    Item(Item),
    /// Follow a directory once, now
    Run(Once),
    /// Show past runs, the newest first
    History {
        /// Only of this directory
        #[arg(long, value_name = "NAME")]
        directory: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Show one run and what it found but did not apply
    Show {
        /// Its id, as `sync history` shows it
        run: SyncRunId,
        /// Print JSON: one object
        #[arg(long)]
        json: bool,
    },
    /// Apply what a stopped run found
    Approve {
        /// Its id, as `sync history` shows it
        run: SyncRunId,
        /// Print JSON: one object
        #[arg(long)]
        json: bool,
    },
    /// Follow a directory by itself, and say when a run must stop and ask
    Schedule(Schedule),
}

#[derive(Subcommand)]
pub enum Item {
    /// Follow one more part of a directory
    Add(Add),
    /// Show the items in their order
    List {
        /// Whose items
        #[arg(long, value_name = "NAME")]
        directory: String,
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Follow a part no longer; its users stay as they are
    Remove {
        /// The item
        name: String,
        /// Whose item
        #[arg(long, value_name = "NAME")]
        directory: String,
    },
    /// Put an item at another place in the order
    Move {
        /// The item
        name: String,
        /// Whose item
        #[arg(long, value_name = "NAME")]
        directory: String,
        /// The place, counted from 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        to: u16,
    },
}

#[derive(Args)]
pub struct Add {
    /// What to call it
    name: String,
    /// The directory to follow
    #[arg(long, value_name = "NAME")]
    directory: String,
    /// Only accounts below this entry; without it the directory's base
    #[arg(long, value_name = "DN", value_parser = input::dn, conflicts_with = "group")]
    base: Option<Dn>,
    /// Only accounts directly below the base
    #[arg(long, conflicts_with = "group")]
    one_level: bool,
    /// Which accounts, as an LDAP filter; without it all people
    #[arg(long, value_name = "LDAPFILTER", conflicts_with = "group")]
    filter: Option<String>,
    /// The members of this group and of the groups within it
    #[arg(long, value_name = "DN", value_parser = input::dn)]
    group: Option<Dn>,
    /// New users may not sign in until they are enabled by hand
    #[arg(long)]
    disabled: bool,
    /// The language of people of whom the directory says none, such as de-AT
    #[arg(long, value_name = "TAG", value_parser = language)]
    language: Option<String>,
    /// Which phones come first, by the label `directory show` gives them, such as mobile
    #[arg(long, value_name = "LABEL")]
    phone: Option<String>,
    /// A group of Vestibule's own that everybody who comes by the item is in, for policies; `group show` lists them
    #[arg(long, value_name = "NAME", value_parser = GroupName::parse)]
    user_group: Option<GroupName>,
    /// Send new users who have a mail address an invitation to enrol
    #[arg(long, conflicts_with = "disabled")]
    invite: bool,
    /// With --invite: a run that would send more invitations than this stops and asks
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    invite_at_most: u32,
    /// What becomes of users whom the directory no longer shows
    #[arg(long, value_enum, default_value_t = Leaving::Disable)]
    leavers: Leaving,
    /// With --leavers delete: days from leaving to removal
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(0..=3650))]
    delete_after: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Leaving {
    /// They stay as they are
    Keep,
    /// They are disabled, and enabled again if they come back
    Disable,
    /// They are disabled at once, and removed with their factors later
    Delete,
}

#[derive(Args)]
pub struct Once {
    /// Which directory; without it all that have sync items
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Read everything, even if the directory can tell what has changed, and believe one that shows no group at all
    #[arg(long)]
    full: bool,
    /// Print JSON: an array of objects, one for each directory
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Schedule {
    /// The directory
    directory: String,
    /// From one start to the next, 1m to 24h, or off
    #[arg(long, value_name = "SPAN|off", value_parser = interval)]
    every: Option<Interval>,
    /// From one run that reads everything to the next at the most, 1h to 31d; runs between ask for changes
    #[arg(long, value_name = "SPAN", value_parser = full_interval)]
    full_every: Option<SignedDuration>,
    /// A run that would disable or remove more users than this stops and asks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    brake_count: Option<u32>,
    /// A run that would disable or remove a larger part of the users stops and asks
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    brake_percent: Option<u8>,
}

#[derive(Clone, Copy)]
enum Interval {
    Off,
    Every(Every),
}

fn interval(text: &str) -> Result<Interval, String> {
    if text == "off" {
        return Ok(Interval::Off);
    }
    let every = Every::new(input::span(text)?).ok_or("write a time from 1m to 24h, or off")?;
    Ok(Interval::Every(every))
}

fn full_interval(text: &str) -> Result<SignedDuration, String> {
    let every = input::span(text)?;
    let fits = (Duration::from_hours(1)..=Duration::from_hours(31 * 24)).contains(&every);
    let every = fits.then_some(every).and_then(|every| SignedDuration::try_from(every).ok());
    every.ok_or_else(|| "write a time from 1h to 31d".to_owned())
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        match self {
            Self::Item(item) => item.run(world).await,
            Self::Run(run) => run.run(world).await,
            Self::History { directory, limit, json } => history(world, directory.as_deref(), limit, json).await,
            Self::Show { run, json } => show_one(world, run, json).await,
            Self::Approve { run, json } => approve(world, run, json).await,
            Self::Schedule(schedule) => schedule.run(world).await,
        }
    }
}

impl Item {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let (store, actor) = (&world.store, &world.actor);
        let missing =
            |name: &str| Failure::No(format!("there is no sync item {name:?}; `vestibule sync item list` shows them"));
        match self {
            Self::Add(add) => add.run(world).await,
            Self::List { directory, json } => list(world, &directory, json).await,
            Self::Remove { name, directory } => {
                let directory = world.directory(&directory).await?;
                if !store.remove_sync_item(directory.id, &name, actor).await? {
                    return Err(missing(&name));
                }
                show::line(format_args!("Sync item {} is removed. Its users stay.", show::safe(&name)))
            }
            Self::Move { name, directory, to } => {
                let directory = world.directory(&directory).await?;
                if !store.move_sync_item(directory.id, &name, to, actor).await? {
                    return Err(missing(&name));
                }
                list(world, &directory.name, false).await
            }
        }
    }
}

impl Add {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let directory = world.directory(&self.directory).await?;
        let top = Dn::parse(&directory.base_dn).map_err(|fault| Failure::Fault(fault.to_string()))?;
        if let Some(base) = self.base.as_ref().filter(|base| !base.is_under(&top)) {
            return Err(Failure::Input(format!("--base {base} is not below {top}, where sign-ins look for people")));
        }
        if let Some(filter) = &self.filter {
            Filter::parse(filter).map_err(|fault| Failure::Input(format!("--filter: {fault}")))?;
        }
        let reach = if self.one_level { Reach::OneLevel } else { Reach::Subtree };
        let pick = match self.group {
            Some(group) => Pick::Group { dn: group.to_string() },
            None => Pick::Below { base: self.base.map(|base| base.to_string()), reach, filter: self.filter },
        };
        let leavers = match self.leavers {
            Leaving::Keep => Leavers::Keep,
            Leaving::Disable => Leavers::Disable,
            Leaving::Delete => Leavers::DisableThenDelete { days: self.delete_after },
        };
        if let Some(label) = &self.phone {
            let labels: Vec<&str> =
                directory.attributes.phones(directory.kind).iter().map(|(label, _)| *label).collect();
            if !labels.contains(&label.as_str()) {
                let labels = labels.join(", ");
                return Err(Failure::Input(format!("--phone {label}: the directory's phones are called {labels}")));
            }
        }
        let item = SyncItem {
            id: SyncItemId(world.ambient.id()),
            directory: directory.id,
            name: self.name,
            pick,
            enabled: !self.disabled,
            language: self.language,
            phone: self.phone,
            user_group: self.user_group,
            leavers,
            invite_at_most: self.invite.then_some(self.invite_at_most),
        };
        if self.invite && world.store.mail_server().await?.is_none() {
            show::note("There is no mail server, so nobody is invited until `vestibule mail set` makes one known.");
        }
        match world.store.add_sync_item(&item, &world.actor).await {
            Err(fault) if fault.is_duplicate() => {
                Err(Failure::Input(format!("there is a sync item {:?} already", item.name)))
            }
            added => {
                added?;
                show::line(format_args!(
                    "Sync item {} is added; `vestibule sync run --dry-run` shows what it would do.",
                    show::safe(&item.name)
                ))
            }
        }
    }
}

#[derive(Serialize)]
struct ShownItem {
    place: usize,
    name: String,
    #[serde(flatten)]
    pick: Pick,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_group: Option<String>,
    leavers: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_at_most: Option<u32>,
}

async fn list(world: &World, directory: &str, json: bool) -> Result<(), Failure> {
    let directory = world.directory(directory).await?;
    let items = world.store.sync_items(directory.id).await?.into_iter().zip(1..).map(|(item, place)| ShownItem {
        place,
        name: item.name,
        pick: item.pick,
        enabled: item.enabled,
        language: item.language,
        phone: item.phone,
        user_group: item.user_group.map(|group| group.as_str().to_owned()),
        leavers: match item.leavers {
            Leavers::Keep => "keep".to_owned(),
            Leavers::Disable => "disable".to_owned(),
            Leavers::DisableThenDelete { days } => format!("disable, delete after {days} days"),
        },
        invite_at_most: item.invite_at_most,
    });
    let items: Vec<_> = items.collect();
    if json {
        return show::json(&items);
    }
    let rows = items.into_iter().map(|item| {
        let what = match item.pick {
            Pick::Group { dn } => format!("group {dn}"),
            Pick::Below { base, reach, filter } => {
                let below = if reach == Reach::OneLevel { "directly below" } else { "below" };
                let base = base.unwrap_or_else(|| directory.base_dn.clone());
                format!("{below} {base} {}", filter.unwrap_or_default()).trim_end().to_owned()
            }
        };
        let enabled = if item.enabled { "enabled" } else { "disabled" }.to_owned();
        let phone = item.phone.map(|label| format!("{label} first"));
        let group = item.user_group.map(|name| format!("group {name}"));
        let invited = item.invite_at_most.map(|_| "invited by mail".to_owned());
        let new =
            [Some(enabled), item.language, phone, group, invited].into_iter().flatten().collect::<Vec<_>>().join(", ");
        [item.place.to_string(), item.name, what, new, item.leavers]
    });
    show::table(["place", "name", "accounts", "new users", "leavers"], &rows.collect::<Vec<_>>())
}

impl Once {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let mut directories = vec![];
        if let Some(name) = &self.directory {
            directories.push(world.directory(name).await?);
        } else {
            for directory in world.store.directories().await? {
                if !world.store.sync_items(directory.id).await?.is_empty() {
                    directories.push(directory);
                }
            }
        }
        if directories.is_empty() {
            return Err(Failure::No("no directory has a sync item; add one with `vestibule sync item add`".to_owned()));
        }
        let order = Order { dry_run: self.dry_run, full: self.full };
        let mut runs = vec![];
        for directory in directories {
            let client = world.ask(directory)?;
            let run = sync::run(&world.store, &client, order, &world.actor, told(), interrupted()?).await?;
            if !self.json {
                tell(world, &run).await?;
            }
            runs.push(run);
        }
        if self.json {
            show::json(&runs)?;
        }
        let stopped = runs.iter().any(|run| matches!(run.state, RunState::AwaitingApproval { .. }));
        if stopped { Err(Failure::SaidNo) } else { Ok(()) }
    }
}

/// Ends when somebody presses Ctrl-C or the process is told to stop.
fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let signals = tasks::signals().map_err(|fault| Failure::Fault(format!("cannot listen for signals: {fault}")))?;
    Ok(async move {
        signals.await;
    })
}

/// Changes listed after a run.
const LISTED: i64 = 200;

async fn tell(world: &World, run: &SyncRun) -> Result<(), Failure> {
    let changes = world.store.sync_changes(run.id, LISTED).await?;
    for change in &changes {
        let Change { kind, name, dn, contested, rival } = change;
        let (name, dn) = (show::safe(name), show::safe(dn));
        match (contested, rival) {
            (Some(shared), Some(rival)) => show::note(format_args!(
                "Not taken: {dn}: its name {} is also that of {}",
                show::safe(shared),
                show::safe(rival)
            )),
            _ => show::line(format_args!("would {kind} {name}  {dn}"))?,
        }
    }
    let (_, why) = run.state.end();
    let state = match &run.state {
        RunState::Finished { .. } if run.dry_run => "A dry run; nothing was changed.".to_owned(),
        RunState::AwaitingApproval { why, .. } => {
            format!("Stopped: {why}. Nobody was touched. `vestibule sync approve {}` applies it.", run.id)
        }
        RunState::Running | RunState::Finished { .. } | RunState::Failed { .. } | RunState::Cancelled { .. } => {
            why.map(|why| format!("Note: {why}.")).unwrap_or_default()
        }
    };
    if !state.is_empty() {
        show::line(show::safe(&state))?;
    }
    show::line(format_args!("{}: {}", show::safe(&run.directory), counted(&run.counts)))
}

fn counted(counts: &Counts) -> String {
    let Counts { found, added, updated, unchanged, kept, disabled, removed, conflicts, skipped, groups } = counts;
    format!(
        "found {found}, added {added}, updated {updated}, unchanged {unchanged}, left {kept}, disabled {disabled}, \
         removed {removed}, conflicts {conflicts}, skipped {skipped}, groups changed {groups}"
    )
}

async fn history(world: &World, directory: Option<&str>, limit: u16, json: bool) -> Result<(), Failure> {
    let directory = match directory {
        Some(name) => Some(world.directory(name).await?.id),
        None => None,
    };
    let runs = world.store.sync_runs(directory, i64::from(limit)).await?;
    if json {
        return show::json(&runs);
    }
    let rows = runs.iter().map(|run| {
        let state =
            if run.dry_run { format!("{} (dry run)", run.state.as_str()) } else { run.state.as_str().to_owned() };
        let Counts { found, added, updated, disabled, removed, .. } = run.counts;
        let counts = format!("{found} found, +{added} ~{updated} -{disabled} x{removed}");
        let read = run.read.as_ref().map_or("-", |read| read.parts().0).to_owned();
        [run.id.to_string(), show::time(run.started_at), run.directory.clone(), read, state, counts]
    });
    show::table(["run", "started", "directory", "read", "state", "changes"], &rows.collect::<Vec<_>>())
}

#[derive(Serialize)]
struct ShownRun {
    #[serde(flatten)]
    run: SyncRun,
    changes: Vec<Change>,
}

async fn find(world: &World, id: SyncRunId) -> Result<SyncRun, Failure> {
    let run = world.store.sync_run(id).await?;
    run.ok_or_else(|| Failure::No(format!("there is no run {id}; `vestibule sync history` shows them")))
}

async fn show_one(world: &World, id: SyncRunId, json: bool) -> Result<(), Failure> {
    let run = find(world, id).await?;
    if json {
        let changes = world.store.sync_changes(id, i64::MAX).await?;
        return show::json(&ShownRun { run, changes });
    }
    let mut facts = vec![
        ("directory", run.directory.clone()),
        ("started", show::time(run.started_at)),
        ("by", run.by.clone()),
        ("state", run.state.as_str().to_owned()),
    ];
    if let Some((kind, how)) = run.read.as_ref().map(Read::parts) {
        facts.push(("read", format!("{kind}: {how}")));
    }
    let (at, why) = run.state.end();
    facts.extend(at.map(|at| ("ended", show::time(at))));
    facts.extend(why.map(|why| ("why", why.to_owned())));
    show::facts(&facts)?;
    tell(world, &run).await
}

async fn approve(world: &World, id: SyncRunId, json: bool) -> Result<(), Failure> {
    let directory = world.directory(&find(world, id).await?.directory).await?;
    let client = world.ask(directory)?;
    let run = sync::approve(&world.store, &client, id, &world.actor, told(), interrupted()?).await?;
    if json { show::json(&run) } else { tell(world, &run).await }
}

impl Schedule {
    async fn run(self, world: &World) -> Result<(), Failure> {
        let directory = world.directory(&self.directory).await?;
        let mut settings = world.store.sync_settings(directory.id).await?;
        match self.every {
            None => {}
            Some(Interval::Off) => (settings.every, settings.next_at) = (None, None),
            Some(Interval::Every(every)) => {
                (settings.every, settings.next_at) = (Some(every), Some(world.ambient.now()));
            }
        }
        settings.brake.count = self.brake_count.unwrap_or(settings.brake.count);
        settings.brake.percent = self.brake_percent.unwrap_or(settings.brake.percent);
        settings.full_every = self.full_every.unwrap_or(settings.full_every);
        world.store.set_sync_settings(directory.id, settings, &world.actor).await?;
        let every =
            settings.every.map_or_else(|| "only when asked to".to_owned(), |every| format!("every {:?}", every.get()));
        show::line(format_args!(
            "{} is followed {every}, and read as a whole at least every {:#}; a run that would disable or remove more than {} users, or more \
             than {} % of them, stops.",
            show::safe(&directory.name),
            settings.full_every,
            settings.brake.count,
            settings.brake.percent
        ))
    }
}

/// Says how far a run has come: reading first, then applying.
fn told() -> impl FnMut(sync::Progress) {
    let mut stage = Stage::Reading(Progress::new("read", "accounts"));
    move |progress| match (progress, &mut stage) {
        (sync::Progress::Read { accounts }, Stage::Reading(progress)) => progress.reach(accounts as u64),
        (sync::Progress::Applied { changes, of }, Stage::Applying(progress)) => {
            progress.set_total(of as u64);
            progress.reach(changes as u64);
        }
        (sync::Progress::Applied { changes, of }, Stage::Reading(_)) => {
            let mut progress = Progress::new("apply", "changes").of(of as u64);
            progress.reach(changes as u64);
            stage = Stage::Applying(progress);
        }
        (sync::Progress::Read { .. }, Stage::Applying(_)) => {}
    }
}

enum Stage {
    Reading(Progress),
    Applying(Progress),
}

impl From<SyncFault> for Failure {
    fn from(fault: SyncFault) -> Self {
        match fault {
            SyncFault::Directory(fault) => fault.into(),
            SyncFault::Store(fault) => fault.into(),
            SyncFault::Busy { .. }
            | SyncFault::NoItems { .. }
            | SyncFault::NotAwaiting { .. }
            | SyncFault::Cancelled => Self::No(fault.to_string()),
            SyncFault::Item { .. } => Self::Input(fault.to_string()),
            SyncFault::Empty { .. } | SyncFault::TakenOver { .. } | SyncFault::Groups(_) => {
                Self::Fault(fault.to_string())
            }
        }
    }
}
