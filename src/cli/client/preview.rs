//! `vestibule client preview`: what an Access-Accept would carry for somebody, and why.

use clap::Args;
use serde::Serialize;

use super::super::failure::Failure;
use super::super::group::membership;
use super::super::show;
use super::super::world::World;
use super::reply;
use crate::domain::radius::dictionary::Dictionary;
use crate::domain::radius::template::{Encoded, Explained, Fate, Person, Rule, explain, readable};
use crate::store::groups::Membership;

#[derive(Args)]
pub struct Preview {
    /// The client's name
    client: String,
    /// The person, by any of their names
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Print JSON: one object with client, user, groups, rules, attributes, packet_bytes, fault
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    client: String,
    user: String,
    groups: Vec<Membership>,
    rules: Vec<ShownRule>,
    attributes: Vec<ShownAttribute>,
    /// Of an Access-Accept with its Message-Authenticator, without Proxy-States.
    packet_bytes: usize,
    /// Why there would be no such answer.
    fault: Option<String>,
}

#[derive(Serialize)]
struct ShownRule {
    number: usize,
    rule: String,
    /// How many attributes it makes.
    attributes: usize,
    /// Why it makes none.
    why_not: Option<String>,
    /// Groups it could not name, and why.
    left_out: Vec<String>,
}

#[derive(Serialize)]
struct ShownAttribute {
    attribute: String,
    value: String,
    /// In the packet, header included.
    bytes: usize,
}

/// RFC 2865 §3 and RFC 2869 §5.14.
const HEADER: usize = 20;
const MESSAGE_AUTHENTICATOR: usize = 18;

impl Preview {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let (client, rules) = reply::rules_of(world, &self.client).await?;
        let directories = world.store.directories().await?;
        let directory = directories.into_iter().find(|directory| directory.id == client.directory);
        let user = world.user(&self.user, directory.as_ref().map(|directory| directory.name.as_str())).await?;
        let dictionary = reply::dictionary(world)?;
        let groups = world.store.groups_of(user.id).await?;
        let Some(known) = world.store.reply_person(user.id).await? else {
            return Err(Failure::No(format!("{} has just been removed", user.name)));
        };
        let person = Person {
            name: &known.name,
            display: known.display.as_deref(),
            mail: known.mail.as_deref(),
            upn: known.upn.as_deref(),
            client: &client.name,
            groups: &known.groups,
        };
        let explained = explain(&dictionary, &rules, &person);
        let shown = Shown::new(client.name.clone(), user.name, groups, &rules, explained, &dictionary);
        let fault = shown.fault.clone();
        if self.json {
            show::json(&shown)?;
            return if fault.is_some() { Err(Failure::SaidNo) } else { Ok(()) };
        }
        shown.tell()?;
        fault.map_or(Ok(()), |fault| Err(Failure::No(format!("no answer could be made: {}", show::safe(&fault)))))
    }
}

impl Shown {
    fn new(
        client: String,
        user: String,
        groups: Vec<Membership>,
        rules: &[Rule],
        explained: Explained,
        dictionary: &Dictionary,
    ) -> Self {
        let rules = (1..).zip(rules).zip(explained.fates);
        let rules = rules.map(|((number, rule), fate)| ShownRule::new(number, rule, fate)).collect();
        let (sent, fault) = match explained.answer {
            Ok(sent) => (sent, None),
            Err(fault) => (vec![], Some(fault.to_string())),
        };
        let attributes: Vec<ShownAttribute> = sent.iter().map(|sent| ShownAttribute::new(sent, dictionary)).collect();
        let packet_bytes = HEADER + MESSAGE_AUTHENTICATOR + attributes.iter().map(|each| each.bytes).sum::<usize>();
        Self { client, user, groups, rules, attributes, packet_bytes, fault }
    }

    fn tell(&self) -> Result<(), Failure> {
        let mut facts = vec![("client", self.client.clone()), ("user", self.user.clone())];
        facts.extend(self.groups.iter().map(|group| ("group", membership(group))));
        show::facts(&facts)?;
        if self.rules.is_empty() {
            show::note(format_args!("{} has no rules; `vestibule client reply add` makes one.", self.client));
        } else {
            show::line("")?;
            let rows = self.rules.iter().map(|rule| [rule.number.to_string(), rule.rule.clone(), rule.outcome()]);
            show::table(["rule", "says", "sends"], &rows.collect::<Vec<_>>())?;
        }
        if !self.attributes.is_empty() {
            show::line("")?;
            let row = |each: &ShownAttribute| [each.attribute.clone(), each.value.clone(), each.bytes.to_string()];
            let rows: Vec<_> = self.attributes.iter().map(row).collect();
            show::table(["attribute", "value", "bytes"], &rows)?;
        }
        if self.fault.is_some() {
            return Ok(());
        }
        show::line(format_args!(
            "\nThe Access-Accept has {} bytes, and whatever Proxy-States come back.",
            self.packet_bytes
        ))
    }
}

impl ShownRule {
    fn new(number: usize, rule: &Rule, fate: Fate) -> Self {
        let (attributes, why_not, left_out) = match fate {
            Fate::Applied { attributes, left_out } => (attributes, None, left_out),
            Fate::Left(left) => (0, Some(left.to_string()), vec![]),
            Fate::Failed(fault) => (0, Some(fault.to_string()), vec![]),
        };
        let left_out = left_out.into_iter().map(|(group, why)| format!("{group}: {why}")).collect();
        Self { number, rule: rule.to_string(), attributes, why_not, left_out }
    }

    fn outcome(&self) -> String {
        let sends = match &self.why_not {
            Some(why) => format!("nothing: {why}"),
            None => self.attributes.to_string(),
        };
        if self.left_out.is_empty() { sends } else { format!("{sends}; not {}", self.left_out.join(", not ")) }
    }
}

impl ShownAttribute {
    fn new(encoded: &Encoded, dictionary: &Dictionary) -> Self {
        let readable = readable(dictionary, encoded);
        Self { attribute: readable.name, value: readable.value, bytes: encoded.wire_len() }
    }
}
