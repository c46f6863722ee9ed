//! `vestibule user`: who is known, and what a help desk does for them. Enrolment is in [`super::enrol`].

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::enrol::{EnrolApp, EnrolHotp, EnrolTotp, EnrolmentLink, RecoveryCodes, Resync};
use super::export::Export;
use super::failure::Failure;
use super::history::History;
use super::import_file::FromFile;
use super::progress::Progress;
use super::world::World;
use super::{group, input, show};
use crate::domain::dn::Dn;
use crate::domain::ids::AuthenticatorId;
use crate::domain::outcome::Denial;
use crate::domain::pin;
use crate::factors;
use crate::flows::import::{self, Conflict, ImportFault, Named, Report, Skipped, Which};
use crate::store::groups::Membership;
use crate::store::users::Listed;
use crate::telemetry::shown;
use crate::wire::filter::Filter;

#[derive(Subcommand)]
pub enum Command {
    /// Show the users
    List {
        /// Print JSON: an array of objects
        #[arg(long)]
        json: bool,
    },
    /// Show one user and their factors
    Show {
        #[command(flatten)]
        who: Who,
        /// Print JSON: one object
        #[arg(long)]
        json: bool,
    },
    /// Take accounts of a directory into our books, or bring them up to date; all that match, or those a file names
    #[command(after_help = IMPORT_EXAMPLE)]
    Import(Import),
    /// Write the users as CSV, without any secret; `user import --file` reads it back
    Export(Export),
    /// Keep a user out, whatever the directory says
    Disable {
        #[command(flatten)]
        who: Who,
    },
    /// Let a disabled user in again
    Enable {
        #[command(flatten)]
        who: Who,
    },
    /// Give a user a TOTP token (an authenticator app); shows its secret once
    EnrolTotp(EnrolTotp),
    /// Give a user a counter-based hardware token
    AddHotp(EnrolHotp),
    /// Give a user a phone; its requests are answered with `vestibule challenge approve`
    EnrolApp(EnrolApp),
    /// Invite a user to enrol: prints a link and a QR code that serve once and together with the password
    EnrolmentLink(EnrolmentLink),
    /// Give a user ten new recovery codes, shown once; the old ones are void at once
    RecoveryCodes(RecoveryCodes),
    /// Find a token that has drifted away, by two codes it shows one after the other
    Resync(Resync),
    /// Take every factor, recovery code and lockout from a user, who then enrols anew
    Reset {
        #[command(flatten)]
        who: Who,
        /// Yes, really
        #[arg(long)]
        yes: bool,
    },
    /// Let a user in once without a second factor
    Bypass {
        #[command(flatten)]
        who: Who,
        /// How long the permission waits to be used
        #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
        seconds: u32,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", value_parser = input::words)]
        reason: Option<String>,
        /// Take a permission back that nobody has used
        #[arg(long, conflicts_with_all = ["seconds", "reason"])]
        end: bool,
    },
    /// Show what happened to a user's account: sign-ins, prompts, changes; the newest first
    History(History),
    /// Set a user's PIN, or take it away
    Pin {
        #[command(flatten)]
        who: Who,
        /// File with the PIN, or - for standard input
        #[arg(long, value_name = "FILE", required_unless_present = "clear")]
        pin_file: Option<PathBuf>,
        /// Take the PIN away
        #[arg(long, conflicts_with_all = ["pin_file", "must_change"])]
        clear: bool,
        /// Note that the person has to choose another
        #[arg(long)]
        must_change: bool,
    },
    /// End a user's lockout or block
    Unlock {
        #[command(flatten)]
        who: Who,
    },
}

const IMPORT_EXAMPLE: &str = "\
Example, first to look and then to do:
  vestibule user import --directory corp --filter '(memberOf=cn=vpn,ou=groups,dc=corp,dc=example)' --dry-run
  vestibule user import --directory corp --filter '(memberOf=cn=vpn,ou=groups,dc=corp,dc=example)'
  vestibule user import --file people.csv
  vestibule user import --file people.csv --apply";

