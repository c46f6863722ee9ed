//! What people may do in the portal: switches an administrator sets, for everybody or for a group. How they are called and
//! read is in [`table`], whose rule counts in [`rules`].

pub mod rules;
pub mod table;

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use super::client::Client;
use super::factor::Factor;
use super::session::Limits;
use super::user::Account;

/// How somebody who has no factor yet comes to the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstEnrolment {
    /// The directory password opens the wizard.
    Password,
    /// Only a link from an administrator does.
    Link,
    Off,
}

/// What a person may add alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    App,
    Passkey,
    Totp,
    /// An OATH token from the stock, or of the person's own, by its serial number.
    HardwareToken,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::App, Self::Passkey, Self::Totp, Self::HardwareToken];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::HardwareToken => "hardware-token",
        }
    }
}

/// The switches as they hold for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Switches {
    /// May sign in to the portal at all.
    pub sign_in: bool,
    pub first_enrolment: FirstEnrolment,
    /// The first enrolment goes on to a second factor.
    pub second_way: bool,
    /// In the order of [`Kind::ALL`]; ask [`Switches::may_enrol`].
    pub kinds: Vec<Kind>,
    /// Phones with the app; 1 to 10.
    pub devices: u8,
    pub select_method: bool,
    pub select_language: bool,
    pub bypass: bool,
    /// Seconds that a bypass may last, and lasts unless the person may choose less.
    pub bypass_longest: u32,
    pub bypass_choose_length: bool,
    pub questions: bool,
    /// Questions a person sets up.
    pub questions_set: u8,
    /// Questions that have to be answered, all of them.
    pub questions_asked: u8,
    /// A code may be typed where the phone is not answered.
    pub code_fall_back: bool,
    /// A passkey that verifies its user opens the portal without the directory password.
    pub passkey_first: bool,
    /// Signing in to the portal from here needs no second factor.
    pub trusted_networks: Vec<IpNet>,
    pub change_expired_password: bool,
    /// The recovery page also lets a new factor be added.
    pub recovery_enrols: bool,
    /// How long a session lasts without use, and in all.
    pub session_idle: SignedDuration,
    pub session_longest: SignedDuration,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            sign_in: true,
            first_enrolment: FirstEnrolment::Password,
            second_way: true,
            kinds: Kind::ALL.to_vec(),
            devices: 5,
            select_method: true,
            select_language: true,
            bypass: false,
            bypass_longest: 300,
            bypass_choose_length: false,
            questions: false,
            questions_set: 4,
            questions_asked: 2,
            code_fall_back: true,
            passkey_first: false,
            trusted_networks: vec![],
            change_expired_password: true,
            recovery_enrols: false,
            session_idle: Limits::DEFAULT.idle,
            session_longest: Limits::DEFAULT.absolute,
        }
    }
}

/// What a browser brings to a sign-in beside what is typed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Brought {
    /// The person's enrolment link was opened there.
    pub invited: bool,
    /// Somebody is signed in there, and comes to prove a factor anew: the network is no factor.
    pub afresh: bool,
}

/// Why a person may not start a bypass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBypass {
    SwitchedOff,
    /// Not between a minute and this many seconds.
    Length {
        longest: u32,
    },
}

/// The shortest bypass; anything less has run out before it is used.
pub const SHORTEST_BYPASS: u32 = 60;

