//! The kinds of second proof.

/// A kind of second proof (NIST SP 800-63B "authenticator type"); the text form is what configuration, command line and
/// logs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Factor {
    /// Approval on a phone.
    App,
    /// RFC 6238.
    Totp,
    /// RFC 4226.
    Hotp,
    /// A look-up secret (SP 800-63B §3.1.2), used up once.
    RecoveryCode,
    /// A help desk's one-time permission to do without.
    Bypass,
    /// A WebAuthn credential; it needs a browser at our own pages.
    Passkey,
}

impl Factor {
    pub const ALL: [Self; 6] = [Self::App, Self::Totp, Self::Hotp, Self::RecoveryCode, Self::Bypass, Self::Passkey];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::RecoveryCode => "recovery-code",
            Self::Bypass => "bypass",
            Self::Passkey => "passkey",
        }
    }
}

impl std::fmt::Display for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no factor {0:?}; choose among app, totp, hotp, recovery-code, bypass, passkey")]
pub struct UnknownFactor(String);

impl std::str::FromStr for Factor {
    type Err = UnknownFactor;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|factor| factor.as_str() == text).ok_or_else(|| UnknownFactor(text.to_owned()))
    }
}
