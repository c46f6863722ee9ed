//! A dialog: what a sign-in that goes on with the person's next answer has to remember between two requests, and the
//! words it asks with.
//!
//! The bytes are kept sealed under a State that the gateway alone holds (`store/dialogs`), so a password in them is as
//! much in memory only as it was: without that State nobody reads it.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::directory::password::{RefusalKind, Shortcoming};
use super::factor::Factor;
use super::ids::ChallengeId;
use super::pin::PinHash;
use super::secret::{Code, Password, Seed};

/// What the person was asked.
#[derive(Clone)]
pub enum Question {
    /// Approve on the phone, or a code?
    Choice,
    Code,
    RecoveryCode,
    /// `with`: what stood behind the password, for after it; empty for nothing.
    Pin {
        with: Code,
    },
    /// To be typed or chosen on the phone; the gateway shows it.
    Number {
        challenge: ChallengeId,
        number: u8,
    },
    /// The first of two consecutive codes of a token that has drifted away (RFC 4226 §7.4).
    NextCode {
        first: Code,
    },
    /// What the browser is given for it, as JSON, and what its answer is verified by (`factors/passkey`).
    Passkey {
        options: String,
        ceremony: Vec<u8>,
    },
    /// A first TOTP token: its seed, shown once.
    Enrol {
        seed: Seed,
    },
    /// The password is right and has expired. `proven`: the second factor that was accepted for this.
    NewPassword {
        proven: Option<Factor>,
    },
    RepeatPassword {
        proven: Option<Factor>,
        new: Password,
    },
}

/// What is remembered.
#[derive(Clone)]
pub struct Dialog {
    /// As it was typed; the answer must come for the same.
    pub name: String,
    /// The first factor, as it was accepted.
    pub password: Password,
    /// The upstream's Access-Accept, where an upstream server checks the first factor.
    pub accepted: Option<Vec<u8>>,
    /// Of the sign-in as it began: its prompts and graces go by it.
    pub join_key: [u8; 32],
    /// The hash of the PIN that was right, where one was asked for.
    pub pin: Option<PinHash>,
    /// Questions put so far; a dialog ends after [`MOST_ROUNDS`].
    pub rounds: u8,
    /// What may be used instead, strongest first, where the door lets the person pick.
    pub ways: Vec<Factor>,
    /// Why the question is put again.
    pub again: Option<Again>,
    pub question: Question,
}

/// Enough for a choice, a code, its neighbour and three tries at a new password.
pub const MOST_ROUNDS: u8 = 12;

/// Why a question is put again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    WrongCode,
    /// Right, and used before.
    ReusedCode,
    /// The phone may not be asked now: too often lately, or something else waits for it.
    NotAsked,
    /// What the browser brought does not prove the passkey.
    WrongPasskey,
    /// The two passwords differ.
    NoMatch,
    /// The directory does not take the new password.
    NotTaken(RefusalKind),
}

