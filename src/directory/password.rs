//! Changing a password at the directory, over TLS and a connection of its own. Who asks has seen the old one be right: a
//! directory that is asked with wrong ones counts them, and tells them apart.

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::account;
use super::bind::{self, Verdict};
use super::client::{DirectoryClient, Shared, Tries};
use super::connect::{self, within};
use super::fault::{DirectoryFault, Step};
use super::peer::Peer;
use super::upstream::UpstreamStream;
use crate::domain::directory::password::{
    PasswordChange, PasswordDue, PasswordRefusal, RefusalKind, Shortcoming, refusal_by_code, refusal_in_windows,
};
use crate::domain::directory::{DirectoryKind, Transport};
use crate::domain::secret::Password;
use crate::telemetry::metrics;
use crate::wire::frame::op;
use crate::wire::message;
use crate::wire::password::{self, ChangeAnswer, PolicyError, PolicyResponse, PolicyWarning};

/// A change under way: whose password, from what to what.
struct Change<'a> {
    dn: &'a str,
    old: &'a Password,
    new: &'a Password,
}

/// A fault, and whether the directory may have changed the password all the same.
enum Failed {
    /// It has not: another server may be asked.
    NotDone(DirectoryFault),
    /// It was asked to, and its answer is not known.
    InDoubt(DirectoryFault),
}

impl From<DirectoryFault> for Failed {
    fn from(fault: DirectoryFault) -> Self {
        Self::NotDone(fault)
    }
}

impl DirectoryClient {
    /// Replaces the password `old` of the entry `dn` by `new`. Over TLS only: servers without it are passed over, and
    /// where there is no other nothing is sent. A fault at [`Step::PasswordChange`] leaves open whether the password is
    /// the old or the new one; another server is then not asked, as it would call a changed password a wrong one.
    ///
    /// Active Directory is asked by our own account, since the owner of an expired password cannot bind; it compares the
    /// old one, and needs no rights of ours that a plain user lacks. Other directories are asked by the owner where a bind
    /// still succeeds (a reset password, grace logins), which counts as one, and else by our own account.
    pub async fn change_password(
        &self,
        dn: &str,
        old: &Password,
        new: &Password,
        deadline: Instant,
    ) -> Result<PasswordChange, DirectoryFault> {
        if dn.is_empty() || old.is_empty() || new.is_empty() {
            return Err(DirectoryFault::NotSent { what: "a name, the old and a new password are all needed" });
        }
        let shared = self.shared();
        if shared.peers.iter().all(|peer| peer.server.transport == Transport::Plain) {
            return Err(DirectoryFault::NoTls { directory: shared.directory.name.clone() });
        }
        let change = Change { dn, old, new };
        let began = Instant::now();
        let mut tries = Tries::over_tls(shared, deadline);
        while let Some((peer, until)) = tries.next() {
            match change.at(shared, peer, until).await {
                Ok(changed) => {
                    peer.answered();
                    metrics::directory_answered(&shared.directory.name, "password_change", began.elapsed());
                    return Ok(changed);
                }
                Err(Failed::NotDone(fault)) => tries.failed(peer, fault)?,
                Err(Failed::InDoubt(fault)) => {
                    peer.blame(&fault);
                    return Err(fault);
                }
            }
        }
        Err(tries.exhausted())
    }
}

impl Change<'_> {
    async fn at(&self, shared: &Shared, peer: &Peer, until: Instant) -> Result<PasswordChange, Failed> {
        match shared.directory.kind {
            DirectoryKind::ActiveDirectory => self.in_active_directory(shared, peer, until).await,
            DirectoryKind::OpenLdap => self.by_password_modify(shared, peer, until).await,
        }
    }

    async fn in_active_directory(
        &self,
        shared: &Shared,
        peer: &Peer,
        until: Instant,
    ) -> Result<PasswordChange, Failed> {
        let text = |password| std::str::from_utf8(Password::expose(password));
        let (Ok(old), Ok(new)) = (text(self.old), text(self.new)) else {
            let kind = RefusalKind::TooWeak(Shortcoming::NotText);
            // RFC 4511 appendix A.2, invalidAttributeSyntax, as the directory would say.
            return Ok(PasswordChange::Refused(PasswordRefusal { code: 21, diagnostic: String::new(), kind }));
        };
        if shared.directory.bind_dn.is_empty() {
            return Err(needs_an_account(shared).into());
        }
        let request = password::change_unicode_pwd(ID, self.dn, old, new);
        let stream = account::open_on(shared, peer, until).await?;
        let answer = asked(peer, stream, &request, op::MODIFY_RESPONSE, until).await?;
        meaning(peer, answer, |answer| refusal_in_windows(answer.code, &answer.diagnostic))
    }

    async fn by_password_modify(&self, shared: &Shared, peer: &Peer, until: Instant) -> Result<PasswordChange, Failed> {
        const BIND_ID: u32 = 1;
        let bind_request = message::bind_request(BIND_ID, self.dn, self.old, &[password::policy_request()]);
        let stream = peer.connect(until).await?;
        let verdict = bind::exchange(peer, stream, BIND_ID, &bind_request, until).await?;
        let due = verdict.password_due(shared.directory.kind);
        let (stream, by_owner) = match (verdict, due) {
            (Verdict::Accepted { upstream, .. }, _) => (upstream.stream, true),
            (Verdict::Refused { .. }, Some(_)) if !shared.directory.bind_dn.is_empty() => {
                (account::open_on(shared, peer, until).await?, false)
            }
            (Verdict::Refused { .. }, Some(_)) => return Err(needs_an_account(shared).into()),
            (Verdict::Refused { code, diagnostic, .. }, None) => {
                let kind = refusal_by_code(code, &diagnostic);
                return Ok(PasswordChange::Refused(PasswordRefusal { code, diagnostic, kind }));
            }
        };
        let request = password::password_modify(ID, self.dn, self.old, self.new);
        let answer = asked(peer, stream, &request, op::EXTENDED_RESPONSE, until).await?;
        meaning(peer, answer, |answer| {
            let by_policy = answer.policy.and_then(|policy| policy.error).and_then(refusal_by_policy);
            let kind = by_policy.unwrap_or_else(|| refusal_by_code(answer.code, &answer.diagnostic));
            // The bind has just said that it is right: our own account may not have it compared.
            if kind == RefusalKind::OldWrong && !by_owner { RefusalKind::NotAllowed } else { kind }
        })
    }
}