/// A user, as a person names one.
#[derive(Args)]
pub struct Who {
    /// The user's name in any form: account, DOMAIN\account, user@domain, mail address, DN
    name: String,
    /// Which directory's user, if several have one of that name
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

impl Who {
    pub async fn find(&self, world: &World) -> Result<Listed, Failure> {
        world.user(&self.name, self.directory.as_deref()).await
    }
}

#[derive(Args)]
pub struct Import {
    /// The directory to import from; with --file it may be left out, if there is only one or the rows name theirs
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    directory: Option<String>,
    /// Which accounts, as an LDAP filter; without it all people
    #[arg(long, value_name = "LDAPFILTER", value_parser = |text: &str| Filter::parse(text))]
    filter: Option<Filter>,
    /// Only below this entry
    #[arg(long, value_name = "DN", value_parser = input::dn)]
    base: Option<Dn>,
    /// Say what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: one object with found, added, updated, unchanged, conflicts, skipped; of a file with counts, columns, rows
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    from_file: FromFile,
}

impl Command {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let World { store, actor, .. } = world;
        match self {
            Self::List { json } => list(world, json).await,
            Self::Show { who, json } => show_one(world, &who, json).await,
            Self::Import(import) => import.run(world).await,
            Self::Export(export) => export.run(world).await,
            Self::Disable { who } => {
                let user = who.find(world).await?;
                store.set_enabled(&user, false, actor).await?;
                show::line(format_args!("{} is disabled.", shown(&user.name)))
            }
            Self::Enable { who } => {
                let user = who.find(world).await?;
                store.set_enabled(&user, true, actor).await?;
                show::line(format_args!("{} is enabled.", shown(&user.name)))
            }
            Self::EnrolTotp(enrol) => enrol.run(world).await,
            Self::AddHotp(enrol) => enrol.run(world).await,
            Self::EnrolApp(enrol) => enrol.run(world).await,
            Self::EnrolmentLink(link) => link.run(world).await,
            Self::RecoveryCodes(codes) => codes.run(world).await,
            Self::Resync(resync) => resync.run(world).await,
            Self::Reset { who, yes } => {
                let user = who.find(world).await?;
                if !yes {
                    let name = shown(&user.name);
                    return Err(Failure::Input(format!("this takes every factor from {name}; add --yes")));
                }
                let authenticators = store.reset(&user, actor).await?;
                show::line(format_args!("{} is reset; {authenticators} factors are gone.", shown(&user.name)))
            }
            Self::Bypass { who, end: true, .. } => {
                let user = who.find(world).await?;
                if !store.end_bypass(&user, actor).await? {
                    return Err(Failure::No(format!("{} has no bypass that could be used", shown(&user.name))));
                }
                show::line(format_args!("The bypass of {} is over.", shown(&user.name)))
            }
            Self::History(history) => history.run(world).await,
            Self::Bypass { who, seconds, reason, end: false } => {
                let user = who.find(world).await?;
                let span = SignedDuration::from_secs(i64::from(seconds));
                let until = store.grant_bypass(&user, span, reason.as_deref(), actor).await?;
                let until = show::time(until);
                show::line(format_args!(
                    "{} may sign in once without a second factor until {until}.",
                    shown(&user.name)
                ))
            }
            Self::Pin { who, pin_file, must_change, .. } => {
                set_pin(world, &who, pin_file.as_deref(), must_change).await
            }
            Self::Unlock { who } => {
                let user = who.find(world).await?;
                store.unlock(&user, actor).await?;
                show::line(format_args!("{} is unlocked.", shown(&user.name)))
            }
        }
    }
}

