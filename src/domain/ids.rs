//! One identifier type per aggregate, so that a user cannot be passed where a client is meant.
//! UUIDv7: time-ordered, made by [`crate::ambient::Ambient`].

use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map($name)
            }
        }
    )*};
}

id! {
    /// An upstream LDAP service.
    DirectoryId;
    /// A system that asks us to sign users in: a gateway.
    ClientId;
    /// An account Vestibule knows, keyed by (directory, unique id).
    UserId;
    /// One enrolled instance of a factor.
    AuthenticatorId;
    /// What turns a phone into an authenticator.
    ActivationId;
    /// The question put to a second factor.
    ChallengeId;
    /// One attempt by a user through a client; also the id shown to people and written in every log line.
    SignInId;
    /// A part of a directory that is followed.
    SyncItemId;
    /// One execution of a directory's synchronisation.
    SyncRunId;
    /// A mail in the outbox.
    MailId;
    /// A group of a directory.
    GroupId;
    /// One appender of the audit trail: a chain of its own.
    WriterId;
}
