//! The few LDAP messages we read or write ourselves. Everything else passes as opaque frames.
//!
//! A Bind is parsed strictly and written anew for the directory, never forwarded: a parser more lenient than the
//! directory's is a way round the second factor.

use bytes::Bytes;
use zeroize::Zeroizing;

use super::ber::{self, BerFault, Reader};
use super::filter::Filter;
use super::frame::{self, Frame, op};
use crate::domain::secret::Password;

/// RFC 4511 §4.14.1.
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// RFC 4511 §4.4.1.
pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";
/// RFC 3062.
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
/// RFC 2696.
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// RFC 4511 §4.1.11.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    pub oid: String,
    pub critical: bool,
    pub value: Option<Vec<u8>>,
}

/// How a Bind proves itself (RFC 4511 §4.2).
pub enum Proof {
    Simple(Password),
    Sasl {
        mechanism: String,
    },
    /// Sicily and other choices outside the standard, by their tag.
    Other(u8),
}

/// RFC 4511 §4.2.
pub struct BindRequest {
    pub message_id: u32,
    pub version: u32,
    /// Bytes of the name as sent; `Err` where they are not UTF-8 (LDAPDN and LDAPString are, §4.1.2).
    pub name: Result<String, BerFault>,
    pub proof: Proof,
    pub controls: Vec<Control>,
}

impl BindRequest {
    /// Reads a bind where it lies, so that the only copy of the password made is one that is wiped.
    pub fn parse(message: &[u8]) -> Result<Self, BerFault> {
        let (message_id, body) = frame::open(message).map_err(|_| BerFault::Truncated)?;
        let mut outer = Reader::new(body);
        let mut bind = Reader::new(outer.expect(op::BIND_REQUEST)?);
        let version = bind.number(ber::INTEGER)?;
        let name = bind.expect(ber::OCTET_STRING)?;
        let name = std::str::from_utf8(name).map(str::to_owned).map_err(|_| BerFault::Text);
        let proof = match bind.element()? {
            (0x80, password) => Proof::Simple(Password::new(password)),
            (0xa3, sasl) => {
                let mut sasl = Reader::new(sasl);
                let mechanism = sasl.text(ber::OCTET_STRING)?.to_owned();
                sasl.optional(ber::OCTET_STRING)?;
                sasl.end()?;
                Proof::Sasl { mechanism }
            }
            (tag, _) => Proof::Other(tag),
        };
        bind.end()?;
        Ok(Self { message_id, version, name, proof, controls: controls(outer)? })
    }
}

/// A simple bind for the directory. Wiped when dropped, since the password stands in it.
pub fn bind_request(message_id: u32, name: &str, password: &Password, controls: &[Control]) -> Zeroizing<Vec<u8>> {
    let size = 64 + name.len() + password.expose().len() + controls.iter().map(control_size).sum::<usize>();
    // Room for all of it from the start: a vector that grows leaves copies of the password behind.
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    envelope(&mut out, message_id, controls, |out| {
        ber::put(out, op::BIND_REQUEST, |out| {
            ber::put_number(out, ber::INTEGER, 3);
            ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
            ber::put_bytes(out, 0x80, password.expose());
        });
    });
    debug_assert!(out.capacity() <= size.max(8), "the buffer must not have grown");
    out
}

pub(super) fn control_size(control: &Control) -> usize {
    32 + control.oid.len() + control.value.as_ref().map_or(0, Vec::len)
}

pub(super) fn envelope(out: &mut Vec<u8>, message_id: u32, controls: &[Control], operation: impl FnOnce(&mut Vec<u8>)) {
    ber::put(out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, message_id);
        operation(out);
        if controls.is_empty() {
            return;
        }
        ber::put(out, 0xa0, |out| {
            for control in controls {
                ber::put(out, ber::SEQUENCE, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, control.oid.as_bytes());
                    if control.critical {
                        ber::put_bytes(out, ber::BOOLEAN, &[0xff]);
                    }
                    if let Some(value) = &control.value {
                        ber::put_bytes(out, ber::OCTET_STRING, value);
                    }
                });
            }
        });
    });
}

/// More in one message are somebody who wants our memory.
const MAX_CONTROLS: usize = 100;

/// The controls of a message, whatever its operation.
pub fn controls_of(frame: &Frame) -> Result<Vec<Control>, BerFault> {
    let mut outer = Reader::new(frame.body());
    outer.element()?;
    controls(outer)
}