async fn set_pin(world: &World, who: &Who, file: Option<&Path>, must_change: bool) -> Result<(), Failure> {
    let user = who.find(world).await?;
    let name = shown(&user.name);
    let Some(file) = file else {
        if world.store.clear_pin(&user, &world.actor).await? {
            return show::line(format_args!("{name} has no PIN any more."));
        }
        return Err(Failure::No(format!("{name} has no PIN")));
    };
    let text = input::secret_text(file)?;
    let new = pin::new_pin(text.trim_end_matches(['\r', '\n'])).map_err(|fault| Failure::Input(fault.to_string()))?;
    let salt = world.ambient.bytes();
    let hashed = tokio::task::spawn_blocking(move || factors::pin::hash(&new, salt)).await;
    let hash = hashed.map_err(|error| Failure::Fault(error.to_string()))?;
    world.store.set_pin(&user, &hash, must_change, &world.actor).await?;
    show::line(format_args!("{name} has a new PIN."))
}

async fn list(world: &World, json: bool) -> Result<(), Failure> {
    let (users, now) = (world.store.users().await?, world.store.ambient().now());
    if json {
        return show::json(&users);
    }
    let rows: Vec<_> = users
        .into_iter()
        .map(|user| {
            let state = state(&user, now);
            [user.name, user.directory, user.mail.unwrap_or_default(), user.factors.join(", "), state]
        })
        .collect();
    show::table(["name", "directory", "mail", "factors", "state"], &rows)
}

fn state(user: &Listed, now: Timestamp) -> String {
    let mut words = vec![];
    if !user.enabled {
        words.push("disabled".to_owned());
    }
    if user.blocked {
        words.push("blocked".to_owned());
    }
    match (user.in_directory.denial(now), user.in_directory.until) {
        (Some(Denial::ExpiredInDirectory), Some(until)) => {
            words.push(format!("expired in the directory since {}", show::time(until)));
        }
        (Some(_), _) => words.push("disabled in the directory".to_owned()),
        (None, _) => {}
    }
    words.extend(user.locked_until.map(|until| format!("locked out until {}", show::time(until))));
    words.extend(user.bypass_until.map(|until| format!("bypass until {}", show::time(until))));
    words.join(", ")
}

#[derive(Serialize)]
struct ShownUser {
    #[serde(flatten)]
    user: Listed,
    groups: Vec<Membership>,
    authenticators: Vec<ShownAuthenticator>,
}

#[derive(Serialize)]
struct ShownAuthenticator {
    id: AuthenticatorId,
    factor: &'static str,
    label: String,
}

async fn show_one(world: &World, who: &Who, json: bool) -> Result<(), Failure> {
    let user = who.find(world).await?;
    let authenticators =
        world.store.authenticators(user.id).await?.into_iter().map(|authenticator| ShownAuthenticator {
            id: authenticator.id,
            factor: authenticator.token.factor().as_str(),
            label: authenticator.label,
        });
    let authenticators: Vec<_> = authenticators.collect();
    let groups = world.store.groups_of(user.id).await?;
    if json {
        return show::json(&ShownUser { user, groups, authenticators });
    }
    let mut facts = vec![("name", user.name.clone()), ("directory", user.directory.clone()), ("dn", user.dn.clone())];
    facts.extend(user.mail.clone().map(|mail| ("mail", mail)));
    let person = &user.profile;
    let called = [&person.first, &person.last].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    facts.extend((!called.is_empty()).then_some(("person", called)));
    facts.extend(person.phones.iter().map(|labelled| ("phone", format!("{} ({})", labelled.phone, labelled.label))));
    let chosen = user.language_chosen.clone().map(|language| format!("{language} (their own choice)"));
    facts.extend(chosen.or_else(|| person.language.clone()).map(|language| ("language", language)));
    facts.extend(groups.into_iter().map(|group| ("group", group::membership(&group))));
    let state = state(&user, world.store.ambient().now());
    let phones = world.store.phones(user.id).await?;
    facts.extend(phones.into_iter().map(|(purpose, phone)| (purpose.name(), format!("{phone} (not verified)"))));
    facts.extend(
        user.has_pin.then(|| ("PIN", if user.pin_must_change { "set, to be changed" } else { "set" }.to_owned())),
    );
    facts.push(("state", if state.is_empty() { "enabled".to_owned() } else { state }));
    let each =
        authenticators.into_iter().map(|each| ("factor", format!("{} {} ({})", each.factor, each.label, each.id)));
    facts.extend(each);
    let codes = user.factors.into_iter().filter(|factor| factor.starts_with("recovery-code"));
    facts.extend(codes.map(|codes| ("factor", codes)));
    show::facts(&facts)
}

