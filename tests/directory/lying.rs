//! A directory that lies may refuse a sign-in, but never grant one, and never bring the appliance down.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use vestibule::directory::{DirectoryClient, DirectoryFault, Step, Verdict};
use vestibule::domain::directory::{Directory, DirectoryKind, Transport};
use vestibule::wire::ber;
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::{Frame, op};
use vestibule::wire::message::{self, BindRequest};

use super::searches::by_uid;
use super::stub::{self, Stub, converse};
use super::{client, directory, password, server, within};

/// A client of this one server that searches without binding and waits half a second at most.
fn hasty(stub: &Stub) -> DirectoryClient {
    client(Directory {
        bind_dn: String::new(),
        operation_timeout: Duration::from_millis(500),
        ..directory(vec![server(stub.addr, Transport::Plain)])
    })
}

/// What the client makes of a server that answers a bind with these bytes and then closes.
async fn after(answer: impl Fn(&Frame) -> Vec<u8> + Clone + Send + Sync + 'static) -> Result<Verdict, DirectoryFault> {
    let stub = Stub::start(move |mut stream, _| {
        let answer = answer.clone();
        async move {
            let mut buffer = BytesMut::new();
            if let Some(frame) = stub::request(&mut stream, &mut buffer).await {
                let _ = stream.write_all(&answer(&frame)).await;
            }
        }
    })
    .await;
    hasty(&stub).bind(7, "cn=a", &password("x"), &[], within(10)).await
}

/// What is sent in answer to the request with an id.
type Lie = Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

/// An LDAPMessage with this id and operation.
fn message(id: u32, tag: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![];
    ber::put(&mut out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, id);
        ber::put(out, tag, body);
    });
    out
}

/// The contents of a result.
fn result(out: &mut Vec<u8>, code: u32, matched: &str, more: &[u8]) {
    ber::put_number(out, ber::ENUMERATED, code);
    ber::put_bytes(out, ber::OCTET_STRING, matched.as_bytes());
    ber::put_bytes(out, ber::OCTET_STRING, b"");
    out.extend_from_slice(more);
}

#[tokio::test]
async fn only_result_code_0_is_a_success_and_only_words_about_the_account_are_a_refusal() {
    let stub = Stub::start(|stream, _| {
        converse(stream, |frame| {
            let code = BindRequest::parse(frame.bytes()).unwrap().name.unwrap().parse().unwrap();
            message::response(frame.message_id(), op::BIND_RESPONSE, code, "").to_vec()
        })
    })
    .await;
    let client = hasty(&stub);
    for code in 0..=90_u32 {
        let answered = client.bind(7, &code.to_string(), &password("x"), &[], within(10)).await;
        match (code, answered) {
            (0, Ok(Verdict::Accepted { .. })) | (10 | 14, Err(DirectoryFault::Protocol { .. })) => {}
            (7 | 8 | 13 | 19 | 32 | 34 | 48 | 49 | 50 | 53, Ok(Verdict::Refused { code: told, .. })) => {
                assert_eq!(told, code);
            }
            (7 | 8 | 13 | 19 | 32 | 34 | 48 | 49 | 50 | 53 | 0, _) => panic!("code {code} is not told"),
            (_, Ok(_)) => panic!("code {code} is taken for a verdict"),
            (_, Err(DirectoryFault::Unavailable { code: told, .. })) => assert_eq!(told, code),
            (_, Err(fault)) => panic!("code {code}: {fault}"),
        }
    }
}