impl Switches {
    pub fn may_enrol(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// May the first factor be added by whoever has the password alone?
    pub fn enrols_by_password(&self) -> bool {
        self.sign_in && self.first_enrolment == FirstEnrolment::Password
    }

    /// Does a link from an administrator open the wizard?
    pub fn enrols_by_link(&self) -> bool {
        self.sign_in && matches!(self.first_enrolment, FirstEnrolment::Password | FirstEnrolment::Link)
    }

    /// May one more phone be added to these?
    pub fn takes_device(&self, present: usize) -> bool {
        self.may_enrol(Kind::App) && present < usize::from(self.devices)
    }

    pub fn trusts(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.trusted_networks.iter().any(|network| network.contains(&source))
    }

    /// How long a bypass lasts that a person starts alone; `wanted` in seconds, if the person said how long.
    pub fn bypass(&self, wanted: Option<u32>) -> Result<SignedDuration, NoBypass> {
        if !self.bypass {
            return Err(NoBypass::SwitchedOff);
        }
        let longest = self.bypass_longest;
        let seconds = wanted.filter(|_| self.bypass_choose_length).unwrap_or(longest);
        if !(SHORTEST_BYPASS..=longest).contains(&seconds) {
            return Err(NoBypass::Length { longest });
        }
        Ok(SignedDuration::from_secs(i64::from(seconds)))
    }

    /// The portal's policy for one person; `account` as far as we know it.
    pub fn policy(&self, portal: &Client, account: Option<&Account>, brought: Brought, now: Timestamp) -> Client {
        let mut client = portal.clone();
        client.trusted_networks.extend(&self.trusted_networks);
        if brought.afresh {
            client.trusted_networks.clear();
        }
        client.first_enrolment &= self.enrols_by_password() || (brought.invited && self.enrols_by_link());
        if !self.code_fall_back && account.is_some_and(|account| account.has(Factor::App, now)) {
            client.factors.retain(|factor| !matches!(factor, Factor::Totp | Factor::Hotp));
        }
        client
    }

    /// How long the person's sessions last.
    pub fn session_limits(&self) -> Limits {
        Limits { idle: self.session_idle, absolute: self.session_longest, ..Limits::DEFAULT }
    }

    /// Questions that are asked at once: no more than were set up.
    pub fn asked(&self) -> usize {
        usize::from(self.questions_asked.min(self.questions_set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_the_box_nothing_goes_round_the_second_factor() {
        let switches = Switches::default();
        assert!(!switches.bypass && !switches.questions && !switches.passkey_first && !switches.recovery_enrols);
        assert!(switches.trusted_networks.is_empty());
        assert!(switches.sign_in && switches.enrols_by_password() && switches.enrols_by_link());
        assert!(Kind::ALL.into_iter().all(|kind| switches.may_enrol(kind)));
    }

    #[test]
    fn who_may_not_sign_in_may_not_enrol_either() {
        let with = |sign_in, first_enrolment| Switches { sign_in, first_enrolment, ..Switches::default() };
        for (sign_in, first, by_password, by_link) in [
            (true, FirstEnrolment::Password, true, true),
            (true, FirstEnrolment::Link, false, true),
            (true, FirstEnrolment::Off, false, false),
            (false, FirstEnrolment::Password, false, false),
            (false, FirstEnrolment::Link, false, false),
        ] {
            let switches = with(sign_in, first);
            assert_eq!((switches.enrols_by_password(), switches.enrols_by_link()), (by_password, by_link), "{first:?}");
        }
    }

    #[test]
    fn a_bypass_lasts_no_longer_than_it_may_and_is_chosen_only_where_that_is_allowed() {
        let with = |bypass, bypass_choose_length| Switches { bypass, bypass_choose_length, ..Switches::default() };
        let seconds = |switches: Switches, wanted| switches.bypass(wanted).map(|span| span.as_secs());
        assert_eq!(seconds(with(false, true), None), Err(NoBypass::SwitchedOff));
        assert_eq!(seconds(with(true, false), None), Ok(300));
        assert_eq!(seconds(with(true, false), Some(60)), Ok(300), "there is nothing to choose");
        assert_eq!(seconds(with(true, true), Some(60)), Ok(60));
        for wrong in [0, 59, 301, u32::MAX] {
            assert_eq!(seconds(with(true, true), Some(wrong)), Err(NoBypass::Length { longest: 300 }), "{wrong}");
        }
    }

    #[test]
    fn so_many_phones_and_no_more() {
        let two = Switches { devices: 2, ..Switches::default() };
        assert!(two.takes_device(1) && !two.takes_device(2));
        let none = Switches { kinds: vec![Kind::Totp], ..two };
        assert!(!none.takes_device(0));
    }

    #[test]
    fn a_trusted_network_is_known_by_either_form_of_its_addresses() {
        let switches = Switches { trusted_networks: vec!["192.0.2.0/24".parse().unwrap()], ..Switches::default() };
        assert!(switches.trusts("192.0.2.7".parse().unwrap()));
        assert!(switches.trusts("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!switches.trusts("198.51.100.7".parse().unwrap()));
    }

    const INVITED: Brought = Brought { invited: true, afresh: false };

    #[test]
    fn whoever_comes_to_prove_a_factor_anew_is_asked_for_one_wherever_they_are() {
        use crate::domain::fixture::{NOW, account, client};
        let office = Switches { trusted_networks: vec!["192.0.2.0/24".parse().unwrap()], ..Switches::default() };
        let portal = Client { trusted_networks: vec!["198.51.100.0/24".parse().unwrap()], ..client() };
        let trusted = |afresh| {
            let brought = Brought { afresh, ..Brought::default() };
            office.policy(&portal, Some(&account(&[Factor::Totp])), brought, NOW).trusted_networks.len()
        };
        assert_eq!((trusted(false), trusted(true)), (2, 0));
    }

    #[test]
    fn the_portals_policy_is_narrowed_and_widened_for_one_person() {
        use crate::domain::fixture::{NOW, account, client};
        let portal = Client { portal: true, first_enrolment: true, ..client() };
        let policy = |switches: &Switches, factors: &[Factor]| {
            let client = switches.policy(&portal, Some(&account(factors)), Brought::default(), NOW);
            (client.first_enrolment, client.factors.contains(&Factor::Totp), client.trusted_networks.len())
        };
        let both = [Factor::App, Factor::Totp];
        assert_eq!(policy(&Switches::default(), &both), (true, true, 0));
        let strict = Switches { code_fall_back: false, first_enrolment: FirstEnrolment::Link, ..Switches::default() };
        assert_eq!(policy(&strict, &both), (false, false, 0));
        assert_eq!(policy(&strict, &[Factor::Totp]), (false, true, 0), "there is nothing to fall back from");
        let office = Switches { trusted_networks: vec!["10.0.0.0/8".parse().unwrap()], ..Switches::default() };
        assert_eq!(policy(&office, &both), (true, true, 1));
        assert!(strict.policy(&portal, Some(&account(&[])), INVITED, NOW).first_enrolment, "a link was opened");
        let shut = Client { first_enrolment: false, ..portal.clone() };
        assert!(
            !Switches::default().policy(&shut, None, INVITED, NOW).first_enrolment,
            "an administrator's word for all stays"
        );
    }

    #[test]
    fn sessions_last_as_long_as_the_switches_say() {
        let switches = Switches { session_idle: SignedDuration::from_mins(5), ..Switches::default() };
        let limits = switches.session_limits();
        assert_eq!((limits.idle, limits.absolute), (SignedDuration::from_mins(5), Limits::DEFAULT.absolute));
        assert_eq!(limits.fresh, Limits::DEFAULT.fresh);
    }

    #[test]
    fn no_more_questions_are_asked_than_were_set_up() {
        let switches = Switches { questions_set: 3, questions_asked: 5, ..Switches::default() };
        assert_eq!(switches.asked(), 3);
    }
}