/// What may follow `protocolOp`: nothing, or controls.
pub(super) fn controls(mut outer: Reader<'_>) -> Result<Vec<Control>, BerFault> {
    let mut found = vec![];
    if let Some(list) = outer.optional(0xa0)? {
        let mut list = Reader::new(list);
        while !list.is_empty() {
            if found.len() == MAX_CONTROLS {
                return Err(BerFault::Length);
            }
            let mut control = Reader::new(list.expect(ber::SEQUENCE)?);
            let oid = control.text(ber::OCTET_STRING)?.to_owned();
            let critical = control.optional(ber::BOOLEAN)?.map(ber::boolean).transpose()?.unwrap_or(false);
            let value = control.optional(ber::OCTET_STRING)?.map(<[u8]>::to_vec);
            control.end()?;
            found.push(Control { oid, critical, value });
        }
    }
    outer.end()?;
    Ok(found)
}

/// RFC 4511 §4.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedRequest {
    pub oid: String,
    pub has_value: bool,
}

impl ExtendedRequest {
    pub fn parse(frame: &Frame) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut request = Reader::new(outer.expect(op::EXTENDED_REQUEST)?);
        let oid = request.text(0x80)?.to_owned();
        let has_value = request.optional(0x81)?.is_some();
        request.end()?;
        controls(outer)?;
        Ok(Self { oid, has_value })
    }
}

/// What a search is about, as far as a relay has to know (RFC 4511 §4.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchScope {
    pub base: String,
    /// 0 baseObject, 1 singleLevel, 2 wholeSubtree.
    pub scope: u32,
}

impl SearchScope {
    pub fn parse(frame: &Frame) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut search = Reader::new(outer.expect(op::SEARCH_REQUEST)?);
        let base = search.text(ber::OCTET_STRING)?.to_owned();
        Ok(Self { base, scope: search.number(ber::ENUMERATED)? })
    }

    /// RFC 4512 §5.1: the root DSE is the empty name at base scope.
    pub fn is_root_dse(&self) -> bool {
        self.base.is_empty() && self.scope == 0
    }
}

/// The attribute a Compare asks about (RFC 4511 §4.10), without its options.
pub fn compared_attribute(frame: &Frame) -> Result<String, BerFault> {
    let mut outer = Reader::new(frame.body());
    let mut compare = Reader::new(outer.expect(op::COMPARE_REQUEST)?);
    compare.expect(ber::OCTET_STRING)?;
    let mut assertion = Reader::new(compare.expect(ber::SEQUENCE)?);
    let description = assertion.text(ber::OCTET_STRING)?;
    Ok(description.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// RFC 4511 §4.1.9, as found in any final response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapResult {
    pub code: u32,
    pub diagnostic: String,
    pub controls: Vec<Control>,
}

impl LdapResult {
    /// Reads the result out of a response with this tag.
    pub fn parse(frame: &Frame, tag: u8) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut result = Reader::new(outer.expect(tag)?);
        let code = result.number(ber::ENUMERATED)?;
        result.expect(ber::OCTET_STRING)?;
        let diagnostic = String::from_utf8_lossy(result.expect(ber::OCTET_STRING)?).into_owned();
        Ok(Self { code, diagnostic, controls: controls(outer)? })
    }
}

/// A response of ours with nothing but a code and a text.
pub fn response(message_id: u32, tag: u8, code: u32, diagnostic: &str) -> Bytes {
    let mut out = Vec::with_capacity(32 + diagnostic.len());
    envelope(&mut out, message_id, &[], |out| {
        ber::put(out, tag, |out| put_result(out, code, diagnostic));
    });
    out.into()
}

/// An ExtendedResponse, with its name where there is one.
pub fn extended_response(message_id: u32, code: u32, diagnostic: &str, oid: Option<&str>) -> Bytes {
    let mut out = Vec::with_capacity(64 + diagnostic.len());
    envelope(&mut out, message_id, &[], |out| {
        ber::put(out, op::EXTENDED_RESPONSE, |out| {
            put_result(out, code, diagnostic);
            if let Some(oid) = oid {
                ber::put_bytes(out, 0x8a, oid.as_bytes());
            }
        });
    });
    out.into()
}

fn put_result(out: &mut Vec<u8>, code: u32, diagnostic: &str) {
    ber::put_number(out, ber::ENUMERATED, code);
    ber::put_bytes(out, ber::OCTET_STRING, b"");
    ber::put_bytes(out, ber::OCTET_STRING, diagnostic.as_bytes());
}

pub fn start_tls_request(message_id: u32) -> Vec<u8> {
    let mut out = vec![];
    envelope(&mut out, message_id, &[], |out| {
        ber::put(out, op::EXTENDED_REQUEST, |out| ber::put_bytes(out, 0x80, START_TLS.as_bytes()));
    });
    out
}

/// Asks to forget the operation with the id `abandoned` (RFC 4511 §4.11); there is no answer.
pub fn abandon_request(message_id: u32, abandoned: u32) -> Vec<u8> {
    let mut out = vec![];
    envelope(&mut out, message_id, &[], |out| ber::put_number(out, op::ABANDON_REQUEST, abandoned));
    out
}

