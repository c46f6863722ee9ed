//! The audit trail: what is recorded, and the chain that shows if a record was changed, removed or put elsewhere.
//!
//! Every writer (a running process, or the command line) has a chain of its own: each record's code covers the one
//! before it. When a process starts it writes down where the other chains stood, so that cutting off a whole chain shows
//! too.

use hmac::Mac as _;
use jiff::Timestamp;

use super::ids::{
    ActivationId, AuthenticatorId, ChallengeId, ClientId, DirectoryId, SignInId, SyncRunId, UserId, WriterId,
};
use super::mac;

/// What can be recorded. The JSON form is what is kept; fields are only ever added.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// A process began to write.
    WriterStarted {
        version: &'static str,
        anchors: Vec<Anchor>,
    },
    /// The end of a sign-in.
    SignIn {
        sign_in: SignInId,
        door: &'static str,
        client: ClientId,
        client_name: String,
        user: Option<UserId>,
        /// The user's name as we know it; for an unknown one, as it was typed.
        name: String,
        source: String,
        /// Where the person was, if the door could tell and it is not the source.
        #[serde(skip_serializing_if = "Option::is_none")]
        whereabouts: Option<String>,
        outcome: &'static str,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        challenge: Option<ChallengeId>,
    },
    /// Sign-ins of service accounts are counted, not listed: they come by the thousand.
    ServiceAccountBinds {
        client: ClientId,
        client_name: String,
        account: String,
        granted: u64,
        since: Timestamp,
    },
    LockedOut {
        user: UserId,
        name: String,
        until: Timestamp,
    },
    PromptSent {
        challenge: ChallengeId,
        user: UserId,
        name: String,
        client: ClientId,
        client_name: String,
        source: String,
    },
    PromptAnswered {
        challenge: ChallengeId,
        user: UserId,
        answer: &'static str,
        by: String,
    },
    Enrolled {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        factor: &'static str,
        by: String,
    },
    RecoveryCodesMade {
        user: UserId,
        name: String,
        count: u32,
        by: String,
    },
    Resynchronised {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        by: String,
    },
    /// A person has begun with an authenticator; it counts once it is proven.
    EnrolmentBegun {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        factor: &'static str,
        by: String,
    },
    AuthenticatorRenamed {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        by: String,
    },
    /// What a person is asked for first.
    FactorPreferred {
        user: UserId,
        name: String,
        factor: &'static str,
        by: String,
    },
    AuthenticatorRemoved {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        factor: String,
        by: String,
    },
    /// A person tried what an authenticator shows, without signing in by it.
    AuthenticatorTested {
        user: UserId,
        name: String,
        authenticator: AuthenticatorId,
        result: &'static str,
        by: String,
    },
    /// So many wrong codes that no more are looked at for some time: an alert.
    CodesThrottled {
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
        what: &'static str,
        until: Timestamp,
        by: String,
    },
    ActivationMade {
        user: UserId,
        name: String,
        activation: ActivationId,
        purpose: &'static str,
        until: Timestamp,
        by: String,
    },
    ActivationCancelled {
        user: UserId,
        name: String,
        activation: ActivationId,
        by: String,
    },
    ActivationUsed {
        user: UserId,
        name: String,
        activation: ActivationId,
        authenticator: AuthenticatorId,
        by: String,
    },
    /// A code that had been used was used again, so two have seen it: an alert.
    ActivationReused {
        user: UserId,
        name: String,
        activation: ActivationId,
        by: String,
    },
    EnrolmentLinkMade {
        user: UserId,
        name: String,
        until: Timestamp,
        by: String,
    },
    EnrolmentLinkUsed {
        user: UserId,
        name: String,
        by: String,
    },
    TokenStocked {
        serial: String,
        by: String,
    },
    TokenUnstocked {
        serial: String,
        by: String,
    },
    /// A token of the stock is a person's now; `Enrolled` stands beside it.
    TokenClaimed {
        user: UserId,
        name: String,
        serial: String,
        by: String,
    },
    PinSet {
        user: UserId,
        name: String,
        must_change: bool,
        by: String,
    },
    PinCleared {
        user: UserId,
        name: String,
        by: String,
    },
    BypassGranted {
        user: UserId,
        name: String,
        until: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        by: String,
    },
    /// A bypass that nobody had used was taken back.
    BypassEnded {
        user: UserId,
        name: String,
        by: String,
    },
    /// "This wasn't me": what waited is refused, the user blocked, every session ended.
    FraudReported {
        user: UserId,
        name: String,
        /// The sign-in it is about, if it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        sign_in: Option<SignInId>,
        refused: u64,
        sessions: u64,
        by: String,
    },
    SecurityQuestionsSet {
        user: UserId,
        name: String,
        count: u32,
        by: String,
    },
    SecurityQuestionsRemoved {
        user: UserId,
        name: String,
        by: String,
    },
    /// Somebody answered security questions, behind the password.
    SecurityQuestionsAnswered {
        user: UserId,
        name: String,
        answer: &'static str,
        source: String,
    },
    LanguageChosen {
        user: UserId,
        name: String,
        language: Option<String>,
        by: String,
    },
    /// Sessions were ended other than by signing out.
    SessionsEnded {
        user: UserId,
        name: String,
        count: u64,
        by: String,
    },
    /// Portal switches, for everybody or for a group.
    PortalChanged {
        #[serde(skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        changes: Vec<String>,
        by: String,
    },
    /// An expired password was changed at a door.
    PasswordChanged {
        user: Option<UserId>,
        name: String,
        client_name: String,
    },
    UserImported {
        user: UserId,
        name: String,
        by: String,
    },
    /// A phone number came from a file. The number itself is not recorded.
    PhoneSet {
        user: UserId,
        name: String,
        purpose: &'static str,
        by: String,
    },
    UserEnabled {
        user: UserId,
        name: String,
        by: String,
    },
    UserDisabled {
        user: UserId,
        name: String,
        by: String,
    },
    UserBlocked {
        user: UserId,
        name: String,
        by: String,
    },
    UserUnlocked {
        user: UserId,
        name: String,
        by: String,
    },
    /// Gone from our books, with all factors.
    UserRemoved {
        user: UserId,
        name: String,
        by: String,
    },
    SyncItemAdded {
        name: String,
        by: String,
    },
    SyncItemRemoved {
        name: String,
        by: String,
    },
    SyncItemMoved {
        name: String,
        to: u16,
        by: String,
    },
    SyncScheduled {
        directory: DirectoryId,
        every_seconds: Option<u64>,
        full_every_seconds: i64,
        count: u32,
        percent: u8,
        by: String,
    },
    /// A brake stopped a run: it would have disabled or removed too many.
    SyncStopped {
        run: SyncRunId,
        directory: String,
        why: String,
    },
    SyncApproved {
        run: SyncRunId,
        by: String,
    },
    /// All factors, graces and lockouts of a user are gone.
    UserReset {
        user: UserId,
        name: String,
        authenticators: u64,
        by: String,
    },
    ClientAdded {
        client: ClientId,
        name: String,
        by: String,
    },
    ClientRemoved {
        client: ClientId,
        name: String,
        by: String,
    },
    /// Whether people who never had a factor may enrol one at a portal, on their password alone.
    FirstEnrolmentSet {
        client: ClientId,
        client_name: String,
        allowed: bool,
        by: String,
    },
    ReplyRuleAdded {
        client: ClientId,
        client_name: String,
        rule: String,
        by: String,
    },
    ReplyRuleRemoved {
        client: ClientId,
        client_name: String,
        rule: String,
        by: String,
    },
    ReplyRuleMoved {
        client: ClientId,
        client_name: String,
        rule: String,
        to: u32,
        by: String,
    },
    DirectoryAdded {
        name: String,
        servers: Vec<String>,
        by: String,
    },
    DirectoryChanged {
        name: String,
        changes: Vec<String>,
        by: String,
    },
    DirectoryRemoved {
        name: String,
        by: String,
    },
    UpstreamAdded {
        name: String,
        server: String,
        by: String,
    },
    UpstreamRemoved {
        name: String,
        by: String,
    },
    MailServerSet {
        server: String,
        from: String,
        by: String,
    },
    MailServerRemoved {
        by: String,
    },
    KeyRotated {
        key: u32,
        resealed: u64,
        by: String,
    },
    BackupMade {
        tables: u64,
        rows: u64,
        by: String,
    },
    Restored {
        rows: u64,
        by: String,
    },
}

