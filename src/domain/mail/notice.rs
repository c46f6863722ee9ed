//! What mails tell people. A notice goes out because of an event of the audit trail ([`Notice::of`]), in the same
//! transaction: what is recorded is told, and nothing else is. Invitations and test mails are asked for.

use jiff::Timestamp;
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::audit::Event;
use crate::domain::factor::Factor;
use crate::domain::ids::UserId;

/// A page of the portal that lets in whoever has its path. It is in no log, no list and no error text; the portal's address
/// comes before it when the mail is written.
#[derive(Clone)]
pub struct Link(Zeroizing<String>);

impl Link {
    /// `path` begins with a slash.
    pub fn new(path: Zeroizing<String>) -> Self {
        Self(path)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What a mail says.
#[derive(Clone)]
pub enum What {
    /// Somebody shall enrol: at a link of their own while it is valid, or at the portal.
    Invited {
        link: Option<Link>,
        until: Option<Timestamp>,
    },
    /// Their first authenticator.
    Enrolled {
        factor: Factor,
    },
    AuthenticatorAdded {
        factor: Factor,
    },
    AuthenticatorRemoved {
        factor: Factor,
    },
    /// All of them, by an administrator.
    FactorsReset,
    /// `left`: codes not used yet.
    RecoveryCodeUsed {
        left: u32,
    },
    RecoveryCodesMade {
        count: u32,
    },
    BypassStarted {
        until: Timestamp,
    },
    /// Somebody said of a sign-in that it was not theirs, and the account is blocked.
    SignInReported,
    PasswordChanged,
    /// Without an end it takes a person to unlock it.
    LockedOut {
        until: Option<Timestamp>,
    },
    /// `vestibule mail test`.
    Test,
}

impl What {
    /// The name in lists, in the database and in the keys of texts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Invited { .. } => INVITED,
            Self::Enrolled { .. } => "enrolled",
            Self::AuthenticatorAdded { .. } => "authenticator-added",
            Self::AuthenticatorRemoved { .. } => "authenticator-removed",
            Self::FactorsReset => "factors-reset",
            Self::RecoveryCodeUsed { .. } => "recovery-code-used",
            Self::RecoveryCodesMade { .. } => "recovery-codes-made",
            Self::BypassStarted { .. } => "bypass-started",
            Self::SignInReported => "sign-in-reported",
            Self::PasswordChanged => "password-changed",
            Self::LockedOut { .. } => "locked-out",
            Self::Test => "test",
        }
    }
}

/// Asked for by people, and so not counted among notices.
pub const INVITED: &str = "invited";

/// Who did it, as far as the person is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Whoever signed in as the person.
    Person,
    Administrator,
    /// Nobody: a rule, a schedule.
    Appliance,
}

impl By {
    /// As the audit trail names them. What administrators are called is not told.
    pub fn of(actor: &str) -> Self {
        if actor.starts_with("command line") {
            Self::Administrator
        } else if actor.starts_with("schedule") || actor.starts_with("sync run") {
            Self::Appliance
        } else {
            Self::Person
        }
    }
}

#[derive(Clone)]
pub struct Notice {
    pub what: What,
    /// When it happened.
    pub at: Timestamp,
    pub by: By,
    /// The client it came by; `None` for the portal and the command line.
    pub client: Option<String>,
    /// Where the person was, as far as that is known.
    pub address: Option<String>,
    /// The day's last: more may have happened.
    pub is_last: bool,
}

impl Notice {
    pub fn new(what: What, at: Timestamp, by: By) -> Self {
        Self { what, at, by, client: None, address: None, is_last: false }
    }