/// RFC 4511 §4.5.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Base = 0,
    OneLevel = 1,
    Subtree = 2,
}

/// A search of our own.
#[derive(Debug, Clone)]
pub struct SearchRequest<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: &'a Filter,
    /// Entries, 0 = as many as the server gives.
    pub size_limit: u32,
    /// Seconds, 0 = as long as the server likes.
    pub time_limit: u32,
    pub attributes: &'a [&'a str],
    pub controls: &'a [Control],
}

impl SearchRequest<'_> {
    pub fn encode(&self, message_id: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        envelope(&mut out, message_id, self.controls, |out| {
            ber::put(out, op::SEARCH_REQUEST, |out| {
                ber::put_bytes(out, ber::OCTET_STRING, self.base.as_bytes());
                ber::put_number(out, ber::ENUMERATED, self.scope as u32);
                // neverDerefAliases: an alias must not lead to somebody else's entry.
                ber::put_number(out, ber::ENUMERATED, 0);
                ber::put_number(out, ber::INTEGER, self.size_limit);
                ber::put_number(out, ber::INTEGER, self.time_limit);
                ber::put_bytes(out, ber::BOOLEAN, &[0]);
                self.filter.put(out);
                ber::put(out, ber::SEQUENCE, |out| {
                    for attribute in self.attributes {
                        ber::put_bytes(out, ber::OCTET_STRING, attribute.as_bytes());
                    }
                });
            });
        });
        out
    }
}

/// The paged-results control (RFC 2696) asking for `size` entries from `cookie` on.
pub fn paged(size: u32, cookie: &[u8]) -> Control {
    let mut value = vec![];
    ber::put(&mut value, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, size);
        ber::put_bytes(out, ber::OCTET_STRING, cookie);
    });
    Control { oid: PAGED_RESULTS.into(), critical: true, value: Some(value) }
}

/// Where the next page starts; `None` after the last one.
pub fn next_page(controls: &[Control]) -> Result<Option<Vec<u8>>, BerFault> {
    let value = controls.iter().find(|control| control.oid == PAGED_RESULTS).and_then(|control| control.value.as_ref());
    let Some(value) = value else { return Ok(None) };
    let mut outer = Reader::new(value);
    let mut page = Reader::new(outer.expect(ber::SEQUENCE)?);
    page.expect(ber::INTEGER)?;
    let cookie = page.expect(ber::OCTET_STRING)?;
    Ok(if cookie.is_empty() { None } else { Some(cookie.to_vec()) })
}

/// RFC 4511 §4.5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub dn: String,
    pub attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// More values than this in one entry are a hostile or broken directory.
const MAX_VALUES: usize = 1_000_000;