impl Event {
    /// Whom the event is about, for searching.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::SignIn { user, .. } | Self::PasswordChanged { user, .. } | Self::CodesThrottled { user, .. } => *user,
            Self::LockedOut { user, .. }
            | Self::PromptSent { user, .. }
            | Self::PromptAnswered { user, .. }
            | Self::Enrolled { user, .. }
            | Self::RecoveryCodesMade { user, .. }
            | Self::Resynchronised { user, .. }
            | Self::EnrolmentBegun { user, .. }
            | Self::AuthenticatorRenamed { user, .. }
            | Self::AuthenticatorRemoved { user, .. }
            | Self::FactorPreferred { user, .. }
            | Self::AuthenticatorTested { user, .. }
            | Self::ActivationMade { user, .. }
            | Self::ActivationCancelled { user, .. }
            | Self::ActivationUsed { user, .. }
            | Self::ActivationReused { user, .. }
            | Self::EnrolmentLinkMade { user, .. }
            | Self::EnrolmentLinkUsed { user, .. }
            | Self::TokenClaimed { user, .. }
            | Self::PinSet { user, .. }
            | Self::PinCleared { user, .. }
            | Self::BypassGranted { user, .. }
            | Self::BypassEnded { user, .. }
            | Self::FraudReported { user, .. }
            | Self::SecurityQuestionsSet { user, .. }
            | Self::SecurityQuestionsRemoved { user, .. }
            | Self::SecurityQuestionsAnswered { user, .. }
            | Self::LanguageChosen { user, .. }
            | Self::SessionsEnded { user, .. }
            | Self::UserImported { user, .. }
            | Self::PhoneSet { user, .. }
            | Self::UserEnabled { user, .. }
            | Self::UserDisabled { user, .. }
            | Self::UserBlocked { user, .. }
            | Self::UserUnlocked { user, .. }
            | Self::UserRemoved { user, .. }
            | Self::UserReset { user, .. } => Some(*user),
            Self::WriterStarted { .. }
            | Self::ServiceAccountBinds { .. }
            | Self::PortalChanged { .. }
            | Self::ClientAdded { .. }
            | Self::ClientRemoved { .. }
            | Self::FirstEnrolmentSet { .. }
            | Self::ReplyRuleAdded { .. }
            | Self::ReplyRuleRemoved { .. }
            | Self::ReplyRuleMoved { .. }
            | Self::DirectoryAdded { .. }
            | Self::DirectoryChanged { .. }
            | Self::DirectoryRemoved { .. }
            | Self::UpstreamAdded { .. }
            | Self::UpstreamRemoved { .. }
            | Self::MailServerSet { .. }
            | Self::MailServerRemoved { .. }
            | Self::SyncItemAdded { .. }
            | Self::SyncItemRemoved { .. }
            | Self::SyncItemMoved { .. }
            | Self::SyncScheduled { .. }
            | Self::SyncStopped { .. }
            | Self::SyncApproved { .. }
            | Self::TokenStocked { .. }
            | Self::TokenUnstocked { .. }
            | Self::KeyRotated { .. }
            | Self::BackupMade { .. }
            | Self::Restored { .. } => None,
        }
    }
}

