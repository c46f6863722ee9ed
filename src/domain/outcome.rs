//! How a sign-in ends. A fault is not among these: it is an error, and says nothing about the user.

use super::factor::Factor;

/// Why a sign-in was allowed to end without a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exemption {
    ServiceAccount,
    TrustedNetwork,
    /// The client lets people in who have not enrolled yet.
    NotEnrolled,
}

/// What a success rests on, beyond the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    Exempt(Exemption),
    Factor(Factor),
    /// The same bind succeeded a moment ago.
    Grace,
    /// Nothing, and so it opens nothing but the first enrolment: the person has never had a factor.
    Enrolment,
}

/// Why a sign-in was denied. Each new reason stops the build wherever reasons become words or result codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The directory refused the password.
    WrongPassword,
    /// The password is right and has expired; whatever else was right does not open.
    PasswordExpired,
    /// The directory accepted, but no one entry could be tied to the name.
    NotOneEntry,
    /// The directory knows the account, we do not.
    UnknownUser,
    /// We know the account; it has no factor this client accepts.
    NoFactor,
    /// The person has to enrol a factor first.
    MustEnrol,
    Disabled,
    /// The directory lets nobody use the account, whatever the password.
    DisabledInDirectory,
    ExpiredInDirectory,
    Blocked,
    LockedOut,
    MissingCode,
    WrongCode,
    ReusedCode,
    /// What the browser brought does not prove the passkey.
    WrongPasskey,
    /// The passkey's counter went back: there may be two of it (WebAuthn L3 §6.1.1).
    CopiedPasskey,
    WrongPin,
    /// The factor asked for is not allowed here or not enrolled.
    FactorNotAllowed,
    /// An answer to no open dialog: its State is unknown, used, expired, or another's (RFC 2865 §5.24).
    DialogOver,
    PromptRefused,
    PromptExpired,
    PromptCancelled,
    /// More prompts than people should get.
    TooManyPrompts,
    /// Another prompt for the same user and client is waiting.
    AlreadyAsking,
    /// The source had too many denials lately; it was not even asked for the password.
    Throttled,
}

impl Denial {
    /// Does the directory itself keep the account out? Then its refusal of the password may be for that, and is its to word.
    pub const fn is_of_the_directory(self) -> bool {
        matches!(self, Self::WrongPassword | Self::DisabledInDirectory | Self::ExpiredInDirectory)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong-password",
            Self::PasswordExpired => "password-expired",
            Self::NotOneEntry => "not-one-entry",
            Self::UnknownUser => "unknown-user",
            Self::NoFactor => "no-factor",
            Self::MustEnrol => "must-enrol",
            Self::Disabled => "disabled",
            Self::DisabledInDirectory => "disabled-in-directory",
            Self::ExpiredInDirectory => "expired-in-directory",
            Self::Blocked => "blocked",
            Self::LockedOut => "locked-out",
            Self::MissingCode => "missing-code",
            Self::WrongCode => "wrong-code",
            Self::ReusedCode => "reused-code",
            Self::WrongPasskey => "wrong-passkey",
            Self::CopiedPasskey => "copied-passkey",
            Self::WrongPin => "wrong-pin",
            Self::FactorNotAllowed => "factor-not-allowed",
            Self::DialogOver => "dialog-over",
            Self::PromptRefused => "prompt-refused",
            Self::PromptExpired => "prompt-expired",
            Self::PromptCancelled => "prompt-cancelled",
            Self::TooManyPrompts => "too-many-prompts",
            Self::AlreadyAsking => "already-asking",
            Self::Throttled => "throttled",
        }
    }
}

/// The end of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Granted(Grant),
    Denied(Denial),
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted(Grant::Enrolment) => "enrolment",
            Self::Granted(Grant::Exempt(_) | Grant::Factor(_) | Grant::Grace) => "granted",
            Self::Denied(_) => "denied",
        }
    }

    /// A word for what the outcome rests on.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Granted(Grant::Exempt(Exemption::ServiceAccount)) => "service-account",
            Self::Granted(Grant::Exempt(Exemption::TrustedNetwork)) => "trusted-network",
            Self::Granted(Grant::Exempt(Exemption::NotEnrolled)) => "not-enrolled",
            Self::Granted(Grant::Factor(factor)) => factor.as_str(),
            Self::Granted(Grant::Grace) => "grace",
            Self::Granted(Grant::Enrolment) => "first-enrolment",
            Self::Denied(denial) => denial.as_str(),
        }
    }
}
