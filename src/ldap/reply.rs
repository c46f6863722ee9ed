//! Outcomes, faults and refusals as LDAP results (RFC 4511 §4.1.9, appendix A). The only file of this door that knows
//! result codes; no `_` arm, so that a new denial stops the build here.

use bytes::Bytes;

use crate::domain::outcome::Denial;
use crate::flows::sign_in::SignInError;
use crate::wire::frame::op;
use crate::wire::message::{NOTICE_OF_DISCONNECTION, START_TLS, extended_response, response};

/// RFC 4511 appendix A.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Success = 0,
    OperationsError = 1,
    ProtocolError = 2,
    AuthMethodNotSupported = 7,
    ConfidentialityRequired = 13,
    InvalidDnSyntax = 34,
    InappropriateAuthentication = 48,
    InvalidCredentials = 49,
    InsufficientAccessRights = 50,
    Busy = 51,
    Unavailable = 52,
    UnwillingToPerform = 53,
}

fn bind_response(message_id: u32, code: Code, text: &str) -> Bytes {
    response(message_id, op::BIND_RESPONSE, code as u32, text)
}

/// A sign-in we denied. All denials read like the directory's own refusal of a wrong password (R19); the record and the
/// log say which it was.
pub fn denied(message_id: u32, denial: Denial, refusal: &str) -> Bytes {
    match denial {
        Denial::WrongPassword
        | Denial::PasswordExpired
        | Denial::DialogOver
        | Denial::NotOneEntry
        | Denial::UnknownUser
        | Denial::NoFactor
        | Denial::MustEnrol
        | Denial::Disabled
        | Denial::DisabledInDirectory
        | Denial::ExpiredInDirectory
        | Denial::Blocked
        | Denial::LockedOut
        | Denial::MissingCode
        | Denial::WrongCode
        | Denial::ReusedCode
        | Denial::WrongPasskey
        | Denial::CopiedPasskey
        | Denial::WrongPin
        | Denial::FactorNotAllowed
        | Denial::PromptRefused
        | Denial::PromptExpired
        | Denial::PromptCancelled
        | Denial::TooManyPrompts
        | Denial::AlreadyAsking
        | Denial::Throttled => bind_response(message_id, Code::InvalidCredentials, refusal),
    }
}

/// The address had too many denials lately, whoever they were for: the one denial that says what it is.
pub fn throttled(message_id: u32) -> Bytes {
    bind_response(message_id, Code::Busy, "too many refused sign-ins from this address; wait a minute")
}

/// Nobody could decide: the client may try again, and nothing counts against the user.
pub fn undecided(message_id: u32, error: &SignInError) -> Bytes {
    if error.is_busy() {
        return bind_response(message_id, Code::Busy, "too many sign-ins at once; try again");
    }
    bind_response(message_id, Code::Unavailable, "the sign-in service cannot decide now; try again")
}

/// RFC 4513 §5.1.2: a name without a password would "succeed" anonymously.
pub fn empty_password(message_id: u32) -> Bytes {
    bind_response(message_id, Code::UnwillingToPerform, "a bind with a name needs a password")
}

pub fn anonymous_bound(message_id: u32) -> Bytes {
    bind_response(message_id, Code::Success, "")
}

pub fn anonymous_refused(message_id: u32) -> Bytes {
    bind_response(message_id, Code::InappropriateAuthentication, "anonymous binds are not allowed here")
}

pub fn needs_tls(message_id: u32) -> Bytes {
    bind_response(message_id, Code::ConfidentialityRequired, "use LDAPS or StartTLS before a bind")
}

pub fn version_not_spoken(message_id: u32) -> Bytes {
    bind_response(message_id, Code::ProtocolError, "only LDAP version 3 is spoken here")
}

pub fn method_not_supported(message_id: u32) -> Bytes {
    let text = "only simple binds can be given a second factor here";
    bind_response(message_id, Code::AuthMethodNotSupported, text)
}

pub fn name_not_utf8(message_id: u32) -> Bytes {
    bind_response(message_id, Code::InvalidDnSyntax, "the name is not UTF-8")
}

