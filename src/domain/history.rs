//! What happened to a person's account, read out of the audit trail for that person. Records are JSON that fields are added
//! to; what is not understood is shown as what it calls itself.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::audit::Record;
use super::ids::{ChallengeId, SignInId, WriterId};

/// Rows of one page.
pub const PAGE: usize = 50;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// Names the row, and where the next page goes on.
    pub place: Place,
    pub at: Timestamp,
    /// The record's event, such as `sign-in` or `bypass-granted`; empty if even that cannot be read.
    pub event: String,
    /// Of a sign-in `granted` or `denied`; of a prompt's answer what was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What the outcome rests on: a factor, or why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub challenge: Option<ChallengeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// What was signed in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where the client, or the browser, spoke from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Where the person was, if the door could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whereabouts: Option<IpAddr>,
    /// Who did it, if it was done to the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Row {
    pub fn read(record: &Record) -> Self {
        let body: Value = serde_json::from_str(&record.body).unwrap_or_default();
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let id = |field: &str| body.get(field).and_then(Value::as_str).and_then(|text| Uuid::parse_str(text).ok());
        let address = |field: &str| body.get(field).and_then(Value::as_str).and_then(|text| text.parse().ok());
        Self {
            place: Place { at: record.at, writer: record.writer, seq: record.seq },
            at: record.at,
            event: text("event").unwrap_or_default(),
            outcome: text("outcome").or_else(|| text("answer")),
            reason: text("reason").or_else(|| text("factor")),
            sign_in: id("sign_in").map(SignInId),
            challenge: id("challenge").map(ChallengeId),
            door: text("door"),
            client: text("client_name"),
            source: address("source"),
            whereabouts: address("whereabouts"),
            by: text("by"),
        }
    }

    /// Does it tell of somebody who tried to sign in? Only of that a person can say that it was somebody else.
    pub fn is_sign_in(&self) -> bool {
        matches!(self.event.as_str(), "sign-in" | "prompt-sent")
    }

    pub fn is_granted(&self) -> bool {
        self.outcome.as_deref() == Some("granted")
    }

    /// Where it came from, as far as anybody knows.
    pub fn whence(&self, here: IpAddr, trusted: &[IpNet]) -> Whence {
        // A gateway's own address says nothing about the person.
        let address = match (self.whereabouts, self.door.as_deref()) {
            (Some(address), _) => address,
            (None, Some("portal")) => match self.source {
                Some(address) => address,
                None => return Whence::Unknown,
            },
            (None, _) => return Whence::Unknown,
        };
        let address = address.to_canonical();
        if address == here.to_canonical() {
            return Whence::SameAsNow(address);
        }
        let trusted = trusted.iter().find(|network| network.contains(&address));
        trusted.map_or(Whence::Address(address), |network| Whence::Trusted(address, *network))
    }
}

/// A place in words needs more than an address; these are what can be said of one without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whence {
    /// The address that the person speaks from now.
    SameAsNow(IpAddr),
    /// In one of the trusted networks.
    Trusted(IpAddr, IpNet),
    Address(IpAddr),
    Unknown,
}

/// A row's place in the trail, newest first: time, then chain, then number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub at: Timestamp,
    pub writer: WriterId,
    pub seq: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.at.as_microsecond(), self.seq, self.writer.0.simple())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no place in a history")]
pub struct PlaceFault;

impl FromStr for Place {
    type Err = PlaceFault;

    fn from_str(text: &str) -> Result<Self, PlaceFault> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(PlaceFault);
        let micros: i64 = part()?.parse().map_err(|_| PlaceFault)?;
        let seq = part()?.parse().map_err(|_| PlaceFault)?;
        let writer = Uuid::try_parse(part()?).map_err(|_| PlaceFault)?;
        let at = Timestamp::from_microsecond(micros).map_err(|_| PlaceFault)?;
        Ok(Self { at, writer: WriterId(writer), seq })
    }
}

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Some rows, and whether there are older ones.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Page {
    /// The newest first.
    pub rows: Vec<Row>,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<Place>,
}

