//! `vestibule user enrol-totp` and its kin: second factors given by an administrator. What is secret here is shown once,
//! to be handed on, and nowhere else.

use std::path::PathBuf;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::user::Who;
use super::world::World;
use super::{input, show};
use crate::domain::ids::AuthenticatorId;
use crate::domain::otp::{
    Digits, Hash, Parameters, Period, SecretText, TotpMemory, is_weak, otpauth_uri, seed_from_base32, seed_from_hex,
    seed_to_base32,
};
use crate::domain::secret::Seed;
use crate::domain::user::Token;
use crate::flows::enrol;
use crate::store::authenticators::Enrolment;
use crate::store::mail_outbox::Queued;
use crate::store::users::Listed;
use crate::telemetry::shown;

#[derive(Args)]
pub struct EnrolTotp {
    #[command(flatten)]
    who: Who,
    /// What the person calls it
    #[arg(long, value_name = "TEXT", default_value = "authenticator app", value_parser = input::words)]
    label: String,
    /// The hash: SHA1 (what every app knows), SHA256 or SHA512
    #[arg(long, value_name = "HASH", default_value = "SHA1", value_parser = |text: &str| Hash::from_name(text))]
    hash: Hash,
    /// Digits of a code: 6, 7 or 8
    #[arg(long, value_name = "N", default_value = "6", value_parser = digits)]
    digits: Digits,
    /// Seconds a code lasts: 15 to 120
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = period)]
    period: Period,
    /// Take the secret from this file (base32), or - for standard input, instead of making one
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Print JSON: one object with authenticator, and secret_base32 and uri if the secret was made here
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct EnrolHotp {
    #[command(flatten)]
    who: Who,
    /// File with the token's seed, or - for standard input
    #[arg(long, value_name = "FILE")]
    seed_file: PathBuf,
    /// The seed is in hex
    #[arg(long, conflicts_with = "base32")]
    hex: bool,
    /// The seed is in base32; this is the default
    #[arg(long)]
    base32: bool,
    /// The number printed on the token; no two tokens share one
    #[arg(long, value_name = "TEXT", value_parser = input::words)]
    serial: Option<String>,
    /// The counter the token will use next
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=i64::MAX.cast_unsigned()))]
    counter: u64,
    /// Digits of a code: 6, 7 or 8
    #[arg(long, value_name = "N", default_value = "6", value_parser = digits)]
    digits: Digits,
    /// What the person calls it
    #[arg(long, value_name = "TEXT", default_value = "hardware token", value_parser = input::words)]
    label: String,
    /// Print JSON: one object with authenticator
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct EnrolApp {
    #[command(flatten)]
    who: Who,
    /// What the person calls it
    #[arg(long, value_name = "TEXT", default_value = "phone", value_parser = input::words)]
    label: String,
    /// Print JSON: one object with authenticator
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct RecoveryCodes {
    #[command(flatten)]
    who: Who,
    /// Print JSON: one object with codes
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct EnrolmentLink {
    #[command(flatten)]
    who: Who,
    /// How long the link serves, if it is not used before
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u8).range(1..=168))]
    hours: u8,
    /// Send it to the user by mail instead of showing it; it serves for 24 hours
    #[arg(long, conflicts_with_all = ["hours", "json"])]
    mail: bool,
    /// Print JSON: one object with url and until
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct Resync {
    #[command(flatten)]
    who: Who,
    /// The code the token shows
    code1: String,
    /// The code it shows next
    code2: String,
}

fn digits(text: &str) -> Result<Digits, String> {
    let wanted = "a code has 6, 7 or 8 digits".to_owned();
    text.parse().map_err(|_| wanted.clone()).and_then(|count| Digits::new(count).map_err(|_| wanted))
}

fn period(text: &str) -> Result<Period, String> {
    let wanted = "a code lasts 15 to 120 seconds".to_owned();
    text.parse().map_err(|_| wanted.clone()).and_then(|seconds| Period::new(seconds).map_err(|_| wanted))
}

#[derive(Serialize)]
struct Enrolled<'a> {
    authenticator: AuthenticatorId,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_base32: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
}

impl EnrolTotp {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let parameters = Parameters { hash: self.hash, digits: self.digits, period: self.period };
        let given = match &self.secret_file {
            Some(file) => Some(given_seed(file, false)?),
            None => None,
        };
        let made_here = given.is_none();
        let seed = given.unwrap_or_else(|| enrol::fresh_seed(self.hash, &world.ambient));
        let token = Token::Totp { seed: seed.clone(), parameters, memory: TotpMemory::default() };
        let authenticator = add(world, &user, &token, &self.label, None).await?;
        let issuer = if world.config.hostname == "localhost" { "Vestibule" } else { &world.config.hostname };
        let secret = made_here.then(|| seed_to_base32(&seed));
        let uri = made_here.then(|| otpauth_uri(issuer, &user.name, &seed, parameters));
        let (secret, uri) = (secret.as_ref().map(SecretText::expose), uri.as_ref().map(SecretText::expose));
        if self.json {
            return show::json(&Enrolled { authenticator, secret_base32: secret, uri });
        }
        show::line(format_args!("{} has a new TOTP token ({authenticator}).", shown(&user.name)))?;
        if let (Some(secret), Some(uri)) = (secret, uri) {
            show::line(format_args!("secret  {secret}\nuri     {uri}"))?;
            show::note("Hand the secret over now: it is not shown again.");
        }
        Ok(())
    }
}