/// An answer to an operation we do not pass on; `None` where the operation has no answer (Unbind, Abandon).
fn refused(message_id: u32, request: u8, code: Code, text: &str) -> Option<Bytes> {
    let answer = match request {
        op::BIND_REQUEST => op::BIND_RESPONSE,
        op::SEARCH_REQUEST => op::SEARCH_DONE,
        op::MODIFY_REQUEST => op::MODIFY_RESPONSE,
        op::ADD_REQUEST => op::ADD_RESPONSE,
        op::DELETE_REQUEST => op::DELETE_RESPONSE,
        op::MODIFY_DN_REQUEST => op::MODIFY_DN_RESPONSE,
        op::COMPARE_REQUEST => op::COMPARE_RESPONSE,
        op::EXTENDED_REQUEST => return Some(extended_response(message_id, code as u32, text, None)),
        _ => return None,
    };
    Some(response(message_id, answer, code as u32, text))
}

/// Nobody is bound on this connection.
pub fn bind_first(message_id: u32, request: u8) -> Option<Bytes> {
    refused(message_id, request, Code::OperationsError, "bind before other operations")
}

/// A Compare on a password attribute tests a password without a bind, and so without a second factor.
pub fn compare_refused(message_id: u32) -> Option<Bytes> {
    let text = "comparing passwords is not allowed here; bind instead";
    refused(message_id, op::COMPARE_REQUEST, Code::InsufficientAccessRights, text)
}

pub fn operation_unavailable(message_id: u32, request: u8) -> Option<Bytes> {
    refused(message_id, request, Code::Unavailable, "the directory cannot be reached now; try again")
}

pub fn stranger(message_id: u32, request: u8) -> Bytes {
    let text = "this address belongs to no client; add it with 'vestibule client add'";
    refused(message_id, request, Code::UnwillingToPerform, text)
        .unwrap_or_else(|| notice(Code::UnwillingToPerform, text))
}

pub fn start_tls_begins(message_id: u32) -> Bytes {
    extended_response(message_id, Code::Success as u32, "", Some(START_TLS))
}

/// TLS is on already, or operations are outstanding (RFC 4511 §4.14.1).
pub fn start_tls_out_of_order(message_id: u32) -> Bytes {
    let text = "TLS is on already, or operations are outstanding";
    extended_response(message_id, Code::OperationsError as u32, text, Some(START_TLS))
}

/// RFC 4511 §4.4.1.
fn notice(code: Code, text: &str) -> Bytes {
    extended_response(0, code as u32, text, Some(NOTICE_OF_DISCONNECTION))
}

pub fn goodbye_broken(text: &str) -> Bytes {
    notice(Code::ProtocolError, text)
}

pub fn goodbye_stopping() -> Bytes {
    notice(Code::Unavailable, "the server is stopping")
}

pub fn goodbye_idle() -> Bytes {
    notice(Code::Unavailable, "the connection was idle for too long")
}

pub fn goodbye_directory_lost() -> Bytes {
    notice(Code::Unavailable, "the directory closed the connection or does not answer")
}

pub fn goodbye_revoked() -> Bytes {
    notice(Code::UnwillingToPerform, "this address belongs to no client any more")
}

pub fn goodbye_full() -> Bytes {
    notice(Code::Busy, "too many connections")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::frame;
    use crate::wire::message::LdapResult;

    #[test]
    fn r19_every_denial_reads_like_a_wrong_password() {
        let answers = [
            Denial::WrongCode,
            Denial::LockedOut,
            Denial::UnknownUser,
            Denial::DisabledInDirectory,
            Denial::PromptRefused,
        ]
        .map(|denial| denied(3, denial, "data 52e"));
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        let result = LdapResult::parse(&frame(answers[0].clone()).unwrap(), op::BIND_RESPONSE).unwrap();
        assert_eq!((result.code, result.diagnostic.as_str()), (49, "data 52e"));
    }

    #[test]
    fn a_fault_is_never_a_denial() {
        for error in [SignInError::NoDirectory, SignInError::Full(3), SignInError::Stopping] {
            let answer = frame(undecided(3, &error)).unwrap();
            let code = LdapResult::parse(&answer, op::BIND_RESPONSE).unwrap().code;
            assert!(code == 51 || code == 52, "{error}: {code}");
        }
    }
}
