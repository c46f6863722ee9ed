//! The options by which a client speaks RADIUS.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::world::World;
use super::super::{input, show};
use crate::domain::client::radius::{FirstFactor, RadiusPolicy};
use crate::domain::secret::SharedSecret;

/// Who checks the password.
#[derive(Clone, Copy, ValueEnum)]
enum First {
    /// The directory, by a bind (PAP)
    Directory,
    /// An upstream RADIUS server (PAP, CHAP, MS-CHAPv2)
    Upstream,
    /// Nobody here: the gateway has done it, and what it sends as the password is the second factor
    None,
}

#[derive(Args)]
#[command(next_help_heading = "RADIUS")]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Options {
    /// The client speaks RADIUS with the shared secret in this file, or on standard input for `-`; 16 characters or more
    #[arg(long, value_name = "FILE")]
    radius_secret_file: Option<PathBuf>,
    /// The client speaks RADIUS with a new shared secret, shown once
    #[arg(long, conflicts_with = "radius_secret_file")]
    radius_secret_generate: bool,
    /// Tells clients of one address apart; such a client speaks RADIUS alone
    #[arg(long, value_name = "TEXT", value_parser = input::words)]
    nas_identifier: Option<String>,
    /// The DNS name in the client's certificate: it may speak RADIUS over TLS (RadSec)
    #[arg(long, value_name = "NAME")]
    radsec_name: Option<String>,
    /// Take requests without Message-Authenticator: only for gateways that cannot send it (CVE-2024-3596)
    #[arg(long)]
    legacy_no_message_authenticator: bool,
    /// Who checks the password
    #[arg(long, value_enum, value_name = "WHO", default_value = "directory")]
    first_factor: First,
    /// An upstream RADIUS server, in the order in which they are asked; may be repeated
    #[arg(long = "upstream", value_name = "NAME", value_parser = input::label)]
    upstreams: Vec<String>,
    /// Relay EAP to the upstream servers
    #[arg(long, requires = "upstreams")]
    eap: bool,
    /// Ask for codes, choices and numbers by Access-Challenge; not every gateway can show one. Without it what fits --gateway
    #[arg(long)]
    dialogs: bool,
    /// Say explicitly that nothing is asked by Access-Challenge
    #[arg(long, conflicts_with = "dialogs")]
    no_dialogs: bool,
    /// Let people without any factor enrol a first TOTP token in a dialog, on their password alone
    #[arg(long, requires = "dialogs")]
    enrol_in_dialog: bool,
    /// Ask for the PIN in a dialog, before the second factor, of whoever has one
    #[arg(long, requires = "dialogs")]
    pin: bool,
    /// Let people change an expired password in a dialog
    #[arg(long, requires = "dialogs")]
    password_change: bool,
    /// An attribute of the upstream's Access-Accept to pass on, by its name; may be repeated
    #[arg(long, value_name = "ATTRIBUTE")]
    pass_through: Vec<String>,
    /// The name a probe signs in by: rejected at once, which shows that we answer; may be repeated. A probe that must be
    /// accepted signs in with the password of a --service-account
    #[arg(long = "monitor", value_name = "NAME", value_parser = input::words)]
    monitors: Vec<String>,
}

/// RFC 2865 §3 wants a secret that cannot be guessed; an offline guess costs one MD5.
const SHORTEST: usize = 16;

impl Options {
    pub fn has_secret(&self) -> bool {
        self.radius_secret_file.is_some() || self.radius_secret_generate
    }

    /// What holds where neither --dialogs nor --no-dialogs is given.
    pub fn dialogs_unless_said(&mut self, dialogs: bool) {
        self.dialogs |= dialogs && !self.no_dialogs;
    }

