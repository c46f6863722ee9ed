//! An Accounting-Request (RFC 2866): read, written down, and only then answered.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::desk::{ACCOUNTING_WAIT, Answer, Desk, Request};
use super::reply;
use super::whereabouts::{nas, number, text, v4};
use crate::domain::name::LoginName;
use crate::store::accounting::{Record, Told};
use crate::telemetry::{metrics, shown};
use crate::wire::radius::{Packet, attribute};

/// Acct-Status-Type (RFC 2866 §5.1).
mod status {
    pub const START: u32 = 1;
    pub const STOP: u32 = 2;
    pub const INTERIM_UPDATE: u32 = 3;
    pub const ACCOUNTING_ON: u32 = 7;
    pub const ACCOUNTING_OFF: u32 = 8;
}

/// A delay beyond this is no delay but a clock that was set (RFC 2866 §5.2 gives no bound).
const LONGEST_DELAY: u32 = 7 * 24 * 3600;

/// Answers once it is durable. What cannot be written down now gets no answer, and is told again.
pub async fn account(desk: &Desk, request: &Request) -> Answer {
    let Some(record) = read(&request.packet, desk.store.ambient().now()) else {
        metrics::radius_dropped("accounting");
        tracing::debug!(
            source = %request.source,
            client = %shown(&request.client.name),
            "an Accounting-Request without a status or a session, or of a kind that is not kept; not answered"
        );
        return Answer::Silence;
    };
    let written = tokio::time::timeout(ACCOUNTING_WAIT, async {
        let _turn = desk.accounting.acquire().await.ok()?;
        Some(desk.store.account_for(&request.client, &record).await)
    });
    match written.await {
        Ok(Some(Ok(()))) => reply::accounted(request).into(),
        Ok(Some(Err(fault))) => {
            tracing::warn!(client = %shown(&request.client.name), %fault, "an Accounting-Request could not be recorded");
            Answer::Silence
        }
        Ok(None) | Err(_) => {
            tracing::warn!(client = %shown(&request.client.name), "an Accounting-Request waited too long to be recorded");
            Answer::Silence
        }
    }
}

fn read(packet: &Packet, now: Timestamp) -> Option<Record> {
    let delay = number_at(packet, attribute::ACCT_DELAY_TIME).unwrap_or(0).min(LONGEST_DELAY);
    let at = now.saturating_sub(SignedDuration::from_secs(i64::from(delay))).unwrap_or(now);
    Some(match number_at(packet, attribute::ACCT_STATUS_TYPE)? {
        status::START => Record::Start(told(packet, at)?),
        status::INTERIM_UPDATE => Record::Interim(told(packet, at)?),
        status::STOP => {
            let cause = number_at(packet, attribute::ACCT_TERMINATE_CAUSE).unwrap_or(0);
            Record::Stop { told: told(packet, at)?, cause }
        }
        status::ACCOUNTING_ON | status::ACCOUNTING_OFF => Record::Over { nas: nas(packet), at },
        _ => return None,
    })
}

fn told(packet: &Packet, at: Timestamp) -> Option<Told> {
    let words = |kind| packet.first(kind).map(text).unwrap_or_default();
    let session = words(attribute::ACCT_SESSION_ID);
    let name = words(attribute::USER_NAME);
    let octets = |low, high| {
        let part = |kind| u64::from(number_at(packet, kind).unwrap_or(0));
        (part(high) << 32) | part(low)
    };
    Some(Told {
        nas: nas(packet),
        folded: LoginName::parse(&name).ok().map(|name| name.folded()),
        name,
        calling: words(attribute::CALLING_STATION_ID),
        framed: packet.first(attribute::FRAMED_IP_ADDRESS).and_then(v4).map(IpAddr::from),
        seconds: number_at(packet, attribute::ACCT_SESSION_TIME).unwrap_or(0),
        // RFC 2869 §5.1: the higher half of each counter.
        bytes_in: octets(attribute::ACCT_INPUT_OCTETS, ACCT_INPUT_GIGAWORDS),
        bytes_out: octets(attribute::ACCT_OUTPUT_OCTETS, ACCT_OUTPUT_GIGAWORDS),
        at,
        session: Some(session).filter(|session| !session.is_empty())?,
    })
}

