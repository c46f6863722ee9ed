//! What a client that speaks RADIUS may do, and how it is spoken to.

use crate::domain::radius::template::Rule;
use crate::domain::secret::SharedSecret;

/// The RADIUS side of a client's policy. What holds at every door (factors, deadline, grace) stands in
/// [`super::Client`].
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that an administrator sets")]
pub struct RadiusPolicy {
    /// RFC 2865 §3; over RadSec it is "radsec" (RFC 6614 §2.3) instead.
    pub secret: SharedSecret,
    /// Tells clients behind one address apart, once the secret is known to be right.
    pub nas_identifier: Option<String>,
    /// The name in the client's certificate; `None`: no RadSec.
    pub radsec_name: Option<String>,
    /// Drop Access-Requests without a Message-Authenticator (CVE-2024-3596). Off only for gateways that cannot send it.
    pub require_message_authenticator: bool,
    pub first_factor: FirstFactor,
    /// Upstream RADIUS servers by name, asked in this order.
    pub upstreams: Vec<String>,
    /// Relay EAP to the upstream servers; the second factor comes before their Access-Accept is passed on.
    pub eap: bool,
    /// May the person be asked for more by Access-Challenge?
    pub dialogs: bool,
    /// May a first TOTP token be enrolled in a dialog, on the password alone?
    pub enrol: bool,
    /// Is the PIN asked for in a dialog, of whoever has one, before the second factor?
    pub pin: bool,
    /// May an expired password be changed in a dialog?
    pub password_change: bool,
    /// Attributes of the upstream's Access-Accept that are passed on, by dictionary name.
    pub pass_through: Vec<String>,
    /// Names of probes: rejected without asking anybody. Accepting a name without a proof would let in whoever types it.
    pub monitors: Vec<String>,
    /// What its Access-Accepts carry, in order.
    pub replies: Vec<Rule>,
}

/// Who checks what stands in the password attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstFactor {
    /// The directory, by a bind. PAP only.
    Directory,
    /// An upstream RADIUS server: PAP, CHAP, MS-CHAPv2.
    Upstream,
    /// Nobody: the gateway has checked it. What stands in the password attribute is the second factor.
    None,
}

impl FirstFactor {
    pub const ALL: [Self; 3] = [Self::Directory, Self::Upstream, Self::None];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Upstream => "upstream",
            Self::None => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|first| first.as_str() == text)
    }
}

impl RadiusPolicy {
    /// The safe defaults around a secret.
    pub fn new(secret: SharedSecret) -> Self {
        Self {
            secret,
            nas_identifier: None,
            radsec_name: None,
            require_message_authenticator: true,
            first_factor: FirstFactor::Directory,
            upstreams: vec![],
            eap: false,
            dialogs: false,
            enrol: false,
            pin: false,
            password_change: false,
            pass_through: vec![],
            monitors: vec![],
            replies: vec![],
        }
    }
}