#[derive(Serialize)]
struct ShownReport {
    dry_run: bool,
    found: usize,
    added: Vec<Named>,
    updated: Vec<Named>,
    unchanged: usize,
    conflicts: Vec<Conflict>,
    skipped: Vec<Skipped>,
}

impl Import {
    async fn run(self, world: &World) -> Result<(), Failure> {
        if let Some(path) = &self.from_file.file {
            return self.from_file.run(path, self.directory.as_deref(), world, self.json).await;
        }
        let directory = world.directory(self.directory.as_deref().unwrap_or_default()).await?;
        let top = Dn::parse(&directory.base_dn).map_err(|fault| Failure::Fault(fault.to_string()))?;
        let base = self.base.unwrap_or_else(|| top.clone());
        if !base.is_under(&top) {
            return Err(Failure::Input(format!("--base {base} is not below {top}, where sign-ins look for people")));
        }
        let filter = match self.filter {
            Some(filter) => filter,
            None => Filter::parse(directory.people_filter()).map_err(|fault| Failure::Fault(fault.to_string()))?,
        };
        let which = Which { base, filter };
        let client = world.ask(directory.clone())?;
        let plan = import::plan(&world.store, &client, &which, Progress::new("read", "accounts").counter()).await?;
        let report = if self.dry_run {
            plan.report()
        } else {
            let written = Progress::new("write", "accounts").counter();
            plan.carry_out(&world.store, &directory, &world.actor, written).await?
        };
        if report.found == 0 {
            return Err(Failure::No(format!(
                "no account below {} matches; check --filter, --base and the rights of {}",
                which.base, directory.bind_dn
            )));
        }
        tell(report, self.dry_run, self.json)
    }
}

fn tell(report: Report, dry_run: bool, json: bool) -> Result<(), Failure> {
    let Report { found, added, updated, unchanged, conflicts, skipped } = report;
    if json {
        return show::json(&ShownReport { dry_run, found, added, updated, unchanged, conflicts, skipped });
    }
    for Conflict { name, dn, other } in &conflicts {
        let (name, dn, other) = (shown(name), shown(dn), shown(other));
        show::note(format_args!("Not imported: {dn}: its name {name} is also that of {other}"));
    }
    for Skipped { dn, why } in &skipped {
        show::note(format_args!("Not imported: {}: {why}", shown(dn)));
    }
    if dry_run {
        let each = |word: &'static str, names: &[Named]| {
            names
                .iter()
                .try_for_each(|Named { name, dn }| show::line(format_args!("{word} {}  {}", shown(name), shown(dn))))
        };
        each("would add", &added)?;
        each("would update", &updated)?;
    }
    let counts = format!("added {}, updated {}, unchanged {unchanged}", added.len(), updated.len());
    let counts = format!("{counts}, conflicts {}, skipped {}", conflicts.len(), skipped.len());
    if dry_run { show::line(format_args!("A dry run; nothing was changed. {counts}")) } else { show::line(counts) }
}

impl From<ImportFault> for Failure {
    fn from(fault: ImportFault) -> Self {
        match fault {
            ImportFault::Directory(fault) => fault.into(),
            ImportFault::Store(fault) => fault.into(),
        }
    }
}