/// RFC 2869 §5.1, §5.2.
const ACCT_INPUT_GIGAWORDS: u8 = 52;
const ACCT_OUTPUT_GIGAWORDS: u8 = 53;

fn number_at(packet: &Packet, kind: u8) -> Option<u32> {
    packet.first(kind).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::SharedSecret;
    use crate::wire::radius::{Request, code};

    fn record(attributes: &[(u8, &[u8])]) -> Option<Record> {
        let mut request = Request::new(code::ACCOUNTING_REQUEST, 1, [0; 16]);
        for (kind, value) in attributes {
            request.attribute(*kind, value).unwrap();
        }
        let packet = Packet::parse(request.sign(&SharedSecret::new(*b"secret"))).unwrap();
        read(&packet, now())
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    const SESSION: (u8, &[u8]) = (attribute::ACCT_SESSION_ID, b"4711");
    const NAME: (u8, &[u8]) = (attribute::USER_NAME, b"Alice");
    const START: (u8, &[u8]) = (attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 1]);
    const STOP: (u8, &[u8]) = (attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 2]);

    #[test]
    fn a_start_names_session_person_and_gateway_and_its_delay_is_taken_off() {
        let Some(Record::Start(told)) = record(&[
            START,
            SESSION,
            NAME,
            (attribute::NAS_IDENTIFIER, b"vpn1"),
            (attribute::CALLING_STATION_ID, b"198.51.100.7"),
            (attribute::FRAMED_IP_ADDRESS, &[10, 0, 0, 7]),
            (attribute::ACCT_DELAY_TIME, &[0, 0, 0, 5]),
        ]) else {
            panic!("a start")
        };
        assert_eq!((told.session.as_str(), told.name.as_str(), told.nas.as_str()), ("4711", "Alice", "vpn1"));
        assert_eq!(told.folded.unwrap().as_str(), "alice");
        assert_eq!((told.calling.as_str(), told.framed), ("198.51.100.7", Some([10, 0, 0, 7].into())));
        assert_eq!(now().duration_since(told.at), SignedDuration::from_secs(5));
    }

    #[test]
    fn a_stop_brings_its_cause_and_its_counters_with_their_higher_halves() {
        let Some(Record::Stop { told, cause }) = record(&[
            STOP,
            SESSION,
            NAME,
            (attribute::ACCT_TERMINATE_CAUSE, &[0, 0, 0, 4]),
            (attribute::ACCT_SESSION_TIME, &[0, 0, 1, 0]),
            (attribute::ACCT_INPUT_OCTETS, &[0, 0, 0, 9]),
            (ACCT_INPUT_GIGAWORDS, &[0, 0, 0, 2]),
        ]) else {
            panic!("a stop")
        };
        assert_eq!((cause, told.seconds, told.bytes_in, told.bytes_out), (4, 256, (2 << 32) + 9, 0));
    }

    #[test]
    fn a_gateway_that_begins_or_ends_its_work_is_one_record() {
        for kind in [7, 8] {
            let told = record(&[(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, kind]), (attribute::NAS_IDENTIFIER, b"vpn1")]);
            assert_eq!(told, Some(Record::Over { nas: "vpn1".into(), at: now() }));
        }
    }

    #[test]
    fn what_names_no_session_or_no_known_status_is_no_record() {
        assert_eq!(record(&[START, NAME]), None);
        assert_eq!(record(&[SESSION, NAME]), None);
        assert_eq!(record(&[(attribute::ACCT_STATUS_TYPE, &[0, 0, 0, 99]), SESSION]), None);
        assert_eq!(record(&[(attribute::ACCT_STATUS_TYPE, &[1]), SESSION]), None);
    }
}
