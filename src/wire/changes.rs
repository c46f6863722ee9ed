//! What a client and a directory say to each other about changes: content synchronisation (RFC 4533, OpenLDAP's
//! syncprov) and DirSync (MS-ADTS §3.1.1.3.4.1.3). Values only; who sends them when is `directory/changes`' business.

use super::ber::{self, BerFault, Reader};
use super::frame::{Frame, op};
use super::message::Control;

/// RFC 4533 §2.2.
pub const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
/// RFC 4533 §2.3.
pub const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
/// RFC 4533 §2.4.
pub const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
/// RFC 4533 §2.5.
pub const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";
/// MS-ADTS §3.1.1.3.4.1.3, `LDAP_SERVER_DIRSYNC_OID`.
pub const DIR_SYNC: &str = "1.2.840.113556.1.4.841";
/// MS-ADTS §3.1.1.3.4.1.14, `LDAP_SERVER_SHOW_DELETED_OID`.
pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// Longest cookie taken, in bytes. Active Directory's grows by some thirty bytes with each domain controller.
pub const MAX_COOKIE: usize = 64 * 1024;
/// Most ids taken in one message; OpenLDAP sends some hundreds.
pub const MAX_IDS: usize = 64 * 1024;

/// `syncUUID`: the entryUUID as sixteen bytes in network order.
pub type SyncUuid = [u8; 16];

/// Asks for what has changed since `cookie`, or for all; and to be told so when the cookie is of no use any more
/// (RFC 4533 §2.2: refreshOnly, reloadHint FALSE).
pub fn sync_request(cookie: Option<&[u8]>) -> Control {
    const REFRESH_ONLY: u32 = 1;
    let mut value = vec![];
    ber::put(&mut value, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::ENUMERATED, REFRESH_ONLY);
        if let Some(cookie) = cookie {
            ber::put_bytes(out, ber::OCTET_STRING, cookie);
        }
    });
    Control { oid: SYNC_REQUEST.into(), critical: true, value: Some(value) }
}

/// Asks for what has changed since `cookie`; all if it is empty. `object_security`: only what our account may read, which
/// needs no right to replicate (`LDAP_DIRSYNC_OBJECT_SECURITY`).
pub fn dir_sync(object_security: bool, cookie: &[u8]) -> Control {
    // What a page may weigh; the server has limits of its own.
    const MAX_BYTES: u32 = 1024 * 1024;
    let mut value = vec![];
    ber::put(&mut value, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, u32::from(object_security));
        ber::put_number(out, ber::INTEGER, MAX_BYTES);
        ber::put_bytes(out, ber::OCTET_STRING, cookie);
    });
    Control { oid: DIR_SYNC.into(), critical: true, value: Some(value) }
}

/// Asks for deleted objects too.
pub fn show_deleted() -> Control {
    Control { oid: SHOW_DELETED.into(), critical: true, value: None }
}

/// The value of the control with this OID, if the answer carries it with one.
pub fn value_of<'a>(controls: &'a [Control], oid: &str) -> Option<&'a [u8]> {
    controls.iter().find(|control| control.oid == oid).and_then(|control| control.value.as_deref())
}

/// What a DirSync answer says of the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirSync {
    pub more: bool,
    pub cookie: Vec<u8>,
}

impl DirSync {
    pub fn parse(value: &[u8]) -> Result<Self, BerFault> {
        whole(value, ber::SEQUENCE, |reader| {
            let more = reader.expect(ber::INTEGER)?.iter().any(|byte| *byte != 0);
            reader.expect(ber::INTEGER)?;
            let cookie = bounded(reader.expect(ber::OCTET_STRING)?)?;
            Ok(Self { more, cookie })
        })
    }
}

/// Why an entry was sent (RFC 4533 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Present,
    Add,
    Modify,
    Delete,
}

/// RFC 4533 §2.3. Comes with each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncState {
    pub state: State,
    pub id: SyncUuid,
    pub cookie: Option<Vec<u8>>,
}