impl Entry {
    pub fn parse(frame: &Frame) -> Result<Self, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut entry = Reader::new(outer.expect(op::SEARCH_ENTRY)?);
        let dn = entry.text(ber::OCTET_STRING)?.to_owned();
        let mut list = Reader::new(entry.expect(ber::SEQUENCE)?);
        let mut attributes = vec![];
        let mut count = 0;
        while !list.is_empty() {
            let mut attribute = Reader::new(list.expect(ber::SEQUENCE)?);
            let name = attribute.text(ber::OCTET_STRING)?.to_owned();
            let mut set = Reader::new(attribute.expect(ber::SET)?);
            let mut values = vec![];
            while !set.is_empty() {
                values.push(set.expect(ber::OCTET_STRING)?.to_vec());
                count += 1;
                if count > MAX_VALUES {
                    return Err(BerFault::Length);
                }
            }
            attributes.push((name, values));
        }
        Ok(Self { dn, attributes })
    }

    /// All values of an attribute; names compare without case (RFC 4512 §2.5).
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, values)| values.as_slice()).unwrap_or_default()
    }

    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bind(name: &[u8], password: &[u8], controls: &[Control]) -> Frame {
        let mut out = vec![];
        envelope(&mut out, 7, controls, |out| {
            ber::put(out, op::BIND_REQUEST, |out| {
                ber::put_number(out, ber::INTEGER, 3);
                ber::put_bytes(out, ber::OCTET_STRING, name);
                ber::put_bytes(out, 0x80, password);
            });
        });
        frame::frame(out.into()).unwrap()
    }

    #[test]
    fn a_bind_is_read_and_written_anew() {
        let controls = [
            Control { oid: "1.2.3".into(), critical: true, value: None },
            Control { oid: "1.3.6.1.4.1.42.2.27.8.5.1".into(), critical: false, value: Some(vec![0, 255]) },
        ];
        let sent = bind(b"cn=a", &[0, 0xff, b'x'], &controls);
        let request = BindRequest::parse(sent.bytes()).unwrap();
        let Proof::Simple(password) = &request.proof else { panic!("simple") };
        assert_eq!(request.controls, controls);
        let written = bind_request(7, &request.name.clone().unwrap(), password, &request.controls);
        assert_eq!(&written[..], &sent.bytes()[..]);
    }

    #[test]
    fn a_bind_that_could_be_read_two_ways_is_refused() {
        let read = |bytes: &[u8]| {
            frame::frame(Bytes::copy_from_slice(bytes)).map(|frame| BindRequest::parse(frame.bytes()).is_ok())
        };
        let good = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
        assert_eq!(read(&good), Ok(true));
        // Bytes after the password, inside the bind.
        assert_eq!(read(&[0x30, 14, 2, 1, 1, 0x60, 9, 2, 1, 3, 4, 0, 0x80, 0, 0x80, 0]), Ok(false));
        // Bytes after the bind that are not controls.
        assert_eq!(read(&[0x30, 14, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0, 4, 0]), Ok(false));
        // A password longer than the bind.
        assert_eq!(read(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 9]), Ok(false));
        // A control whose criticality is neither TRUE nor FALSE.
        assert_eq!(
            read(&[0x30, 22, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0, 0xa0, 8, 0x30, 6, 4, 1, b'1', 1, 1, 1]),
            Ok(false)
        );
    }

    #[test]
    fn a_name_that_is_not_utf8_is_told_apart_from_a_broken_message() {
        assert_eq!(BindRequest::parse(bind(&[0xff], b"x", &[]).bytes()).unwrap().name, Err(BerFault::Text));
    }

    #[test]
    fn results_and_entries_are_read() {
        let frame = frame::frame(response(3, op::BIND_RESPONSE, 49, "no")).unwrap();
        let result = LdapResult::parse(&frame, op::BIND_RESPONSE).unwrap();
        assert_eq!((result.code, result.diagnostic.as_str()), (49, "no"));

        let mut out = vec![];
        envelope(&mut out, 2, &[], |out| {
            ber::put(out, op::SEARCH_ENTRY, |out| {
                ber::put_bytes(out, ber::OCTET_STRING, b"uid=a");
                ber::put(out, ber::SEQUENCE, |out| {
                    ber::put(out, ber::SEQUENCE, |out| {
                        ber::put_bytes(out, ber::OCTET_STRING, b"Mail");
                        ber::put(out, ber::SET, |out| ber::put_bytes(out, ber::OCTET_STRING, b"a@b"));
                    });
                });
            });
        });
        let entry = Entry::parse(&frame::frame(out.into()).unwrap()).unwrap();
        assert_eq!((entry.dn.as_str(), entry.text("mail")), ("uid=a", Some("a@b")));
    }

    #[test]
    fn the_controls_of_any_message_are_read_and_too_many_are_refused() {
        let control = |number: usize| Control { oid: format!("1.2.{number}"), critical: false, value: Some(vec![1]) };
        let some: Vec<Control> = (0..MAX_CONTROLS).map(control).collect();
        assert_eq!(controls_of(&bind(b"", b"", &some)), Ok(some));
        let many: Vec<Control> = (0..=MAX_CONTROLS).map(control).collect();
        assert_eq!(controls_of(&bind(b"", b"", &many)), Err(BerFault::Length));
    }

    #[test]
    fn a_page_cookie_survives() {
        assert_eq!(next_page(&[paged(0, b"cookie")]), Ok(Some(b"cookie".to_vec())));
        assert_eq!(next_page(&[paged(0, b"")]), Ok(None));
    }

    proptest! {
        #[test]
        fn every_bind_survives_the_round_trip(name in ".*", password in prop::collection::vec(any::<u8>(), 0..300)) {
            let sent = bind(name.as_bytes(), &password, &[]);
            let request = BindRequest::parse(sent.bytes()).unwrap();
            let Proof::Simple(read) = &request.proof else { panic!("simple") };
            prop_assert_eq!(&bind_request(7, &request.name.clone().unwrap(), read, &[])[..], &sent.bytes()[..]);
        }

        #[test]
        fn no_body_makes_a_parser_fall_over(tag in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut out = vec![];
            envelope(&mut out, 1, &[], |out| ber::put_bytes(out, tag & 0x1e | 0x60, &body));
            if let Ok(frame) = frame::frame(out.into()) {
                let _ = BindRequest::parse(frame.bytes());
                let _ = ExtendedRequest::parse(&frame);
                let _ = SearchScope::parse(&frame);
                let _ = compared_attribute(&frame);
                let _ = LdapResult::parse(&frame, frame.op());
                let _ = Entry::parse(&frame);
                let _ = controls_of(&frame);
            }
        }
    }
}