impl Page {
    /// Of one record more than a page shows, if there are that many.
    pub fn of(mut records: Vec<Record>, limit: usize) -> Self {
        let has_older = records.len() > limit;
        records.truncate(limit);
        let rows: Vec<Row> = records.iter().map(Row::read).collect();
        let older = rows.last().map(|row| row.place).filter(|_| has_older);
        Self { rows, older }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::audit::Event;
    use super::super::fixture::NOW;
    use super::super::ids::{ClientId, UserId};
    use super::*;

    fn record(body: &str) -> Record {
        Record { writer: WriterId(Uuid::from_u128(7)), seq: 3, at: NOW, body: body.to_owned() }
    }

    fn sign_in(source: &str, whereabouts: Option<&str>, door: &'static str) -> Row {
        let event = Event::SignIn {
            sign_in: SignInId(Uuid::from_u128(1)),
            door,
            client: ClientId(Uuid::from_u128(2)),
            client_name: "netscaler".into(),
            user: Some(UserId(Uuid::from_u128(3))),
            name: "alice".into(),
            source: source.into(),
            whereabouts: whereabouts.map(str::to_owned),
            outcome: "denied",
            reason: "wrong-code",
            challenge: None,
        };
        Row::read(&record(&serde_json::to_string(&event).unwrap()))
    }

    #[test]
    fn a_sign_in_is_read_as_it_was_written() {
        let row = sign_in("192.0.2.1", Some("198.51.100.7"), "radius");
        assert_eq!((row.event.as_str(), row.is_sign_in(), row.is_granted()), ("sign-in", true, false));
        assert_eq!((row.outcome.as_deref(), row.reason.as_deref()), (Some("denied"), Some("wrong-code")));
        assert_eq!((row.client.as_deref(), row.door.as_deref()), (Some("netscaler"), Some("radius")));
        assert_eq!(row.sign_in, Some(SignInId(Uuid::from_u128(1))));
        assert_eq!(row.whereabouts, "198.51.100.7".parse().ok());
    }

    #[test]
    fn a_place_is_named_only_as_far_as_it_is_known() {
        let here: IpAddr = "198.51.100.7".parse().unwrap();
        let office: IpNet = "203.0.113.0/24".parse().unwrap();
        let whence = |row: Row| row.whence(here, &[office]);
        let other: IpAddr = "203.0.113.9".parse().unwrap();
        let far: IpAddr = "192.0.2.200".parse().unwrap();
        assert_eq!(whence(sign_in("192.0.2.1", Some("::ffff:198.51.100.7"), "radius")), Whence::SameAsNow(here));
        assert_eq!(whence(sign_in("192.0.2.1", Some("203.0.113.9"), "radius")), Whence::Trusted(other, office));
        assert_eq!(whence(sign_in("192.0.2.200", None, "portal")), Whence::Address(far));
        assert_eq!(whence(sign_in("192.0.2.1", None, "ldap")), Whence::Unknown, "the gateway's own");
        assert_eq!(whence(sign_in("somewhere", None, "portal")), Whence::Unknown);
    }

    #[test]
    fn what_is_not_understood_is_still_a_row() {
        for (body, event) in [
            ("", ""),
            ("not json", ""),
            ("[1]", ""),
            (r#"{"event":"something-new","sign_in":7,"source":{"a":1},"by":null}"#, "something-new"),
            (r#"{"event":["a"],"reason":"x"}"#, ""),
        ] {
            let row = Row::read(&record(body));
            assert_eq!((row.event.as_str(), row.sign_in, row.source), (event, None, None), "{body}");
            assert_eq!(row.at, NOW);
        }
    }

    #[test]
    fn a_page_knows_whether_there_are_older_rows() {
        let records = |count: i64| (0..count).map(|seq| Record { seq, ..record("{}") }).collect::<Vec<_>>();
        assert_eq!(Page::of(records(2), 2).older, None);
        let page = Page::of(records(3), 2);
        assert_eq!((page.rows.len(), page.older), (2, Some(page.rows[1].place)));
        assert_eq!(Page::of(vec![], 2).older, None);
    }

    proptest! {
        #[test]
        fn a_place_reads_as_it_is_written_and_other_text_does_not(
            seconds in 0_i64..4_000_000_000, seq in any::<i64>(), writer in any::<u128>(), text in ".{0,60}",
        ) {
            let at = Timestamp::from_second(seconds).unwrap();
            let place = Place { at, writer: WriterId(Uuid::from_u128(writer)), seq };
            if seq >= 0 {
                prop_assert_eq!(place.to_string().parse(), Ok(place));
            }
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse(), Ok(place));
            }
        }

        #[test]
        fn any_body_is_a_row(body in ".{0,200}") {
            prop_assert_eq!(Row::read(&record(&body)).at, NOW);
        }
    }
}
