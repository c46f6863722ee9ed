//! One bind on one connection, and what its answer means. The answer is the directory's; a success is believed only
//! if it can be nothing else (RFC 4511 §4.2.2, SECURITY R8).

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::connect::{self, within};
use super::fault::{DirectoryFault, Step};
use super::password;
use super::peer::Peer;
use super::upstream::{Upstream, UpstreamStream};
use crate::domain::directory::DirectoryKind;
use crate::domain::directory::password::{PasswordDue, due_in_windows};
use crate::wire::ber::{self, BerFault, Reader};
use crate::wire::frame::{self, Frame, op};
use crate::wire::message;
use crate::wire::password::PolicyResponse;

/// Does this code say that name and password do not go together (RFC 4511 appendix A.2, invalidCredentials)?
pub fn is_invalid_credentials(code: u32) -> bool {
    code == 49
}

/// What a directory said about a name and a password.
pub enum Verdict {
    /// `answer` is the directory's whole BindResponse, untouched; `upstream` is bound and nobody else's.
    Accepted { answer: Bytes, upstream: Upstream },
    /// The connection is closed: whoever failed a bind on it is nobody.
    Refused { code: u32, diagnostic: String, answer: Bytes },
}

impl Verdict {
    /// What the directory says of a password that is right but due for a change. Active Directory says so in words,
    /// others in the control that answers [`policy_request`](crate::wire::password::policy_request), if it went with the
    /// bind. Only a clear word counts; a wrong password is never due.
    pub fn password_due(&self, kind: DirectoryKind) -> Option<PasswordDue> {
        let (answer, accepted) = match self {
            Self::Accepted { answer, .. } => (answer, true),
            Self::Refused { code, answer, .. } if is_invalid_credentials(*code) => (answer, false),
            Self::Refused { .. } => return None,
        };
        match (kind, self) {
            (DirectoryKind::ActiveDirectory, Self::Refused { diagnostic, .. }) => due_in_windows(diagnostic),
            (DirectoryKind::ActiveDirectory, Self::Accepted { .. }) => None,
            (DirectoryKind::OpenLdap, _) => {
                let controls = message::controls_of(&frame::frame(answer.clone()).ok()?).ok()?;
                password::due(PolicyResponse::of(&controls)?, accepted)
            }
        }
    }
}

/// Sends `request`, a BindRequest with this id, on a warm connection or else a new one.
pub async fn attempt(
    peer: &Peer,
    message_id: u32,
    request: &[u8],
    deadline: Instant,
) -> Result<Verdict, DirectoryFault> {
    if let Some(stream) = peer.warm.take() {
        match exchange(peer, stream, message_id, request, deadline).await {
            // The server gave the connection up while it waited for us; that says nothing about the server.
            Err(DirectoryFault::Closed { .. }) => {}
            answered => return answered,
        }
    }
    let stream = peer.connect(deadline).await?;
    exchange(peer, stream, message_id, request, deadline).await
}

/// [`DirectoryFault::Closed`] means that no byte of an answer arrived.
pub async fn exchange(
    peer: &Peer,
    mut stream: UpstreamStream,
    message_id: u32,
    request: &[u8],
    deadline: Instant,
) -> Result<Verdict, DirectoryFault> {
    let server = &peer.server;
    let until = deadline.min(Instant::now() + peer.operation_timeout);
    let mut leftover = BytesMut::with_capacity(512);
    let frame = within(server, Step::Bind, until, async {
        let closed = |_| DirectoryFault::Closed { server: server.clone(), step: Step::Bind };
        stream.write_all(request).await.map_err(closed)?;
        stream.flush().await.map_err(closed)?;
        connect::read_frame(server, &mut stream, &mut leftover, Step::Bind).await
    })
    .await?;
    let protocol = |what: String| DirectoryFault::Protocol { server: server.clone(), what };
    let answer = BindAnswer::parse(&frame, message_id).map_err(protocol)?;
    match meaning(&answer) {
        Meaning::Accepted => {
            let upstream = Upstream { stream, leftover, server: server.clone() };
            Ok(Verdict::Accepted { answer: frame.bytes().clone(), upstream })
        }
        Meaning::Refused => {
            stream.hang_up();
            let BindAnswer { code, diagnostic, .. } = answer;
            Ok(Verdict::Refused { code, diagnostic, answer: frame.bytes().clone() })
        }
        Meaning::Unavailable => {
            let BindAnswer { code, diagnostic, .. } = answer;
            Err(DirectoryFault::Unavailable { server: server.clone(), code, diagnostic })
        }
        Meaning::Neither(what) => Err(protocol(what.to_owned())),
    }
}

/// RFC 4511 §4.2.2 and §4.1.9.
struct BindAnswer {
    code: u32,
    diagnostic: String,
    has_matched_dn: bool,
    has_referral: bool,
}

impl BindAnswer {
    fn parse(frame: &Frame, message_id: u32) -> Result<Self, String> {
        if frame.message_id() == 0 {
            return Err("it sent an unsolicited notification instead of a bind answer".to_owned());
        }
        if frame.message_id() != message_id || frame.op() != op::BIND_RESPONSE {
            return Err("its answer is not one to our bind".to_owned());
        }
        Self::read(frame).map_err(|fault| format!("its bind answer is broken: {fault}"))
    }

    fn read(frame: &Frame) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut result = Reader::new(outer.expect(op::BIND_RESPONSE)?);
        let code = result.number(ber::ENUMERATED)?;
        let has_matched_dn = !result.expect(ber::OCTET_STRING)?.is_empty();
        let diagnostic = String::from_utf8_lossy(result.expect(ber::OCTET_STRING)?).into_owned();
        let has_referral = result.optional(0xa3)?.is_some();
        // serverSaslCreds: of no use to a simple bind, and of no harm.
        result.optional(0x87)?;
        result.end()?;
        // Controls are the client's to read, but nothing else may stand there.
        outer.optional(0xa0)?;
        outer.end()?;
        Ok(Self { code, diagnostic, has_matched_dn, has_referral })
    }
}

enum Meaning {
    Accepted,
    Refused,
    /// The directory could not tell.
    Unavailable,
    /// Something no directory says to a simple bind.
    Neither(&'static str),
}

/// The one place that decides which result codes speak about the person and which about the directory.
fn meaning(answer: &BindAnswer) -> Meaning {
    match answer.code {
        0 if answer.has_referral => Meaning::Neither("its bind success carries a referral"),
        0 if answer.has_matched_dn => Meaning::Neither("its bind success carries a matched name"),
        0 => Meaning::Accepted,
        10 => Meaning::Neither("it refers a bind to another server, and binds are not sent where a server points"),
        14 => Meaning::Neither("it goes on with SASL after a simple bind"),
        // authMethodNotSupported, strongerAuthRequired, confidentialityRequired, constraintViolation, noSuchObject,
        // invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
        // unwillingToPerform: the account or its password will not do, and asking again changes nothing.
        7 | 8 | 13 | 19 | 32 | 34 | 48 | 49 | 50 | 53 => Meaning::Refused,
        // operationsError, protocolError, time and size limits, busy, unavailable, loopDetect, other, and whatever
        // a later standard adds: not a word about the password.
        _ => Meaning::Unavailable,
    }
}
