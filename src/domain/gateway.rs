//! What is known of the products that stand in front of us: how long they wait, what they can show, what they must be
//! set to. The facts are in [`products`], each with a page in docs/gateways; here is what follows from them.
//!
//! Facts come from the makers' manuals and from public reports, which the pages name. What is not known is said to be
//! unknown; nothing here decides about a sign-in.

mod products;

use std::time::Duration;

use super::factor::Factor;

pub use products::PRODUCTS;

/// What a gateway speaks to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Ldap,
    Radius,
}

impl Door {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Radius => "radius",
        }
    }

    /// As people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ldap => "LDAP",
            Self::Radius => "RADIUS",
        }
    }
}

/// A product, perhaps with two doors.
#[derive(Debug)]
pub struct Product {
    /// What `--gateway` takes.
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub title: &'static str,
    pub ldap: Option<Side>,
    pub radius: Option<Radius>,
}

/// What holds at either door.
#[derive(Debug)]
pub struct Side {
    /// The page below docs/gateways, without its ending.
    pub page: &'static str,
    /// How long it waits unless it is told otherwise; `None`: not known.
    pub default: Option<Wait>,
    /// What it has to be set to so that a person has time to take the phone out.
    pub push: Wait,
    /// Where and how.
    pub settings: &'static [Setting],
    /// Why one sign-in makes more than one request, if it does; a grace answers the ones that follow.
    pub asks_again: Option<&'static str>,
    /// What is worth knowing about codes, if anything is.
    pub code: Option<&'static str>,
}

/// What holds at the RADIUS door alone.
#[derive(Debug)]
pub struct Radius {
    pub side: Side,
    /// Can it show an Access-Challenge and send what the person answers?
    pub challenges: Knowledge,
    /// Does it send Message-Authenticator in an Access-Request (CVE-2024-3596)?
    pub sends_authenticator: Sends,
    /// Where it refuses answers without one; ours always have it, as the first attribute.
    pub wants_authenticator: Option<&'static str>,
    /// What Calling-Station-Id holds.
    pub calling_station: CallingStation,
    /// The reply presets that say what a person may do there, the usual one first (`domain/radius/template`).
    pub groups: &'static [&'static str],
}

/// Something a gateway does, does not do, or that we do not know about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knowledge {
    Yes,
    No,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// By itself; the text says since when.
    Always(&'static str),
    /// When it is told to, by this setting.
    IfSet(&'static str),
    /// Not known.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallingStation {
    /// The address the person comes from.
    Address,
    /// The same, when it is told to by this setting.
    AddressIfSet(&'static str),
    /// The hardware address of the person's device.
    HardwareAddress,
    Unknown,
}

/// How long a gateway waits: each try so long, so many of them. A resend is not a second sign-in, because it gets the
/// first one's answer; so the tries add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub each: Duration,
    pub tries: u32,
}

impl Wait {
    pub const fn total(self) -> Duration {
        self.each.saturating_mul(self.tries)
    }

    /// When we have to have answered: a fifth of the wait before its end, and at most 5 s before it, for the network and
    /// the gateway's own work.
    pub fn answer_by(self) -> Duration {
        let total = self.total();
        total.saturating_sub((total / 5).min(Duration::from_secs(5)))
    }
}

impl std::fmt::Display for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tries {
            1 => write!(f, "{}", Seconds(self.each)),
            tries => write!(f, "{tries} × {}", Seconds(self.each)),
        }
    }
}

/// A span as people write it: `60 s`, `300 ms`.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.subsec_millis() == 0 {
            write!(f, "{} s", self.0.as_secs())
        } else if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        }
    }
}

/// One thing to set on a gateway.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Where: a menu path, a file, or its command line.
    pub place: &'static str,
    /// The lines or the values.
    pub set: &'static str,
}

/// The product of this name or alias.
pub fn find(name: &str) -> Option<&'static Product> {
    let name = name.to_ascii_lowercase();
    PRODUCTS.iter().find(|product| product.name == name || product.aliases.contains(&name.as_str()))
}

impl Product {
    pub fn side(&self, door: Door) -> Option<&Side> {
        match door {
            Door::Ldap => self.ldap.as_ref(),
            Door::Radius => self.radius.as_ref().map(|radius| &radius.side),
        }
    }

    /// The doors it can come in by.
    pub fn sides(&self) -> impl Iterator<Item = (Door, &Side)> {
        [Door::Ldap, Door::Radius].into_iter().filter_map(|door| self.side(door).map(|side| (door, side)))
    }
}