impl Again {
    const ALL: [Self; 14] = [
        Self::WrongCode,
        Self::ReusedCode,
        Self::NotAsked,
        Self::WrongPasskey,
        Self::NoMatch,
        Self::NotTaken(RefusalKind::OldWrong),
        Self::NotTaken(RefusalKind::NotAllowed),
        Self::NotTaken(RefusalKind::Other),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::TooShort)),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::TooLong)),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::InHistory)),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::Quality)),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::NotText)),
        Self::NotTaken(RefusalKind::TooWeak(Shortcoming::Unsaid)),
    ];

    /// As kept: 0 is none.
    const fn byte(self) -> u8 {
        match self {
            Self::WrongCode => 1,
            Self::ReusedCode => 2,
            Self::NotAsked => 3,
            Self::NoMatch => 4,
            Self::WrongPasskey => 14,
            Self::NotTaken(RefusalKind::OldWrong) => 5,
            Self::NotTaken(RefusalKind::NotAllowed) => 6,
            Self::NotTaken(RefusalKind::Other) => 7,
            Self::NotTaken(RefusalKind::TooWeak(shortcoming)) => match shortcoming {
                Shortcoming::TooShort => 8,
                Shortcoming::TooLong => 9,
                Shortcoming::InHistory => 10,
                Shortcoming::Quality => 11,
                Shortcoming::NotText => 12,
                Shortcoming::Unsaid => 13,
            },
        }
    }

    fn read(byte: u8) -> Result<Option<Self>, Unreadable> {
        if byte == 0 {
            return Ok(None);
        }
        Self::ALL.into_iter().find(|again| again.byte() == byte).map(Some).ok_or(Unreadable)
    }

    fn text(self) -> String {
        match self {
            Self::WrongCode => "That code is not right. ".to_owned(),
            Self::ReusedCode => "That code has been used; wait for the next one. ".to_owned(),
            Self::NotAsked => "Your phone cannot be asked now. ".to_owned(),
            Self::WrongPasskey => "The passkey was not accepted. ".to_owned(),
            Self::NoMatch => "The two passwords differ. ".to_owned(),
            Self::NotTaken(kind) => format!("The new password was not taken: {} ", why(kind)),
        }
    }
}

/// Why a new password was not taken, in words that help the person.
const fn why(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::OldWrong => "the old password is no longer right; sign in again.",
        RefusalKind::NotAllowed => "it may not be changed here, or not yet; ask your help desk.",
        RefusalKind::Other => "the directory gave no reason; try another one.",
        RefusalKind::TooWeak(shortcoming) => match shortcoming {
            Shortcoming::TooShort => "it is too short.",
            Shortcoming::TooLong => "it is too long.",
            Shortcoming::InHistory => "you have used it before.",
            Shortcoming::Quality => "it is too simple.",
            Shortcoming::NotText => "it holds characters that cannot be used.",
            Shortcoming::Unsaid => "it is too short, too simple, or was used before.",
        },
    }
}

impl Question {
    /// For the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Code => "code",
            Self::RecoveryCode => "recovery-code",
            Self::Pin { .. } => "pin",
            Self::Number { .. } => "number",
            Self::NextCode { .. } => "next-code",
            Self::Passkey { .. } => "passkey",
            Self::Enrol { .. } => "enrol",
            Self::NewPassword { .. } => "new-password",
            Self::RepeatPassword { .. } => "repeat-password",
        }
    }

    /// May the person answer by another factor instead? Not once the factor is proven.
    pub const fn may_be_left(&self) -> bool {
        match self {
            Self::Choice
            | Self::Code
            | Self::RecoveryCode
            | Self::Number { .. }
            | Self::NextCode { .. }
            | Self::Passkey { .. } => true,
            Self::Pin { .. } | Self::Enrol { .. } | Self::NewPassword { .. } | Self::RepeatPassword { .. } => false,
        }
    }

    /// The factor that answers it, where it is one alone that does.
    pub const fn factor(&self) -> Option<Factor> {
        match self {
            Self::Code | Self::NextCode { .. } => Some(Factor::Totp),
            Self::RecoveryCode => Some(Factor::RecoveryCode),
            Self::Number { .. } => Some(Factor::App),
            Self::Passkey { .. } => Some(Factor::Passkey),
            Self::Choice
            | Self::Pin { .. }
            | Self::Enrol { .. }
            | Self::NewPassword { .. }
            | Self::RepeatPassword { .. } => None,
        }
    }

    /// The words, for a Reply-Message. `secret` is the seed as people type it (base32), where one is shown.
    pub fn text(&self, again: Option<Again>, secret: &str) -> String {
        let first = again.map(Again::text).unwrap_or_default();
        let rest = match self {
            Self::Choice => "Enter 1 to approve on your phone, or enter a code".to_owned(),
            Self::Code => "Enter a code".to_owned(),
            Self::RecoveryCode => "Enter a recovery code".to_owned(),
            Self::Pin { .. } => "Enter your PIN".to_owned(),
            Self::Number { number, .. } => {
                format!("Confirm the number {number:02} on your phone, then continue here with any text")
            }
            Self::NextCode { .. } => "Wait for the next code and enter it".to_owned(),
            Self::Passkey { .. } => "Use your passkey".to_owned(),
            Self::Enrol { .. } => {
                format!("Add this key to your authenticator app: {secret} - then enter the code it shows")
            }
            Self::NewPassword { .. } => "Your password has expired. Enter a new password".to_owned(),
            Self::RepeatPassword { .. } => "Enter the new password once more".to_owned(),
        };
        first + &rest
    }
}

