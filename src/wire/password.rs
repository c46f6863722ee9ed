//! Changing a password, and what a directory says of it beside a result code: the Modify that Active Directory wants
//! (MS-ADTS §3.1.1.3.1.5), the Password Modify operation of everybody else (RFC 3062), and the password policy control
//! (draft-behera-ldap-password-policy-10 §6). Values only; who sends them when is `directory/password`'s business.

use zeroize::Zeroizing;

use super::ber::{self, BerFault, Reader};
use super::frame::{Frame, op};
use super::message::{self, Control, PASSWORD_MODIFY};
use crate::domain::secret::Password;

/// draft-behera-ldap-password-policy-10 §6.1 and §6.2: request and response.
pub const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

/// Asks a directory to say what its password policy has to do with its answer.
pub fn policy_request() -> Control {
    Control { oid: PASSWORD_POLICY.into(), critical: false, value: None }
}

/// draft-behera-ldap-password-policy-10 §6.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyResponse {
    pub warning: Option<PolicyWarning>,
    pub error: Option<PolicyError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyWarning {
    /// Seconds from now on.
    ExpiresIn(u32),
    /// It has expired, and lets its owner in this many times more.
    GraceLeft(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyError {
    PasswordExpired,
    AccountLocked,
    ChangeAfterReset,
    PasswordModNotAllowed,
    MustSupplyOldPassword,
    InsufficientPasswordQuality,
    PasswordTooShort,
    PasswordTooYoung,
    PasswordInHistory,
    /// OpenLDAP 2.6's addition.
    PasswordTooLong,
}

impl PolicyError {
    /// By the number on the wire.
    pub const ALL: [Self; 10] = [
        Self::PasswordExpired,
        Self::AccountLocked,
        Self::ChangeAfterReset,
        Self::PasswordModNotAllowed,
        Self::MustSupplyOldPassword,
        Self::InsufficientPasswordQuality,
        Self::PasswordTooShort,
        Self::PasswordTooYoung,
        Self::PasswordInHistory,
        Self::PasswordTooLong,
    ];
}

impl PolicyResponse {
    /// What an answer's controls say of the policy: nothing if there is no such control, or several, or one that cannot
    /// be understood. A word that could be read two ways is none.
    pub fn of(controls: &[Control]) -> Option<Self> {
        let mut found = controls.iter().filter(|control| control.oid == PASSWORD_POLICY);
        let (only, None) = (found.next()?, found.next()) else { return None };
        Self::parse(only.value.as_deref()?).ok()
    }

    pub fn parse(value: &[u8]) -> Result<Self, BerFault> {
        let mut outer = Reader::new(value);
        let mut response = Reader::new(outer.expect(ber::SEQUENCE)?);
        outer.end()?;
        let warning = response.optional(0xa0)?.map(warning).transpose()?;
        let error = response.optional(0x81)?.map(error).transpose()?;
        response.end()?;
        Ok(Self { warning, error })
    }
}

fn warning(choice: &[u8]) -> Result<PolicyWarning, BerFault> {
    let mut choice = Reader::new(choice);
    let (tag, number) = choice.element()?;
    choice.end()?;
    let number = ber::number(number)?;
    match tag {
        0x80 => Ok(PolicyWarning::ExpiresIn(number)),
        0x81 => Ok(PolicyWarning::GraceLeft(number)),
        found => Err(BerFault::Tag { expected: 0x80, found }),
    }
}

fn error(number: &[u8]) -> Result<PolicyError, BerFault> {
    let number = usize::try_from(ber::number(number)?).map_err(|_| BerFault::Number)?;
    PolicyError::ALL.get(number).copied().ok_or(BerFault::Number)
}

/// One Modify that takes the old password away and puts the new one in its place, which is what Active Directory takes
/// for a person's own change, whoever asks for it. A `replace` would be a reset: by other rights, past the history.
pub fn change_unicode_pwd(message_id: u32, dn: &str, old: &str, new: &str) -> Zeroizing<Vec<u8>> {
    const ADD: u32 = 0;
    const DELETE: u32 = 1;
    let (old, new) = (quoted(old), quoted(new));
    written(dn.len() + old.len() + new.len(), |out| {
        message::envelope(out, message_id, &[], |out| {
            ber::put(out, op::MODIFY_REQUEST, |out| {
                ber::put_bytes(out, ber::OCTET_STRING, dn.as_bytes());
                ber::put(out, ber::SEQUENCE, |out| {
                    for (operation, value) in [(DELETE, &old), (ADD, &new)] {
                        ber::put(out, ber::SEQUENCE, |out| {
                            ber::put_number(out, ber::ENUMERATED, operation);
                            ber::put(out, ber::SEQUENCE, |out| {
                                ber::put_bytes(out, ber::OCTET_STRING, b"unicodePwd");
                                ber::put(out, ber::SET, |out| ber::put_bytes(out, ber::OCTET_STRING, value));
                            });
                        });
                    }
                });
            });
        });
    })
}

/// MS-ADTS §3.1.1.3.1.5.1: UTF-16, little-endian, in quotation marks. Marks within need no escape.
fn quoted(password: &str) -> Zeroizing<Vec<u8>> {
    // A code unit for each byte of UTF-8 at most.
    let mut out = Zeroizing::new(Vec::with_capacity(2 * (password.len() + 2)));
    let units = std::iter::once(u16::from(b'"')).chain(password.encode_utf16()).chain([u16::from(b'"')]);
    units.for_each(|unit| out.extend_from_slice(&unit.to_le_bytes()));
    out
}

/// RFC 3062 §2. Neither password may be empty: a missing new one has the server make one up.
pub fn password_modify(message_id: u32, dn: &str, old: &Password, new: &Password) -> Zeroizing<Vec<u8>> {
    written(dn.len() + old.expose().len() + new.expose().len(), |out| {
        message::envelope(out, message_id, &[policy_request()], |out| {
            ber::put(out, op::EXTENDED_REQUEST, |out| {
                ber::put_bytes(out, 0x80, PASSWORD_MODIFY.as_bytes());
                ber::put(out, 0x81, |out| {
                    ber::put(out, ber::SEQUENCE, |out| {
                        ber::put_bytes(out, 0x80, dn.as_bytes());
                        ber::put_bytes(out, 0x81, old.expose());
                        ber::put_bytes(out, 0x82, new.expose());
                    });
                });
            });
        });
    })
}

/// With room for all of it from the start: a vector that grows leaves copies of the passwords behind.
fn written(values: usize, write: impl FnOnce(&mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    let size = 256 + values;
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    write(&mut out);
    debug_assert!(out.capacity() == size, "the buffer must not have grown");
    out
}

/// The answer to either (RFC 4511 §4.6, RFC 3062 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAnswer {
    pub code: u32,
    pub diagnostic: String,
    pub policy: Option<PolicyResponse>,
    /// What makes a success no answer to what was asked.
    pub oddity: Option<&'static str>,
}

impl ChangeAnswer {
    /// `tag`: of the response that the request has.
    pub fn parse(frame: &Frame, tag: u8) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut result = Reader::new(outer.expect(tag)?);
        let code = result.number(ber::ENUMERATED)?;
        let matched = result.expect(ber::OCTET_STRING)?;
        let diagnostic = String::from_utf8_lossy(result.expect(ber::OCTET_STRING)?).into_owned();
        let referral = result.optional(0xa3)?;
        let mut value = None;
        if tag == op::EXTENDED_RESPONSE {
            result.optional(0x8a)?;
            value = result.optional(0x8b)?;
        }
        result.end()?;
        let oddity = if referral.is_some() {
            Some("carries a referral")
        } else if !matched.is_empty() {
            Some("carries a matched name")
        } else if value.is_some_and(|value| !matches!(value, [] | [ber::SEQUENCE, 0])) {
            // RFC 3062 §2: genPasswd.
            Some("carries a password that nobody asked for")
        } else {
            None
        };
        Ok(Self { code, diagnostic, policy: PolicyResponse::of(&message::controls(outer)?), oddity })
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame;

    /// As a server writes it.
    fn response(warning: Option<(u8, u32)>, error: Option<u32>) -> Vec<u8> {
        let mut out = vec![];
        ber::put(&mut out, ber::SEQUENCE, |out| {
            if let Some((tag, number)) = warning {
                ber::put(out, 0xa0, |out| ber::put_number(out, tag, number));
            }
            if let Some(error) = error {
                ber::put_number(out, 0x81, error);
            }
        });
        out
    }

    fn control(value: Option<Vec<u8>>) -> Control {
        Control { oid: PASSWORD_POLICY.into(), critical: false, value }
    }

    #[test]
    fn what_openldap_says_of_its_policy_is_read() {
        let read = |bytes: &[u8]| PolicyResponse::parse(bytes).unwrap();
        let nothing = PolicyResponse { warning: None, error: None };
        assert_eq!(read(&[0x30, 0]), nothing);
        assert_eq!(
            read(&[0x30, 3, 0x81, 1, 0]),
            PolicyResponse { error: Some(PolicyError::PasswordExpired), ..nothing }
        );
        assert_eq!(
            read(&[0x30, 3, 0x81, 1, 2]),
            PolicyResponse { error: Some(PolicyError::ChangeAfterReset), ..nothing }
        );
        let grace = PolicyResponse { warning: Some(PolicyWarning::GraceLeft(3)), ..nothing };
        assert_eq!(read(&[0x30, 5, 0xa0, 3, 0x81, 1, 3]), grace);
    }

    #[test]
    fn a_policy_that_could_be_read_two_ways_says_nothing() {
        let expired = response(None, Some(0));
        let said = |controls: &[Control]| PolicyResponse::of(controls);
        assert!(said(&[control(Some(expired.clone()))]).is_some());
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[control(None)]), None);
        assert_eq!(said(&[control(Some(expired.clone())), control(Some(expired.clone()))]), None, "twice");
        let other = Control { oid: "1.2.3".into(), ..control(Some(expired)) };
        assert_eq!(said(&[other]), None);
        for (what, bytes) in [
            ("an error nobody defined", &[0x30_u8, 3, 0x81, 1, 10][..]),
            ("a negative error", &[0x30, 3, 0x81, 1, 0xff]),
            ("an error of five octets", &[0x30, 7, 0x81, 5, 0, 0, 0, 0, 0]),
            ("two warnings", &[0x30, 8, 0xa0, 6, 0x81, 1, 3, 0x81, 1, 3]),
            ("two errors", &[0x30, 6, 0x81, 1, 0, 0x81, 1, 2]),
            ("the error before the warning", &[0x30, 8, 0x81, 1, 0, 0xa0, 3, 0x81, 1, 3]),
            ("a warning of another kind", &[0x30, 5, 0xa0, 3, 0x82, 1, 3]),
            ("an empty warning", &[0x30, 2, 0xa0, 0]),
            ("an error that is no choice of ours", &[0x30, 3, 0x0a, 1, 0]),
            ("bytes after it", &[0x30, 3, 0x81, 1, 0, 0]),
            ("half of it", &[0x30, 3, 0x81, 1]),
            ("no bytes", &[]),
        ] {
            assert!(PolicyResponse::parse(bytes).is_err(), "{what}");
            assert_eq!(said(&[control(Some(bytes.to_vec()))]), None, "{what}");
        }
    }

    /// The values of the one delete and the one add of a Modify, in this order, and the entry.
    fn read_modify(bytes: &[u8]) -> (String, Vec<u8>, Vec<u8>) {
        let frame = frame::frame(bytes.to_vec().into()).unwrap();
        assert_eq!((frame.message_id(), frame.op()), (9, op::MODIFY_REQUEST));
        let mut outer = Reader::new(frame.body());
        let mut modify = Reader::new(outer.expect(op::MODIFY_REQUEST).unwrap());
        outer.end().unwrap();
        let dn = modify.text(ber::OCTET_STRING).unwrap().to_owned();
        let mut changes = Reader::new(modify.expect(ber::SEQUENCE).unwrap());
        modify.end().unwrap();
        let mut values = [1, 0].map(|operation| {
            let mut change = Reader::new(changes.expect(ber::SEQUENCE).unwrap());
            assert_eq!(change.number(ber::ENUMERATED), Ok(operation));
            let mut attribute = Reader::new(change.expect(ber::SEQUENCE).unwrap());
            change.end().unwrap();
            assert_eq!(attribute.text(ber::OCTET_STRING), Ok("unicodePwd"));
            let mut set = Reader::new(attribute.expect(ber::SET).unwrap());
            attribute.end().unwrap();
            let value = set.expect(ber::OCTET_STRING).unwrap().to_vec();
            set.end().unwrap();
            value
        });
        changes.end().unwrap();
        let [old, new] = &mut values;
        (dn, std::mem::take(old), std::mem::take(new))
    }

    fn unquoted(value: &[u8]) -> String {
        let units: Vec<u16> = value.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        let text = String::from_utf16(&units).unwrap();
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap().to_owned()
    }

    #[test]
    fn a_quoted_password_is_as_active_directory_documents_it() {
        // MS-ADTS §3.1.1.3.1.5.1's own example.
        assert_eq!(&quoted("new")[..], b"\"\0n\0e\0w\0\"\0");
        assert_eq!(&quoted("\"")[..], b"\"\0\"\0\"\0");
        // U+1F511, beyond what one unit holds.
        assert_eq!(&quoted("\u{1f511}")[..], [0x22, 0, 0x3d, 0xd8, 0x11, 0xdd, 0x22, 0]);
    }

    #[test]
    fn a_success_with_more_than_success_in_it_is_odd() {
        let answer = |tag: u8, matched: &[u8], more: &[u8]| {
            let mut out = vec![];
            message::envelope(&mut out, 2, &[control(Some(response(None, Some(6))))], |out| {
                ber::put(out, tag, |out| {
                    ber::put_number(out, ber::ENUMERATED, 0);
                    ber::put_bytes(out, ber::OCTET_STRING, matched);
                    ber::put_bytes(out, ber::OCTET_STRING, b"");
                    out.extend_from_slice(more);
                });
            });
            ChangeAnswer::parse(&frame::frame(out.into()).unwrap(), tag)
        };
        let plain = answer(op::EXTENDED_RESPONSE, b"", &[]).unwrap();
        let policy = Some(PolicyResponse { warning: None, error: Some(PolicyError::PasswordTooShort) });
        assert_eq!(plain, ChangeAnswer { code: 0, diagnostic: String::new(), policy, oddity: None });
        assert_eq!(answer(op::MODIFY_RESPONSE, b"", &[]), Ok(plain.clone()));
        assert_eq!(answer(op::EXTENDED_RESPONSE, b"", &[0x8a, 1, b'1', 0x8b, 2, 0x30, 0]), Ok(plain.clone()));
        assert_eq!(answer(op::EXTENDED_RESPONSE, b"", &[0x8b, 0]), Ok(plain));
        let odd = |tag, matched, more| answer(tag, matched, more).unwrap().oddity;
        assert!(odd(op::EXTENDED_RESPONSE, b"", &[0x8b, 5, 0x30, 3, 0x80, 1, b'x']).is_some(), "a made-up password");
        assert!(odd(op::MODIFY_RESPONSE, b"", &[0xa3, 3, 4, 1, b'x']).is_some(), "a referral");
        assert!(odd(op::MODIFY_RESPONSE, b"dc=x", &[]).is_some(), "a matched name");
        assert!(answer(op::MODIFY_RESPONSE, b"", &[0x8b, 0]).is_err(), "a value where none may stand");
        assert!(answer(op::EXTENDED_RESPONSE, b"", &[4, 0]).is_err(), "bytes after the result");
    }

    proptest! {
        #[test]
        fn a_change_says_the_entry_the_old_and_the_new_password(dn in ".*", old in ".{1,300}", new in ".{1,300}") {
            let (entry, before, after) = read_modify(&change_unicode_pwd(9, &dn, &old, &new));
            prop_assert_eq!((entry, unquoted(&before), unquoted(&after)), (dn, old, new));
        }

        #[test]
        fn a_password_modify_says_the_entry_the_old_and_the_new_password(
            dn in ".*",
            old in prop::collection::vec(any::<u8>(), 1..300),
            new in prop::collection::vec(any::<u8>(), 1..300),
        ) {
            let bytes = password_modify(9, &dn, &Password::new(old.clone()), &Password::new(new.clone()));
            let frame = frame::frame(bytes.to_vec().into()).unwrap();
            prop_assert_eq!(message::controls_of(&frame), Ok(vec![policy_request()]));
            let mut outer = Reader::new(frame.body());
            let mut request = Reader::new(outer.expect(op::EXTENDED_REQUEST).unwrap());
            prop_assert_eq!(request.text(0x80), Ok(PASSWORD_MODIFY));
            let mut value = Reader::new(request.expect(0x81).unwrap());
            let mut parts = Reader::new(value.expect(ber::SEQUENCE).unwrap());
            prop_assert_eq!(parts.expect(0x80), Ok(dn.as_bytes()));
            prop_assert_eq!(parts.expect(0x81), Ok(&old[..]));
            prop_assert_eq!(parts.expect(0x82), Ok(&new[..]));
            prop_assert!(parts.end().is_ok() && value.end().is_ok() && request.end().is_ok());
        }

        #[test]
        fn a_policy_is_read_as_it_was_meant(
            warning in option::of((0x80_u8..=0x81, 0..=i32::MAX.cast_unsigned())), error in option::of(0_u32..10),
            more in any::<u8>(),
        ) {
            let mut value = response(warning, error);
            let read = PolicyResponse::parse(&value).unwrap();
            let expected = warning.map(|(tag, number)| match tag {
                0x80 => PolicyWarning::ExpiresIn(number),
                _ => PolicyWarning::GraceLeft(number),
            });
            prop_assert_eq!((read.warning, read.error.map(|error| error as u32)), (expected, error));
            value.push(more);
            prop_assert!(PolicyResponse::parse(&value).is_err());
            value.truncate(value.len() - 2);
            prop_assert!(PolicyResponse::parse(&value).is_err());
        }

        #[test]
        fn no_bytes_make_a_parser_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..120), extended in any::<bool>()) {
            let _ = PolicyResponse::parse(&bytes);
            let tag = if extended { op::EXTENDED_RESPONSE } else { op::MODIFY_RESPONSE };
            let mut out = vec![];
            message::envelope(&mut out, 1, &[], |out| ber::put_bytes(out, tag, &bytes));
            let _ = ChangeAnswer::parse(&frame::frame(out.into()).unwrap(), tag);
        }
    }
}