impl SyncState {
    pub fn parse(value: &[u8]) -> Result<Self, BerFault> {
        whole(value, ber::SEQUENCE, |reader| {
            let state = match reader.number(ber::ENUMERATED)? {
                0 => State::Present,
                1 => State::Add,
                2 => State::Modify,
                3 => State::Delete,
                _ => return Err(BerFault::Number),
            };
            let id = uuid(reader.expect(ber::OCTET_STRING)?)?;
            Ok(Self { state, id, cookie: cookie(reader)? })
        })
    }
}

/// RFC 4533 §2.4. Comes with the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncDone {
    pub cookie: Option<Vec<u8>>,
    /// Everything that was deleted has been named; otherwise what was not named is deleted.
    pub refresh_deletes: bool,
}

impl SyncDone {
    pub fn parse(value: &[u8]) -> Result<Self, BerFault> {
        whole(value, ber::SEQUENCE, |reader| {
            Ok(Self { cookie: cookie(reader)?, refresh_deletes: flag(reader, false)? })
        })
    }
}

/// RFC 4533 §2.5. Comes in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncInfo {
    NewCookie(Vec<u8>),
    /// All that was deleted has been named.
    RefreshDelete {
        cookie: Option<Vec<u8>>,
        done: bool,
    },
    /// All that is there has been named.
    RefreshPresent {
        cookie: Option<Vec<u8>>,
        done: bool,
    },
    /// `deleted`: these are gone; otherwise these are there, unchanged.
    Ids {
        cookie: Option<Vec<u8>>,
        deleted: bool,
        ids: Vec<SyncUuid>,
    },
}

impl SyncInfo {
    pub fn parse(value: &[u8]) -> Result<Self, BerFault> {
        let mut outer = Reader::new(value);
        let (tag, body) = outer.element()?;
        outer.end()?;
        let mut reader = Reader::new(body);
        let info = match tag {
            0x80 => return bounded(body).map(Self::NewCookie),
            0xa1 => Self::RefreshDelete { cookie: cookie(&mut reader)?, done: flag(&mut reader, true)? },
            0xa2 => Self::RefreshPresent { cookie: cookie(&mut reader)?, done: flag(&mut reader, true)? },
            0xa3 => {
                let cookie = cookie(&mut reader)?;
                let deleted = flag(&mut reader, false)?;
                let mut set = Reader::new(reader.expect(ber::SET)?);
                let mut ids = vec![];
                while !set.is_empty() {
                    if ids.len() == MAX_IDS {
                        return Err(BerFault::Length);
                    }
                    ids.push(uuid(set.expect(ber::OCTET_STRING)?)?);
                }
                Self::Ids { cookie, deleted, ids }
            }
            found => return Err(BerFault::Tag { expected: 0xa3, found }),
        };
        reader.end()?;
        Ok(info)
    }

    /// Reads it out of an IntermediateResponse (RFC 4511 §4.13); `None` if that is about something else.
    pub fn of(frame: &Frame) -> Result<Option<Self>, BerFault> {
        let mut outer = Reader::new(frame.body());
        let mut response = Reader::new(outer.expect(op::INTERMEDIATE_RESPONSE)?);
        let name = response.optional(0x80)?;
        let value = response.optional(0x81)?;
        response.end()?;
        match (name, value) {
            (Some(name), Some(value)) if name == SYNC_INFO.as_bytes() => Self::parse(value).map(Some),
            (Some(name), None) if name == SYNC_INFO.as_bytes() => Err(BerFault::Truncated),
            _ => Ok(None),
        }
    }
}

/// Reads a value that is one element and nothing else.
fn whole<'a, T>(
    value: &'a [u8],
    tag: u8,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, BerFault>,
) -> Result<T, BerFault> {
    let mut outer = Reader::new(value);
    let mut inner = Reader::new(outer.expect(tag)?);
    let found = read(&mut inner)?;
    inner.end()?;
    outer.end()?;
    Ok(found)
}

fn uuid(bytes: &[u8]) -> Result<SyncUuid, BerFault> {
    bytes.try_into().map_err(|_| BerFault::Length)
}