/// The bytes are no dialog of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the dialog cannot be read")]
pub struct Unreadable;

const VERSION: u8 = 2;

impl Dialog {
    pub fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Writer(Zeroizing::new(Vec::with_capacity(512)));
        out.byte(VERSION);
        out.bytes(self.name.as_bytes());
        out.bytes(self.password.expose());
        out.optional(self.accepted.as_deref());
        out.bytes(&self.join_key);
        out.optional(self.pin.as_ref().map(|pin| pin.as_str().as_bytes()));
        out.byte(self.rounds);
        out.byte(u8::try_from(self.ways.len()).unwrap_or(u8::MAX));
        for way in self.ways.iter().take(usize::from(u8::MAX)) {
            out.factor(Some(*way));
        }
        out.byte(self.again.map_or(0, Again::byte));
        match &self.question {
            Question::Choice => out.byte(0),
            Question::Code => out.byte(1),
            Question::Number { challenge, number } => {
                out.byte(2);
                out.bytes(challenge.0.as_bytes());
                out.byte(*number);
            }
            Question::NextCode { first } => {
                out.byte(3);
                out.bytes(first.expose());
            }
            Question::Enrol { seed } => {
                out.byte(4);
                out.bytes(seed.expose());
            }
            Question::NewPassword { proven } => {
                out.byte(5);
                out.factor(*proven);
            }
            Question::RepeatPassword { proven, new } => {
                out.byte(6);
                out.factor(*proven);
                out.bytes(new.expose());
            }
            Question::RecoveryCode => out.byte(7),
            Question::Pin { with } => {
                out.byte(9);
                out.bytes(with.expose());
            }
            Question::Passkey { options, ceremony } => {
                out.byte(8);
                out.bytes(options.as_bytes());
                out.bytes(ceremony);
            }
        }
        out.0
    }

    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut from = Reader(bytes);
        if from.byte()? != VERSION {
            return Err(Unreadable);
        }
        let name = String::from_utf8(from.bytes()?.to_vec()).map_err(|_| Unreadable)?;
        let password = Password::new(from.bytes()?);
        let accepted = from.optional()?.map(<[u8]>::to_vec);
        let join_key = from.bytes()?.try_into().map_err(|_| Unreadable)?;
        let pin = from.optional()?.map(|pin| String::from_utf8(pin.to_vec()).map_err(|_| Unreadable)).transpose()?;
        let pin = pin.map(PinHash::new);
        let rounds = from.byte()?;
        let ways = (0..from.byte()?).map(|_| from.factor()?.ok_or(Unreadable)).collect::<Result<_, _>>()?;
        let again = Again::read(from.byte()?)?;
        let question = match from.byte()? {
            0 => Question::Choice,
            1 => Question::Code,
            2 => {
                let challenge = ChallengeId(Uuid::from_slice(from.bytes()?).map_err(|_| Unreadable)?);
                Question::Number { challenge, number: from.byte()? }
            }
            3 => Question::NextCode { first: Code::new(from.bytes()?) },
            4 => Question::Enrol { seed: Seed::new(from.bytes()?) },
            5 => Question::NewPassword { proven: from.factor()? },
            6 => Question::RepeatPassword { proven: from.factor()?, new: Password::new(from.bytes()?) },
            7 => Question::RecoveryCode,
            9 => Question::Pin { with: Code::new(from.bytes()?) },
            8 => Question::Passkey {
                options: String::from_utf8(from.bytes()?.to_vec()).map_err(|_| Unreadable)?,
                ceremony: from.bytes()?.to_vec(),
            },
            _ => return Err(Unreadable),
        };
        if !from.0.is_empty() {
            return Err(Unreadable);
        }
        Ok(Self { name, password, accepted, join_key, pin, rounds, ways, again, question })
    }
}

struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Longer than a packet of any door: the length always fits.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.byte(u8::from(bytes.is_some()));
        if let Some(bytes) = bytes {
            self.bytes(bytes);
        }
    }

    fn factor(&mut self, factor: Option<Factor>) {
        self.bytes(factor.map_or("", Factor::as_str).as_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.take(1)?.first().copied().ok_or(Unreadable)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let length: [u8; 4] = self.take(4)?.try_into().map_err(|_| Unreadable)?;
        self.take(usize::try_from(u32::from_be_bytes(length)).map_err(|_| Unreadable)?)
    }

    fn optional(&mut self) -> Result<Option<&'a [u8]>, Unreadable> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.bytes().map(Some),
            _ => Err(Unreadable),
        }
    }

    fn factor(&mut self) -> Result<Option<Factor>, Unreadable> {
        match std::str::from_utf8(self.bytes()?).map_err(|_| Unreadable)? {
            "" => Ok(None),
            name => name.parse().map(Some).map_err(|_| Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn question(which: u8, bytes: &[u8], number: u8) -> Question {
        let proven = Factor::ALL.get(usize::from(number)).copied();
        let challenge = ChallengeId(Uuid::from_u128(u128::from(number) << 100));
        match which {
            0 => Question::Choice,
            1 => Question::Code,
            2 => Question::Number { challenge, number },
            3 => Question::NextCode { first: Code::new(bytes) },
            4 => Question::Enrol { seed: Seed::new(bytes) },
            5 => Question::NewPassword { proven },
            6 => Question::RecoveryCode,
            7 => Question::Pin { with: Code::new(bytes) },
            _ => Question::RepeatPassword { proven, new: Password::new(bytes) },
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            name in ".{0,20}",
            password in prop::collection::vec(any::<u8>(), 0..200),
            accepted in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
            join_key: [u8; 32],
            pin in prop::option::of("[a-z0-9$]{0,99}"),
            rounds: u8,
            which in 0..8_u8,
            ways in prop::sample::subsequence(Factor::ALL.to_vec(), 0..=Factor::ALL.len()),
            again in prop::option::of(prop::sample::select(Again::ALL.to_vec())),
            bytes in prop::collection::vec(any::<u8>(), 0..64),
            number in 0..100_u8,
        ) {
            let question = question(which, &bytes, number);
            let password = Password::new(password);
            let pin = pin.map(PinHash::new);
            let dialog = Dialog { name, password, accepted, join_key, pin, rounds, ways, again, question };
            let written = dialog.write();
            let read = Dialog::read(&written).unwrap();
            prop_assert_eq!(read.write(), written.clone());
            prop_assert_eq!((read.name, read.ways, read.again), (dialog.name, dialog.ways, dialog.again));
            prop_assert!(read.password.same_as(dialog.password.expose()));
            for cut in 0..written.len() {
                prop_assert!(Dialog::read(&written[..cut]).is_err());
            }
        }

        #[test]
        fn bytes_that_are_no_dialog_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Dialog::read(&bytes);
        }
    }

    #[test]
    fn a_number_is_shown_with_both_digits_and_a_reason_comes_first() {
        let number = Question::Number { challenge: ChallengeId(Uuid::nil()), number: 7 };
        assert!(number.text(None, "").contains("number 07 "));
        assert!(Question::Code.text(Some(Again::WrongCode), "").starts_with("That code is not right. Enter"));
    }
}