impl EnrolHotp {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let seed = given_seed(&self.seed_file, self.hex)?;
        let parameters = Parameters { digits: self.digits, ..Parameters::default() };
        let token = Token::Hotp { seed, parameters, next_counter: self.counter };
        let authenticator = add(world, &user, &token, &self.label, self.serial.as_deref()).await?;
        tell(&user, "HOTP token", authenticator, self.json)
    }
}

impl EnrolApp {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let authenticator = add(world, &user, &Token::App, &self.label, None).await?;
        tell(&user, "phone", authenticator, self.json)
    }
}

fn given_seed(file: &std::path::Path, hex: bool) -> Result<Seed, Failure> {
    let text = input::secret_text(file)?;
    let seed = if hex { seed_from_hex(&text) } else { seed_from_base32(&text) };
    let seed = seed.map_err(|fault| Failure::Input(format!("{}: {fault}", file.display())))?;
    if is_weak(&seed) {
        show::note("The seed is shorter than the 128 bits RFC 4226 asks for; replace the token when you can.");
    }
    Ok(seed)
}

async fn add(
    world: &World,
    user: &Listed,
    token: &Token,
    label: &str,
    serial: Option<&str>,
) -> Result<AuthenticatorId, Failure> {
    match world.store.enrol(user, &Enrolment { token, label, serial }, &world.actor).await {
        Err(fault) if fault.is_duplicate() => {
            Err(Failure::input("a token with this serial number is enrolled already; give each its own"))
        }
        enrolled => Ok(enrolled?),
    }
}

fn tell(user: &Listed, what: &str, authenticator: AuthenticatorId, json: bool) -> Result<(), Failure> {
    if json {
        return show::json(&Enrolled { authenticator, secret_base32: None, uri: None });
    }
    show::line(format_args!("{} has a new {what} ({authenticator}).", shown(&user.name)))
}

#[derive(Serialize)]
struct Codes<'a> {
    codes: Vec<&'a str>,
}

impl RecoveryCodes {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let codes = enrol::replace_recovery_codes(&world.store, &user, &world.actor).await?;
        let codes: Vec<&str> = codes.iter().map(|code| code.shown.as_str()).collect();
        if self.json {
            return show::json(&Codes { codes });
        }
        codes.iter().try_for_each(show::line)?;
        show::note(format_args!(
            "Hand these to {} now: they are not shown again. Each serves one sign-in, as `password,code`.",
            shown(&user.name)
        ));
        Ok(())
    }
}

#[derive(Serialize)]
struct Link<'a> {
    url: &'a str,
    until: Timestamp,
}

impl EnrolmentLink {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let name = shown(&user.name);
        if !world.store.authenticators(user.id).await?.is_empty() {
            return Err(Failure::No(format!(
                "{name} has a second factor already, and the link serves for a first one; `vestibule user reset` takes all away"
            )));
        }
        let origin = world.config.public_url().ok_or_else(|| {
            Failure::input("the portal has no address; set web.public_url to what people type to come there")
        })?;
        if self.mail {
            let why = match world.store.mail_enrolment_link(&user, &world.actor).await? {
                Queued::Waits => {
                    return show::line(format_args!(
                        "An invitation to {name} waits to be sent; `vestibule mail queue` shows it."
                    ));
                }
                Queued::NoServer => "there is no mail server; make one known with `vestibule mail set`",
                Queued::NoAddress => "the directory gives no mail address for this user",
                Queued::ServiceAccount => "this is a machine's account by some client's settings",
                Queued::Spent | Queued::Before => "enough mails were sent to this user today",
            };
            return Err(Failure::no(why));
        }
        let lasts = SignedDuration::from_hours(i64::from(self.hours));
        let (token, until) = world.store.make_enrolment_link(&user, lasts, &world.actor).await?;
        let url = Zeroizing::new(origin.link(&enrol::link_path(&token)));
        if self.json {
            return show::json(&Link { url: &url, until });
        }
        if let Ok(code) = fast_qr::QRBuilder::new(url.as_str()).build() {
            show::line(Zeroizing::new(code.to_str()).as_str())?;
        }
        show::line(url.as_str())?;
        show::note(format_args!(
            "Hand this to {name} now: it is not shown again. It serves until {}, together with the password, and ends with \
             the first factor that {name} proves; links made before are void.",
            show::time(until)
        ));
        Ok(())
    }
}

impl Resync {
    pub async fn run(self, world: &World) -> Result<(), Failure> {
        let user = self.who.find(world).await?;
        let now = world.ambient.now();
        let mut refused = None;
        let mut tokens = 0;
        for authenticator in world.store.authenticators(user.id).await? {
            if matches!(authenticator.token, Token::App | Token::Passkey(_)) {
                continue;
            }
            tokens += 1;
            match enrol::found_again(authenticator, (&self.code1, &self.code2), now) {
                Ok(None) => {}
                Err(fault) => refused = Some(fault),
                Ok(Some(found)) => {
                    if !world.store.resynchronise(&user, &found, &world.actor).await? {
                        return Err(Failure::no("these codes have been used; wait for the next two"));
                    }
                    return show::line(format_args!("Token {} ({}) is found again.", shown(&found.label), found.id));
                }
            }
        }
        let name = shown(&user.name);
        match refused {
            _ if tokens == 0 => Err(Failure::No(format!("{name} has no token that shows codes"))),
            Some(fault) if tokens == 1 => Err(Failure::Input(fault.to_string())),
            Some(_) | None => Err(Failure::No(format!(
                "no token of {name} shows these two codes one after the other near its present place; check the order, \
                 or enrol the token anew"
            ))),
        }
    }
}
