//! `vestibule gateway`: what is known of the products that stand in front of us, and what to set on them.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::show;
use crate::domain::gateway::{self, CallingStation, Door, Knowledge, PRODUCTS, Product, Radius, Sends, Side};

#[derive(Subcommand)]
pub enum Command {
    /// Show the products that `client add --gateway` knows
    List {
        /// Print JSON: an array of objects, one for each product and door
        #[arg(long)]
        json: bool,
    },
    /// Show what to set on a product, and what is known of it
    Show {
        /// Its name or an alias, as `gateway list` shows them
        name: String,
        /// Print JSON: an array of objects, one for each door
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::List { json } => list(json),
            Self::Show { name, json } => show_one(&name, json),
        }
    }
}

/// One door of one product, as scripts see it. What is not known is `null`.
#[derive(Serialize)]
struct Shown {
    name: &'static str,
    title: &'static str,
    aliases: &'static [&'static str],
    door: &'static str,
    default_wait_ms: Option<u128>,
    needed_wait_ms: u128,
    answer_by_ms: u128,
    grace_ms: u128,
    settings: Vec<ShownSetting>,
    asks_again: Option<&'static str>,
    code: Option<&'static str>,
    radius: Option<ShownRadius>,
    page: String,
}

#[derive(Serialize)]
struct ShownSetting {
    place: &'static str,
    set: &'static str,
}

#[derive(Serialize)]
struct ShownRadius {
    challenges: Option<bool>,
    sends_message_authenticator: Option<&'static str>,
    wants_message_authenticator: Option<&'static str>,
    calling_station_id: Option<&'static str>,
    groups: &'static [&'static str],
}

impl Shown {
    fn all(product: &'static Product) -> impl Iterator<Item = Self> {
        product.sides().map(move |(door, side)| Self::new(product, door, side))
    }

    fn new(product: &'static Product, door: Door, side: &'static Side) -> Self {
        Self {
            name: product.name,
            title: product.title,
            aliases: product.aliases,
            door: door.as_str(),
            default_wait_ms: side.default.map(|wait| wait.total().as_millis()),
            needed_wait_ms: side.push.total().as_millis(),
            answer_by_ms: side.answer_by().as_millis(),
            grace_ms: side.grace().as_millis(),
            settings: side.settings.iter().map(|one| ShownSetting { place: one.place, set: one.set }).collect(),
            asks_again: side.asks_again,
            code: side.code,
            radius: product.radius.as_ref().filter(|_| door == Door::Radius).map(ShownRadius::new),
            page: page(side),
        }
    }
}

impl ShownRadius {
    fn new(radius: &'static Radius) -> Self {
        Self {
            challenges: match radius.challenges {
                Knowledge::Yes => Some(true),
                Knowledge::No => Some(false),
                Knowledge::Unknown => None,
            },
            sends_message_authenticator: match radius.sends_authenticator {
                Sends::Always(since) => Some(since),
                Sends::IfSet(setting) => Some(setting),
                Sends::Unknown => None,
            },
            wants_message_authenticator: radius.wants_authenticator,
            calling_station_id: match radius.calling_station {
                CallingStation::Address => Some("address"),
                CallingStation::AddressIfSet(_) => Some("address-if-set"),
                CallingStation::HardwareAddress => Some("hardware-address"),
                CallingStation::Unknown => None,
            },
            groups: radius.groups,
        }
    }
}

fn page(side: &Side) -> String {
    format!("docs/gateways/{}.md", side.page)
}

fn list(json: bool) -> Result<(), Failure> {
    if json {
        return show::json(&PRODUCTS.iter().flat_map(Shown::all).collect::<Vec<_>>());
    }
    let rows: Vec<_> = PRODUCTS
        .iter()
        .flat_map(|product| product.sides().map(move |(door, side)| (product, door, side)))
        .map(|(product, door, side)| {
            [
                product.name.to_owned(),
                door.as_str().to_owned(),
                side.default.map_or_else(|| "not known".to_owned(), |wait| wait.to_string()),
                side.push.to_string(),
                format!("{}s", side.answer_by().as_secs()),
                product.aliases.join(", "),
            ]
        })
        .collect();
    show::table(["name", "door", "waits", "set it to", "answer by", "also called"], &rows)
}

fn show_one(name: &str, json: bool) -> Result<(), Failure> {
    let product = gateway::find(name).ok_or_else(|| {
        Failure::No(format!("no product is called {name:?}; `vestibule gateway list` shows those that are known"))
    })?;
    if json {
        return show::json(&Shown::all(product).collect::<Vec<_>>());
    }
    show::line(product.title)?;
    product.sides().try_for_each(|(door, side)| {
        show::line(format_args!("\n{}", door.title()))?;
        show::facts(&facts(product, door, side))?;
        side.settings.iter().try_for_each(|one| show::line(format_args!("\n{}:\n{}", one.place, indented(one.set))))
    })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn facts(product: &Product, door: Door, side: &Side) -> Vec<(&'static str, String)> {
    let default = side.default.map_or_else(|| "not known".to_owned(), |wait| wait.to_string());
    let mut facts = vec![
        ("waits, as it comes", default),
        ("set it to", side.push.to_string()),
        ("client add --answer-by", format!("{}s", side.answer_by().as_secs())),
    ];
    if let Some(why) = side.asks_again {
        facts.push(("client add --grace", format!("{}s: {why}", side.grace().as_secs())));
    }
    if let (Door::Radius, Some(radius)) = (door, &product.radius) {
        facts.extend(radius_facts(radius));
    }
    facts.extend(side.code.map(|code| ("codes", code.to_owned())));
    facts.push(("more", page(side)));
    facts
}

fn radius_facts(radius: &Radius) -> Vec<(&'static str, String)> {
    let challenges = match radius.challenges {
        Knowledge::Yes => "shown: client add --dialogs",
        Knowledge::No => "not shown: the code stands behind the password, or the phone is asked",
        Knowledge::Unknown => "not known whether it shows them; try one person",
    };
    let sends = match radius.sends_authenticator {
        Sends::Always(since) => since.to_owned(),
        Sends::IfSet(setting) => format!("when told to: {setting}"),
        Sends::Unknown => "not known whether it sends it".to_owned(),
    };
    let station = match radius.calling_station {
        CallingStation::Address => "the person's address".to_owned(),
        CallingStation::AddressIfSet(setting) => format!("the person's address, when told to: {setting}"),
        CallingStation::HardwareAddress => "the device's hardware address".to_owned(),
        CallingStation::Unknown => "not known".to_owned(),
    };
    let mut facts = vec![("challenges", challenges.to_owned()), ("Message-Authenticator", sends)];
    facts.extend(radius.wants_authenticator.map(|wants| ("refuses answers without it", wants.to_owned())));
    facts.push(("Calling-Station-Id", station));
    if !radius.groups.is_empty() {
        facts.push(("reply presets for groups", radius.groups.join(", ")));
    }
    facts
}