/// Of the request that follows the bind.
const ID: u32 = 2;

fn needs_an_account(shared: &Shared) -> DirectoryFault {
    let reason = "an expired password is changed by our own account, and it has none; give it one with --bind-dn";
    DirectoryFault::Settings { directory: shared.directory.name.clone(), reason: reason.to_owned() }
}

/// Sends the request on a bound connection and reads the answer to it. From the first byte sent, only an answer tells
/// whether it was done.
async fn asked(
    peer: &Peer,
    mut stream: UpstreamStream,
    request: &[u8],
    response: u8,
    until: Instant,
) -> Result<ChangeAnswer, Failed> {
    const STEP: Step = Step::PasswordChange;
    let server = &peer.server;
    let until = until.min(Instant::now() + peer.operation_timeout);
    let mut leftover = BytesMut::new();
    let frame = within(server, STEP, until, async {
        let closed = |_| DirectoryFault::Closed { server: server.clone(), step: STEP };
        stream.write_all(request).await.map_err(closed)?;
        stream.flush().await.map_err(closed)?;
        connect::read_frame(server, &mut stream, &mut leftover, STEP).await
    });
    let frame = frame.await.map_err(Failed::InDoubt)?;
    stream.hang_up();
    if frame.message_id() != ID || frame.op() != response {
        return Err(in_doubt(peer, "its answer is not one to our password change".to_owned()));
    }
    let answer = ChangeAnswer::parse(&frame, response);
    answer.map_err(|fault| in_doubt(peer, format!("its answer to a password change is broken: {fault}")))
}

fn in_doubt(peer: &Peer, what: String) -> Failed {
    Failed::InDoubt(DirectoryFault::Protocol { server: peer.server.clone(), what })
}

/// Which result codes speak about the person and the password, and which about the directory. Each but success says that
/// nothing was changed (RFC 4511 §4.6: all or nothing).
fn meaning(
    peer: &Peer,
    answer: ChangeAnswer,
    kind: impl FnOnce(&ChangeAnswer) -> RefusalKind,
) -> Result<PasswordChange, Failed> {
    match answer.code {
        0 => match answer.oddity {
            None => Ok(PasswordChange::Changed),
            Some(oddity) => Err(in_doubt(peer, format!("its password change {oddity}"))),
        },
        // noSuchAttribute, constraintViolation, attributeOrValueExists, invalidAttributeSyntax, noSuchObject,
        // inappropriateAuthentication, invalidCredentials, insufficientAccessRights, unwillingToPerform,
        // objectClassViolation: this password, this person or this account of ours will not do.
        16 | 19 | 20 | 21 | 32 | 48 | 49 | 50 | 53 | 65 => {
            let kind = kind(&answer);
            let ChangeAnswer { code, diagnostic, .. } = answer;
            Ok(PasswordChange::Refused(PasswordRefusal { code, diagnostic, kind }))
        }
        // A referral is how a server that only reads says no; others may write. So may, after what is broken or busy.
        code => {
            let ChangeAnswer { diagnostic, .. } = answer;
            Err(Failed::NotDone(DirectoryFault::Unavailable { server: peer.server.clone(), code, diagnostic }))
        }
    }
}

/// `None` where the policy says nothing about why.
fn refusal_by_policy(error: PolicyError) -> Option<RefusalKind> {
    match error {
        PolicyError::InsufficientPasswordQuality => Some(RefusalKind::TooWeak(Shortcoming::Quality)),
        PolicyError::PasswordTooShort => Some(RefusalKind::TooWeak(Shortcoming::TooShort)),
        PolicyError::PasswordTooLong => Some(RefusalKind::TooWeak(Shortcoming::TooLong)),
        PolicyError::PasswordInHistory => Some(RefusalKind::TooWeak(Shortcoming::InHistory)),
        PolicyError::PasswordModNotAllowed | PolicyError::PasswordTooYoung => Some(RefusalKind::NotAllowed),
        PolicyError::MustSupplyOldPassword => Some(RefusalKind::Other),
        PolicyError::PasswordExpired | PolicyError::AccountLocked | PolicyError::ChangeAfterReset => None,
    }
}

/// What the policy control of a bind's answer says of the password; `accepted`: of one that was.
pub fn due(policy: PolicyResponse, accepted: bool) -> Option<PasswordDue> {
    match (policy.error, policy.warning) {
        (Some(PolicyError::PasswordExpired), _) => Some(PasswordDue::Expired),
        (Some(PolicyError::ChangeAfterReset), _) => Some(PasswordDue::MustChange),
        (None, Some(PolicyWarning::GraceLeft(_))) if accepted => Some(PasswordDue::Expired),
        (Some(_), _) | (None, Some(PolicyWarning::GraceLeft(_) | PolicyWarning::ExpiresIn(_)) | None) => None,
    }
}