impl Side {
    /// The deadline that fits a gateway set as it has to be.
    pub fn answer_by(&self) -> Duration {
        self.push.answer_by()
    }

    /// The grace that answers what follows within one sign-in; zero where nothing follows.
    pub fn grace(&self) -> Duration {
        if self.asks_again.is_some() { Duration::from_secs(10) } else { Duration::ZERO }
    }
}

impl Radius {
    /// Whether a client of this kind may be asked by Access-Challenge, unless the administrator says otherwise.
    pub fn dialogs(&self) -> bool {
        self.challenges == Knowledge::Yes
    }
}

/// Something an administrator has to know about a gateway that is being added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Our deadline is no earlier than the longest wait the gateway can be set to with sense.
    AnswerSooner { title: &'static str, wait: Wait, answer_by: Duration },
    /// As it comes, it gives up before we answer, or before a person has taken the phone out.
    WaitLonger { title: &'static str, default: Wait, needed: Wait, place: &'static str, set: &'static str },
    /// How long it waits as it comes is not known.
    LookUpTheWait { title: &'static str, needed: Wait },
    /// It sends Message-Authenticator only when told to.
    SendAuthenticator { title: &'static str, setting: &'static str },
    /// Whether it sends Message-Authenticator is not known.
    WatchAuthenticator { title: &'static str },
    /// One sign-in asks more than once.
    GiveGrace { title: &'static str, why: &'static str },
}

/// What a person needs at least to approve on a phone. Our choice: push services take a few seconds, hands some more.
const TIME_FOR_A_PHONE: Duration = Duration::from_secs(20);

/// What has to be done about this gateway so that people can sign in by these factors before the deadline.
/// `answer_by` is the client's, `grace` too.
pub fn advice(product: &Product, door: Door, answer_by: Duration, grace: Duration, factors: &[Factor]) -> Vec<Advice> {
    let Some(side) = product.side(door) else { return vec![] };
    let title = product.title;
    let mut advice = vec![];
    if answer_by >= side.push.total() {
        advice.push(Advice::AnswerSooner { title, wait: side.push, answer_by: side.answer_by() });
    }
    let phone = factors.contains(&Factor::App);
    match side.default {
        None => advice.push(Advice::LookUpTheWait { title, needed: side.push }),
        Some(default) if default.total() <= answer_by || (phone && default.total() < TIME_FOR_A_PHONE) => {
            let (place, set) = side.settings.first().map_or(("", ""), |setting| (setting.place, setting.set));
            advice.push(Advice::WaitLonger { title, default, needed: side.push, place, set });
        }
        Some(_) => {}
    }
    if let (Door::Radius, Some(radius)) = (door, &product.radius) {
        match radius.sends_authenticator {
            Sends::Always(_) => {}
            Sends::IfSet(setting) => advice.push(Advice::SendAuthenticator { title, setting }),
            Sends::Unknown => advice.push(Advice::WatchAuthenticator { title }),
        }
    }
    if let (Some(why), true) = (side.asks_again, grace.is_zero()) {
        advice.push(Advice::GiveGrace { title, why });
    }
    advice
}

impl std::fmt::Display for Advice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AnswerSooner { title, wait, answer_by } => write!(
                f,
                "{title} waits {wait} when it is set for approvals; --answer-by {}s would still reach it.",
                answer_by.as_secs()
            ),
            Self::WaitLonger { title, default, needed, place, set } => {
                write!(
                    f,
                    "{title} gives up after {default} unless it is told to wait. Set it to {needed}: {place}:\n{set}"
                )
            }
            Self::LookUpTheWait { title, needed } => {
                write!(f, "How long {title} waits as it comes is not known. Set it to {needed}.")
            }
            Self::SendAuthenticator { title, setting } => write!(
                f,
                "{title} sends Message-Authenticator only when told to, and requests without it are dropped: {setting}"
            ),
            Self::WatchAuthenticator { title } => write!(
                f,
                "Whether {title} sends Message-Authenticator depends on its release. If its requests are dropped for the \
                 lack of it, update it; --legacy-no-message-authenticator is for one that cannot."
            ),
            Self::GiveGrace { title, why } => write!(f, "{title}: {why}; --grace 10s answers what follows."),
        }
    }
}

#[cfg(test)]
mod tests;