#[tokio::test]
async fn a_success_that_is_not_the_answer_to_our_bind_is_a_fault() {
    let ok = |out: &mut Vec<u8>| result(out, 0, "", &[]);
    let referral = {
        let mut referral = vec![];
        ber::put(&mut referral, 0xa3, |out| ber::put_bytes(out, ber::OCTET_STRING, b"ldap://elsewhere"));
        referral
    };
    let lies: Vec<(&str, Lie)> = vec![
        ("another id", Arc::new(move |id| message(id + 1, op::BIND_RESPONSE, ok))),
        ("id 0", Arc::new(move |_| message(0, op::BIND_RESPONSE, ok))),
        ("an answer to a search", Arc::new(move |id| message(id, op::SEARCH_DONE, ok))),
        ("an answer to a modify", Arc::new(move |id| message(id, op::MODIFY_RESPONSE, ok))),
        ("an answer to an extended operation", Arc::new(move |id| message(id, op::EXTENDED_RESPONSE, ok))),
        ("an intermediate response", Arc::new(move |id| message(id, 0x79, ok))),
        ("our own bind sent back", Arc::new(move |id| message(id, op::BIND_REQUEST, ok))),
        ("a matched name", Arc::new(|id| message(id, op::BIND_RESPONSE, |out| result(out, 0, "dc=x", &[])))),
        ("a referral", { Arc::new(move |id| message(id, op::BIND_RESPONSE, |out| result(out, 0, "", &referral))) }),
        ("bytes after the result", Arc::new(|id| message(id, op::BIND_RESPONSE, |out| result(out, 0, "", &[4, 0])))),
        ("half a result", Arc::new(|id| message(id, op::BIND_RESPONSE, |out| out.extend([0x0a, 1, 0])))),
        (
            "a result code of two bytes cut short",
            Arc::new(|id| message(id, op::BIND_RESPONSE, |out| out.extend([0x0a, 2, 0]))),
        ),
        ("an indefinite length", Arc::new(|_| vec![0x30, 0x80, 2, 1, 7, 0x61, 7, 10, 1, 0, 4, 0, 4, 0, 0, 0])),
        ("a claim of four gigabytes", Arc::new(|_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 7])),
        ("a web page", Arc::new(|_| b"HTTP/1.1 200 OK\r\n\r\n".to_vec())),
        (
            "a notice and then success",
            Arc::new(move |id| {
                let mut both =
                    message::extended_response(0, 52, "bye", Some(message::NOTICE_OF_DISCONNECTION)).to_vec();
                both.extend(message(id, op::BIND_RESPONSE, ok));
                both
            }),
        ),
    ];
    for (name, lie) in lies {
        let fault = after(move |frame| lie(frame.message_id())).await.err();
        assert!(matches!(fault, Some(DirectoryFault::Protocol { .. })), "{name}: {fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ends_in_the_middle_is_a_fault() {
    let whole = |frame: &Frame| message::response(frame.message_id(), op::BIND_RESPONSE, 0, "welcome").to_vec();
    let length = message::response(7, op::BIND_RESPONSE, 0, "welcome").len();
    for cut in 0..length {
        let fault = after(move |frame| whole(frame)[..cut].to_vec()).await.err().unwrap();
        match (cut, fault) {
            (0, DirectoryFault::Closed { step: Step::Bind, .. }) | (1.., DirectoryFault::Protocol { .. }) => {}
            (_, fault) => panic!("after {cut} bytes: {fault}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_middle_of_an_answer_is_given_up_in_time() {
    let stub = Stub::start(|mut stream, _| async move {
        let mut buffer = BytesMut::new();
        if stub::request(&mut stream, &mut buffer).await.is_some() {
            stream.write_all(&[0x30, 12, 2, 1]).await.unwrap();
            stub::until_closed(stream).await;
        }
    })
    .await;
    let fault = hasty(&stub).bind(7, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    let DirectoryFault::Timeout { server, step: Step::Bind, limit } = fault else { panic!("{fault}") };
    assert_eq!((server.port, limit.as_millis() <= 500), (stub.addr.port(), true));
}

#[tokio::test]
async fn a_bind_that_was_sent_is_not_sent_to_the_same_server_again() {
    let binds = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&binds);
    let stub = Stub::start(move |mut stream, _| {
        let counter = Arc::clone(&counter);
        async move {
            let mut buffer = BytesMut::new();
            if stub::request(&mut stream, &mut buffer).await.is_some() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let fault = hasty(&stub).bind(7, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Closed { step: Step::Bind, .. }), "{fault}");
    assert_eq!(binds.load(Ordering::SeqCst), 1);
}

/// What a search comes to when its request is answered with these bytes.
async fn searched(answer: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static) -> Result<usize, DirectoryFault> {
    let stub = Stub::start(move |stream, _| {
        let answer = answer.clone();
        converse(stream, move |frame| answer(frame.message_id()))
    })
    .await;
    let filter = Filter::equal("uid", "a");
    hasty(&stub).search(&by_uid(&filter), within(10)).await.map(|entries| entries.len())
}

fn entry(id: u32, name: &str) -> Vec<u8> {
    message(id, op::SEARCH_ENTRY, |out| {
        ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
        ber::put(out, ber::SEQUENCE, |_| {});
    })
}

fn done(id: u32, code: u32) -> Vec<u8> {
    message::response(id, op::SEARCH_DONE, code, "").to_vec()
}

#[tokio::test]
async fn a_search_answer_that_breaks_the_protocol_is_a_fault() {
    let lies: Vec<(&str, Lie)> = vec![
        ("a broken entry", Arc::new(|id| [message(id, op::SEARCH_ENTRY, |out| out.push(4)), done(id, 0)].concat())),
        (
            "a bind answer",
            Arc::new(|id| [message::response(id, op::BIND_RESPONSE, 0, "").to_vec(), done(id, 0)].concat()),
        ),
        (
            "a notice",
            Arc::new(|id| [message(0, op::EXTENDED_RESPONSE, |out| result(out, 0, "", &[])), done(id, 0)].concat()),
        ),
        ("a claim of four gigabytes", Arc::new(|_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff])),
        ("no LDAP", Arc::new(|_| b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
    ];
    for (name, lie) in lies {
        let fault = searched(move |id| lie(id)).await.err();
        assert!(matches!(fault, Some(DirectoryFault::Protocol { .. })), "{name}: {fault:?}");
    }
}

#[tokio::test]
async fn an_incomplete_search_result_is_never_used() {
    for code in [3, 4, 10, 11] {
        let fault = searched(move |id| [entry(id, "uid=a"), done(id, code)].concat()).await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "code {code}: {fault}");
    }
    for code in [1, 2, 32, 50, 51, 52, 53, 80] {
        let fault = searched(move |id| [entry(id, "uid=a"), done(id, code)].concat()).await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::Unavailable { .. }), "code {code}: {fault}");
    }
    let endless = searched(|id| entry(id, "uid=a").repeat(11)).await.unwrap_err();
    assert!(matches!(endless, DirectoryFault::Incomplete { .. }), "{endless}");
    assert_eq!(searched(|id| [entry(id, "uid=a"), done(id, 0)].concat()).await, Ok(1));
}

#[tokio::test]
async fn active_directorys_references_to_its_other_partitions_are_no_gap() {
    let stub = Stub::start(|stream, _| {
        converse(stream, |frame| {
            let uri = b"ldap://DomainDnsZones.corp.example.test/DC=DomainDnsZones,DC=corp,DC=example,DC=test";
            let id = frame.message_id();
            let reference = message(id, op::SEARCH_REFERENCE, |out| ber::put_bytes(out, ber::OCTET_STRING, uri));
            [reference, done(id, 0)].concat()
        })
    })
    .await;
    let active_directory = Directory {
        kind: DirectoryKind::ActiveDirectory,
        bind_dn: String::new(),
        ..directory(vec![server(stub.addr, Transport::Plain)])
    };
    let filter = Filter::equal("sAMAccountName", "nobody");
    assert_eq!(client(active_directory).search(&by_uid(&filter), within(10)).await.unwrap(), []);
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_abandoned_and_the_others_on_its_connection_go_on() {
    let (abandoned, mut seen) = mpsc::channel(8);
    let stub = Stub::start(move |mut stream, _| {
        let abandoned = abandoned.clone();
        async move {
            let (mut buffer, mut stalled) = (BytesMut::new(), None);
            while let Some(frame) = stub::request(&mut stream, &mut buffer).await {
                let id = frame.message_id();
                if frame.op() == op::ABANDON_REQUEST {
                    let number = ber::Reader::new(frame.body()).number(op::ABANDON_REQUEST).unwrap();
                    abandoned.send((Some(number), stalled)).await.unwrap();
                } else if frame.bytes().windows(5).any(|part| part == b"stall") {
                    stalled = Some(id);
                } else {
                    stream.write_all(&[entry(id, "uid=a"), done(id, 0)].concat()).await.unwrap();
                }
            }
        }
    })
    .await;
    let client = hasty(&stub);
    let (stalls, answers) = (Filter::equal("uid", "stall"), Filter::equal("uid", "a"));
    let stalling = async { client.search(&by_uid(&stalls), within(10)).await };
    let going_on = async {
        // Both connections carry some of these, while the stalled search waits.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(client.search(&by_uid(&answers), within(10)).await.unwrap().len(), 1);
        }
    };
    let (stalled, ()) = tokio::join!(stalling, going_on);
    let fault = stalled.unwrap_err();
    assert!(matches!(fault, DirectoryFault::Timeout { step: Step::Search, .. }), "{fault}");
    let (number, expected) = seen.recv().await.unwrap();
    assert_eq!(number, expected, "the search that stalled is the one abandoned");
    assert!(client.health()[0].up, "a slow search is not a dead server");
}