    /// The policy these make, and the new secret if there is one to show; `None` if the client speaks no RADIUS.
    pub fn policy(self, world: &World) -> Result<Option<(RadiusPolicy, Option<String>)>, Failure> {
        let generated = self.radius_secret_generate.then(|| {
            let bytes: [u8; 20] = world.ambient.bytes();
            data_encoding::BASE32_NOPAD.encode(&bytes)
        });
        let secret = match (&self.radius_secret_file, &generated) {
            (Some(file), _) => SharedSecret::new(input::secret(file)?.as_slice()),
            (None, Some(generated)) => SharedSecret::new(generated.as_bytes()),
            (None, None) => return self.without_secret(),
        };
        if secret.expose().len() < SHORTEST {
            return Err(Failure::Input(format!(
                "the shared secret is shorter than {SHORTEST} bytes and can be guessed; use --radius-secret-generate"
            )));
        }
        let first_factor = match self.first_factor {
            First::Directory => FirstFactor::Directory,
            First::Upstream => FirstFactor::Upstream,
            First::None => FirstFactor::None,
        };
        if first_factor == FirstFactor::Upstream && self.upstreams.is_empty() {
            return Err(Failure::input("--first-factor upstream needs --upstream; `vestibule upstream add` makes one"));
        }
        if self.nas_identifier.is_some() && self.legacy_no_message_authenticator {
            return Err(Failure::input(
                "--nas-identifier needs the Message-Authenticator: without it nobody knows whose secret is meant",
            ));
        }
        if self.legacy_no_message_authenticator {
            show::note(
                "Requests without Message-Authenticator can be forged on the way (CVE-2024-3596); update the gateway.",
            );
        }
        let policy = RadiusPolicy {
            secret,
            nas_identifier: self.nas_identifier,
            radsec_name: self.radsec_name.map(|name| name.to_ascii_lowercase()),
            require_message_authenticator: !self.legacy_no_message_authenticator,
            first_factor,
            upstreams: self.upstreams,
            eap: self.eap,
            dialogs: self.dialogs,
            enrol: self.enrol_in_dialog,
            pin: self.pin,
            password_change: self.password_change,
            pass_through: self.pass_through,
            monitors: self.monitors,
            replies: vec![],
        };
        Ok(Some((policy, generated)))
    }

    fn without_secret(&self) -> Result<Option<(RadiusPolicy, Option<String>)>, Failure> {
        let asked = self.nas_identifier.is_some()
            || self.radsec_name.is_some()
            || self.legacy_no_message_authenticator
            || !matches!(self.first_factor, First::Directory)
            || !self.upstreams.is_empty()
            || self.dialogs
            || !self.pass_through.is_empty()
            || !self.monitors.is_empty();
        if asked {
            return Err(Failure::input("options of RADIUS need --radius-secret-file or --radius-secret-generate"));
        }
        Ok(None)
    }
}

/// A client that names a server nobody knows could sign nobody in.
pub async fn check_upstreams(world: &World, policy: Option<&RadiusPolicy>) -> Result<(), Failure> {
    let Some(policy) = policy.filter(|policy| !policy.upstreams.is_empty()) else { return Ok(()) };
    let known = world.store.upstream_servers().await?;
    match policy.upstreams.iter().find(|name| known.iter().all(|server| server.name != **name)) {
        Some(name) => Err(Failure::Input(format!(
            "there is no upstream server {name:?}; make it known with `vestibule upstream add`"
        ))),
        None => Ok(()),
    }
}

/// The RADIUS side of a client as scripts see it; never the secret.
#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct Shown {
    nas_identifier: Option<String>,
    radsec_name: Option<String>,
    require_message_authenticator: bool,
    first_factor: FirstFactor,
    upstreams: Vec<String>,
    eap: bool,
    dialogs: bool,
    enrol_in_dialog: bool,
    pin: bool,
    password_change: bool,
    pass_through: Vec<String>,
    monitors: Vec<String>,
}

impl Shown {
    pub fn new(policy: RadiusPolicy) -> Self {
        Self {
            nas_identifier: policy.nas_identifier,
            radsec_name: policy.radsec_name,
            require_message_authenticator: policy.require_message_authenticator,
            first_factor: policy.first_factor,
            upstreams: policy.upstreams,
            eap: policy.eap,
            dialogs: policy.dialogs,
            enrol_in_dialog: policy.enrol,
            pin: policy.pin,
            password_change: policy.password_change,
            pass_through: policy.pass_through,
            monitors: policy.monitors,
        }
    }

    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        vec![
            ("NAS-Identifier", self.nas_identifier.clone().unwrap_or_default()),
            ("RadSec name", self.radsec_name.clone().unwrap_or_default()),
            (
                "Message-Authenticator",
                if self.require_message_authenticator { "required" } else { "not required" }.to_owned(),
            ),
            ("first factor", self.first_factor.as_str().to_owned()),
            ("upstreams", self.upstreams.join(", ")),
            ("EAP", yes(self.eap)),
            ("dialogs", yes(self.dialogs)),
            ("enrol in dialog", yes(self.enrol_in_dialog)),
            ("PIN", yes(self.pin)),
            ("password change", yes(self.password_change)),
            ("passed through", self.pass_through.join(", ")),
            ("monitors", self.monitors.join(", ")),
        ]
    }
}