    /// Whom an event is told, and how. What the database knows besides, the store fills in: how many recovery codes are left,
    /// and whether an authenticator is the first.
    pub fn of(event: &Event, at: Timestamp) -> Option<(UserId, Self)> {
        let told = |user: &UserId, what, by: &str| Some((*user, Self::new(what, at, By::of(by))));
        match event {
            Event::SignIn { user: Some(user), client_name, whereabouts, outcome, reason, .. } => {
                let is_recovery = *outcome == "granted" && *reason == Factor::RecoveryCode.as_str();
                let (client, address) = (Some(client_name.clone()), whereabouts.clone());
                let notice = Self::new(What::RecoveryCodeUsed { left: 0 }, at, By::Person);
                is_recovery.then_some((*user, Self { client, address, ..notice }))
            }
            Event::PasswordChanged { user: Some(user), client_name, .. } => {
                let notice = Self::new(What::PasswordChanged, at, By::Person);
                Some((*user, Self { client: Some(client_name.clone()), ..notice }))
            }
            Event::LockedOut { user, until, .. } => {
                let until = (*until != Timestamp::MAX).then_some(*until);
                Some((*user, Self::new(What::LockedOut { until }, at, By::Appliance)))
            }
            Event::Enrolled { user, factor, by, .. } => {
                told(user, What::AuthenticatorAdded { factor: factor.parse().ok()? }, by)
            }
            Event::AuthenticatorRemoved { user, factor, by, .. } => {
                told(user, What::AuthenticatorRemoved { factor: factor.parse().ok()? }, by)
            }
            Event::RecoveryCodesMade { user, count, by, .. } => {
                told(user, What::RecoveryCodesMade { count: *count }, by)
            }
            Event::BypassGranted { user, until, by, .. } => told(user, What::BypassStarted { until: *until }, by),
            // Stands beside every report of fraud.
            Event::UserBlocked { user, by, .. } => told(user, What::SignInReported, by),
            Event::UserReset { user, authenticators, by, .. } => {
                if *authenticators == 0 {
                    None
                } else {
                    told(user, What::FactorsReset, by)
                }
            }
            // What is a part of something that is told, or for whoever looks into it.
            Event::SignIn { user: None, .. }
            | Event::PasswordChanged { user: None, .. }
            | Event::PromptSent { .. }
            | Event::PromptAnswered { .. }
            | Event::Resynchronised { .. }
            | Event::EnrolmentBegun { .. }
            | Event::AuthenticatorRenamed { .. }
            | Event::AuthenticatorTested { .. }
            | Event::CodesThrottled { .. }
            | Event::ActivationMade { .. }
            | Event::ActivationCancelled { .. }
            | Event::ActivationUsed { .. }
            | Event::ActivationReused { .. }
            | Event::EnrolmentLinkMade { .. }
            | Event::EnrolmentLinkUsed { .. }
            | Event::TokenStocked { .. }
            | Event::TokenUnstocked { .. }
            | Event::TokenClaimed { .. }
            | Event::BypassEnded { .. }
            | Event::FraudReported { .. }
            | Event::SecurityQuestionsSet { .. }
            | Event::SecurityQuestionsRemoved { .. }
            | Event::SecurityQuestionsAnswered { .. }
            | Event::LanguageChosen { .. }
            | Event::SessionsEnded { .. }
            | Event::PortalChanged { .. }
            | Event::FactorPreferred { .. }
            | Event::FirstEnrolmentSet { .. }
            | Event::PinCleared { .. }
            | Event::PinSet { .. }
            | Event::UserImported { .. }
            | Event::PhoneSet { .. }
            | Event::UserEnabled { .. }
            | Event::UserDisabled { .. }
            | Event::UserUnlocked { .. }
            | Event::UserRemoved { .. }
            | Event::WriterStarted { .. }
            | Event::ServiceAccountBinds { .. }
            | Event::ClientAdded { .. }
            | Event::ClientRemoved { .. }
            | Event::ReplyRuleAdded { .. }
            | Event::ReplyRuleRemoved { .. }
            | Event::ReplyRuleMoved { .. }
            | Event::DirectoryAdded { .. }
            | Event::DirectoryChanged { .. }
            | Event::DirectoryRemoved { .. }
            | Event::UpstreamAdded { .. }
            | Event::UpstreamRemoved { .. }
            | Event::MailServerSet { .. }
            | Event::MailServerRemoved { .. }
            | Event::SyncItemAdded { .. }
            | Event::SyncItemRemoved { .. }
            | Event::SyncItemMoved { .. }
            | Event::SyncScheduled { .. }
            | Event::SyncStopped { .. }
            | Event::SyncApproved { .. }
            | Event::KeyRotated { .. }
            | Event::BackupMade { .. }
            | Event::Restored { .. } => None,
        }
    }