/// Where another writer's chain stood.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Anchor {
    pub writer: WriterId,
    pub seq: i64,
    pub mac: String,
}

/// A record's code: 32 bytes, HMAC-SHA256.
pub type Link = [u8; 32];

/// The code before a chain's first record.
pub const GENESIS: Link = [0; 32];

/// One record as it is kept: the exact bytes that are signed.
#[derive(Debug, Clone)]
pub struct Record {
    pub writer: WriterId,
    /// From 1, without gaps.
    pub seq: i64,
    pub at: Timestamp,
    /// The event as JSON.
    pub body: String,
}

impl Record {
    /// The code of this record, which covers everything about it and the record before it.
    pub fn link(&self, key: &[u8; 32], previous: &Link) -> Link {
        let mut mac = mac::keyed(key);
        mac.update(previous);
        mac.update(self.writer.0.as_bytes());
        mac.update(&self.seq.to_be_bytes());
        mac.update(&self.at.as_microsecond().to_be_bytes());
        // The body comes last and everything before it has a fixed length: no two records give the same bytes.
        mac.update(self.body.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Is this the record that was written here? Constant-time.
    pub fn is_linked(&self, key: &[u8; 32], previous: &Link, link: &[u8]) -> bool {
        use subtle::ConstantTimeEq as _;
        self.link(key, previous).as_slice().ct_eq(link).into()
    }
}

/// The code of a chain's head: shows if the newest records were cut off.
pub fn head_mac(key: &[u8; 32], writer: WriterId, seq: i64, link: &Link) -> Link {
    let mut mac = mac::keyed(key);
    mac.update(b"head");
    mac.update(writer.0.as_bytes());
    mac.update(&seq.to_be_bytes());
    mac.update(link);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn any_change_to_a_record_breaks_its_link() {
        let key = [7; 32];
        let record = Record {
            writer: WriterId(Uuid::from_u128(1)),
            seq: 1,
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            body: "{}".into(),
        };
        let link = record.link(&key, &GENESIS);
        assert!(record.is_linked(&key, &GENESIS, &link));
        let changed = [
            Record { writer: WriterId(Uuid::from_u128(2)), ..record.clone() },
            Record { seq: 2, ..record.clone() },
            Record { at: Timestamp::from_second(1_700_000_001).unwrap(), ..record.clone() },
            Record { body: "{ }".into(), ..record.clone() },
        ];
        for changed in changed {
            assert!(!changed.is_linked(&key, &GENESIS, &link));
        }
        assert!(!record.is_linked(&key, &[1; 32], &link), "another record before it");
        assert!(!record.is_linked(&[8; 32], &GENESIS, &link), "another key");
    }
}