fn cookie(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, BerFault> {
    reader.optional(ber::OCTET_STRING)?.map(bounded).transpose()
}

fn flag(reader: &mut Reader<'_>, default: bool) -> Result<bool, BerFault> {
    Ok(reader.optional(ber::BOOLEAN)?.map(ber::boolean).transpose()?.unwrap_or(default))
}

fn bounded(cookie: &[u8]) -> Result<Vec<u8>, BerFault> {
    if cookie.len() > MAX_COOKIE { Err(BerFault::Length) } else { Ok(cookie.to_vec()) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..200)
    }

    fn put_cookie(out: &mut Vec<u8>, cookie: Option<&Vec<u8>>) {
        if let Some(cookie) = cookie {
            ber::put_bytes(out, ber::OCTET_STRING, cookie);
        }
    }

    fn put_flag(out: &mut Vec<u8>, flag: bool, default: bool) {
        if flag != default {
            ber::put_bytes(out, ber::BOOLEAN, &[if flag { 0xff } else { 0 }]);
        }
    }

    fn sequence(body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = vec![];
        ber::put(&mut out, ber::SEQUENCE, body);
        out
    }

    /// As a server writes it (RFC 4533 §2.5).
    fn written(info: &SyncInfo) -> Vec<u8> {
        let mut out = vec![];
        match info {
            SyncInfo::NewCookie(cookie) => ber::put_bytes(&mut out, 0x80, cookie),
            SyncInfo::RefreshDelete { cookie, done } => ber::put(&mut out, 0xa1, |out| {
                put_cookie(out, cookie.as_ref());
                put_flag(out, *done, true);
            }),
            SyncInfo::RefreshPresent { cookie, done } => ber::put(&mut out, 0xa2, |out| {
                put_cookie(out, cookie.as_ref());
                put_flag(out, *done, true);
            }),
            SyncInfo::Ids { cookie, deleted, ids } => ber::put(&mut out, 0xa3, |out| {
                put_cookie(out, cookie.as_ref());
                put_flag(out, *deleted, false);
                ber::put(out, ber::SET, |out| ids.iter().for_each(|id| ber::put_bytes(out, ber::OCTET_STRING, id)));
            }),
        }
        out
    }

    fn intermediate(name: &str, value: Option<&[u8]>) -> Frame {
        let message = sequence(|out| {
            ber::put_number(out, ber::INTEGER, 2);
            ber::put(out, op::INTERMEDIATE_RESPONSE, |out| {
                ber::put_bytes(out, 0x80, name.as_bytes());
                if let Some(value) = value {
                    ber::put_bytes(out, 0x81, value);
                }
            });
        });
        frame::frame(Bytes::from(message)).unwrap()
    }

    fn info() -> impl Strategy<Value = SyncInfo> {
        prop_oneof![
            bytes().prop_map(SyncInfo::NewCookie),
            (option::of(bytes()), any::<bool>()).prop_map(|(cookie, done)| SyncInfo::RefreshDelete { cookie, done }),
            (option::of(bytes()), any::<bool>()).prop_map(|(cookie, done)| SyncInfo::RefreshPresent { cookie, done }),
            (option::of(bytes()), any::<bool>(), prop::collection::vec(any::<SyncUuid>(), 0..50))
                .prop_map(|(cookie, deleted, ids)| SyncInfo::Ids { cookie, deleted, ids }),
        ]
    }

    proptest! {
        #[test]
        fn what_a_server_says_between_entries_is_read_as_it_was_meant(info in info()) {
            prop_assert_eq!(SyncInfo::parse(&written(&info)), Ok(info.clone()));
            let frame = intermediate(SYNC_INFO, Some(&written(&info)));
            prop_assert_eq!(SyncInfo::of(&frame), Ok(Some(info)));
        }

        #[test]
        fn the_controls_of_an_entry_and_of_the_result_are_read_as_they_were_meant(
            state in 0_u32..4, id in any::<SyncUuid>(), cookie in option::of(bytes()), deletes in any::<bool>(),
        ) {
            let value = sequence(|out| {
                ber::put_number(out, ber::ENUMERATED, state);
                ber::put_bytes(out, ber::OCTET_STRING, &id);
                put_cookie(out, cookie.as_ref());
            });
            let read = SyncState::parse(&value).unwrap();
            prop_assert_eq!((read.state as u32, read.id, &read.cookie), (state, id, &cookie));
            let value = sequence(|out| {
                put_cookie(out, cookie.as_ref());
                put_flag(out, deletes, false);
            });
            prop_assert_eq!(SyncDone::parse(&value), Ok(SyncDone { cookie, refresh_deletes: deletes }));
        }

        #[test]
        fn a_dir_sync_answer_is_read_as_it_was_meant(more in any::<bool>(), cookie in bytes()) {
            let value = sequence(|out| {
                ber::put_number(out, ber::INTEGER, u32::from(more));
                ber::put_number(out, ber::INTEGER, 0);
                ber::put_bytes(out, ber::OCTET_STRING, &cookie);
            });
            prop_assert_eq!(DirSync::parse(&value), Ok(DirSync { more, cookie }));
        }

        #[test]
        fn no_value_makes_a_parser_fall_over(value in bytes()) {
            let _ = (SyncState::parse(&value), SyncDone::parse(&value), SyncInfo::parse(&value), DirSync::parse(&value));
        }

        #[test]
        fn a_value_with_a_byte_too_many_or_too_few_is_refused(info in info(), more in any::<u8>()) {
            let mut value = written(&info);
            value.push(more);
            prop_assert!(SyncInfo::parse(&value).is_err());
            value.truncate(value.len() - 2);
            prop_assert!(SyncInfo::parse(&value).is_err());
        }
    }

    #[test]
    fn a_cookie_or_a_list_beyond_its_bound_is_refused() {
        let long = vec![0; MAX_COOKIE + 1];
        assert_eq!(SyncInfo::parse(&written(&SyncInfo::NewCookie(long.clone()))), Err(BerFault::Length));
        let value = sequence(|out| ber::put_bytes(out, ber::OCTET_STRING, &long));
        assert_eq!(SyncDone::parse(&value), Err(BerFault::Length));
        let many = SyncInfo::Ids { cookie: None, deleted: false, ids: vec![[0; 16]; MAX_IDS + 1] };
        assert_eq!(SyncInfo::parse(&written(&many)), Err(BerFault::Length));
    }

    #[test]
    fn an_id_that_is_no_uuid_and_a_state_nobody_defined_are_refused() {
        let value = |state, id: &[u8]| {
            sequence(|out| {
                ber::put_number(out, ber::ENUMERATED, state);
                ber::put_bytes(out, ber::OCTET_STRING, id);
            })
        };
        assert!(SyncState::parse(&value(1, &[0; 16])).is_ok());
        assert_eq!(SyncState::parse(&value(1, &[0; 15])), Err(BerFault::Length));
        assert_eq!(SyncState::parse(&value(4, &[0; 16])), Err(BerFault::Number));
    }

    #[test]
    fn an_intermediate_response_about_something_else_is_passed_over() {
        assert_eq!(SyncInfo::of(&intermediate("1.2.3", Some(&[1]))), Ok(None));
        assert_eq!(SyncInfo::of(&intermediate("1.2.3", None)), Ok(None));
        assert_eq!(SyncInfo::of(&intermediate(SYNC_INFO, None)), Err(BerFault::Truncated));
    }

    #[test]
    fn the_requests_are_as_the_servers_read_them() {
        let value = |control: Control| control.value.unwrap();
        assert_eq!(value(sync_request(None)), [0x30, 3, 10, 1, 1]);
        assert_eq!(value(sync_request(Some(b"ab"))), [0x30, 7, 10, 1, 1, 4, 2, b'a', b'b']);
        assert_eq!(value(dir_sync(true, b"c")), [0x30, 11, 2, 1, 1, 2, 3, 0x10, 0, 0, 4, 1, b'c']);
        assert_eq!(value(dir_sync(false, b"")), [0x30, 10, 2, 1, 0, 2, 3, 0x10, 0, 0, 4, 0]);
    }
}