    /// For the outbox, where it is kept sealed.
    pub fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut kept = Kept {
            kind: self.what.kind().into(),
            at: self.at,
            by: self.by,
            client: self.client.clone(),
            address: self.address.clone(),
            is_last: self.is_last,
            link: None,
            until: None,
            factor: None,
            count: None,
        };
        match &self.what {
            What::Invited { link, until } => {
                kept.link = link.as_ref().map(|link| link.expose().to_owned());
                kept.until = *until;
            }
            What::Enrolled { factor } | What::AuthenticatorAdded { factor } | What::AuthenticatorRemoved { factor } => {
                kept.factor = Some(factor.as_str().to_owned());
            }
            What::RecoveryCodeUsed { left: count } | What::RecoveryCodesMade { count } => kept.count = Some(*count),
            What::BypassStarted { until } => kept.until = Some(*until),
            What::LockedOut { until } => kept.until = *until,
            What::FactorsReset | What::SignInReported | What::PasswordChanged | What::Test => {}
        }
        // Larger than any notice: no copy is left behind by growing.
        let mut out = Zeroizing::new(Vec::with_capacity(8 * 1024));
        // Into memory, of a type without maps: it cannot fail.
        let _ = serde_json::to_writer(&mut *out, &kept);
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut kept: Kept = serde_json::from_slice(bytes).map_err(|_| Unreadable)?;
        let factor = || kept.factor.as_deref().and_then(|name| name.parse().ok()).ok_or(Unreadable);
        let count = kept.count.ok_or(Unreadable);
        let what = match kept.kind.as_str() {
            INVITED => {
                What::Invited { link: kept.link.take().map(|link| Link(Zeroizing::new(link))), until: kept.until }
            }
            "enrolled" => What::Enrolled { factor: factor()? },
            "authenticator-added" => What::AuthenticatorAdded { factor: factor()? },
            "authenticator-removed" => What::AuthenticatorRemoved { factor: factor()? },
            "factors-reset" => What::FactorsReset,
            "recovery-code-used" => What::RecoveryCodeUsed { left: count? },
            "recovery-codes-made" => What::RecoveryCodesMade { count: count? },
            "bypass-started" => What::BypassStarted { until: kept.until.ok_or(Unreadable)? },
            "sign-in-reported" => What::SignInReported,
            "password-changed" => What::PasswordChanged,
            "locked-out" => What::LockedOut { until: kept.until },
            "test" => What::Test,
            _ => return Err(Unreadable),
        };
        let (client, address) = (kept.client.take(), kept.address.take());
        Ok(Self { what, at: kept.at, by: kept.by, client, address, is_last: kept.is_last })
    }
}

/// The bytes are no notice that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no notice of this version")]
pub struct Unreadable;

/// A notice as it is kept; fields are only ever added.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    kind: String,
    at: Timestamp,
    by: By,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default)]
    is_last: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.link.zeroize();
    }
}

/// One of each, for tests of what is made of them.
#[cfg(test)]
pub fn one_of_each(until: Timestamp) -> Vec<What> {
    let factor = Factor::Totp;
    vec![
        What::Invited { link: None, until: None },
        What::Invited { link: Some(Link::new("/enrol/link/secret".to_owned().into())), until: Some(until) },
        What::Enrolled { factor },
        What::AuthenticatorAdded { factor },
        What::AuthenticatorRemoved { factor },
        What::FactorsReset,
        What::RecoveryCodeUsed { left: 3 },
        What::RecoveryCodesMade { count: 10 },
        What::BypassStarted { until },
        What::SignInReported,
        What::PasswordChanged,
        What::LockedOut { until: None },
        What::LockedOut { until: Some(until) },
        What::Test,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::fixture::NOW;
    use crate::domain::ids::{ClientId, SignInId};

    fn signed_in(outcome: &'static str, reason: &'static str, user: Option<UserId>) -> Event {
        Event::SignIn {
            sign_in: SignInId(Uuid::nil()),
            door: "radius",
            client: ClientId(Uuid::nil()),
            client_name: "vpn".into(),
            user,
            name: "alice".into(),
            source: "10.0.0.9".into(),
            whereabouts: Some("203.0.113.7".into()),
            outcome,
            reason,
            challenge: None,
        }
    }

    #[test]
    fn a_recovery_code_is_told_of_when_it_let_somebody_in_and_no_other_sign_in_is() {
        let alice = UserId(Uuid::from_u128(1));
        let (to, notice) = Notice::of(&signed_in("granted", "recovery-code", Some(alice)), NOW).unwrap();
        assert_eq!((to, notice.what.kind(), notice.by), (alice, "recovery-code-used", By::Person));
        assert_eq!((notice.client.as_deref(), notice.address.as_deref()), (Some("vpn"), Some("203.0.113.7")));
        for (outcome, reason, user) in [
            ("granted", "totp", Some(alice)),
            ("denied", "recovery-code", Some(alice)),
            ("granted", "recovery-code", None),
        ] {
            assert!(Notice::of(&signed_in(outcome, reason, user), NOW).is_none(), "{outcome} {reason}");
        }
    }

    #[test]
    fn who_did_it_is_told_without_what_administrators_are_called() {
        let event = |by: &str| Event::BypassGranted {
            user: UserId(Uuid::nil()),
            name: "alice".into(),
            until: NOW,
            reason: None,
            by: by.to_owned(),
        };
        for (by, told) in [
            ("command line (user root uid 0)", By::Administrator),
            ("sync run 1", By::Appliance),
            ("dialog at vpn", By::Person),
            ("portal", By::Person),
        ] {
            assert_eq!(Notice::of(&event(by), NOW).unwrap().1.by, told, "{by}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for what in one_of_each(NOW) {
            let mut notice = Notice::new(what, NOW, By::Administrator);
            (notice.client, notice.address, notice.is_last) = (Some("vpn".into()), Some("::1".into()), true);
            let written = notice.write();
            let read = Notice::read(&written).unwrap();
            assert_eq!((read.what.kind(), read.write()), (notice.what.kind(), written));
        }
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_notice_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Notice::read(&bytes);
        }
    }
}
