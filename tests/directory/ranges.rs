//! Attributes that come in parts, as Active Directory gives a group of more than 1,500 members (MS-ADTS §3.1.1.3.1.3.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use vestibule::directory::{DirectoryFault, Search};
use vestibule::domain::directory::{Directory, DirectoryKind, Transport};
use vestibule::wire::ber;
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::op;
use vestibule::wire::message::{self, Entry, Scope};

use super::stub::{Stub, converse};
use super::{client, directory, server, within};

/// The parts' length.
const AT_ONCE: usize = 1_500;

/// A group as its server gives it, by the number of the first value asked for: the attribute's name, and its values.
type Part = (String, Vec<String>);

fn part(from: usize, of: usize) -> Part {
    let end = (from + AT_ONCE).min(of);
    let last = if end == of { "*".to_owned() } else { (end - 1).to_string() };
    (format!("member;range={from}-{last}"), (from..end).map(|number| format!("CN={number},DC=x")).collect())
}

/// Reads the one group of a server page by page; and how many connections that took.
async fn read(give: impl Fn(usize) -> Part + Send + Sync + 'static) -> (Result<Vec<Entry>, DirectoryFault>, usize) {
    let (give, connections) = (Arc::new(give), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&connections);
    let stub = Stub::start(move |stream, number| {
        let give = Arc::clone(&give);
        counter.fetch_max(number + 1, Ordering::SeqCst);
        converse(stream, move |frame| {
            let text = String::from_utf8_lossy(frame.bytes()).into_owned();
            let asked = text.split_once("member;range=").and_then(|(_, rest)| rest.split_once('-'));
            let from = asked.map_or(0, |(from, _)| from.parse().unwrap());
            let (name, values) = give(from);
            let mut answer = entry(frame.message_id(), &name, &values);
            answer.extend_from_slice(&message::response(frame.message_id(), op::SEARCH_DONE, 0, ""));
            answer
        })
    })
    .await;
    let client = client(Directory {
        kind: DirectoryKind::ActiveDirectory,
        bind_dn: String::new(),
        ..directory(vec![server(stub.addr, Transport::Plain)])
    });
    let filter = Filter::present("objectClass");
    let search = Search { base: "DC=x", scope: Scope::Subtree, filter: &filter, attributes: &["member"], limit: 10 };
    let mut pages = client.search_paged(&search, 100, within(60)).await.unwrap();
    let found = pages.next().await.map(Option::unwrap_or_default);
    drop(pages);
    (found, connections.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_group_cut_into_parts_is_read_to_its_last_member_where_it_began() {
    for count in [1, AT_ONCE, AT_ONCE + 1, 4_001] {
        let (found, connections) = read(move |from| part(from, count)).await;
        let found = found.unwrap();
        let members: Vec<String> = (0..count).map(|number| format!("CN={number},DC=x")).collect();
        let read: Vec<&str> =
            found[0].values("member").iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!((read, connections), (members.iter().map(String::as_str).collect(), 1), "of {count}");
        assert_eq!(found[0].attributes.len(), 1, "no part of {count} is left over");
    }
}

#[tokio::test]
async fn half_a_group_is_a_fault_and_no_small_group() {
    let skips = |from: usize| part(if from == 0 { 0 } else { from + 1 }, 4_000);
    let begins_late = |_: usize| part(AT_ONCE, 4_000);
    let repeats = |_: usize| part(0, 4_000);
    let is_silent = |from: usize| if from == 0 { part(0, 4_000) } else { ("cn".to_owned(), vec![]) };
    let is_another = |from: usize| {
        let (name, values) = part(from, 4_000);
        (if from == 0 { name } else { name.replace("member", "memberOf") }, values)
    };
    for (case, (found, _)) in [
        ("skips a value", read(skips).await),
        ("begins late", read(begins_late).await),
        ("repeats itself", read(repeats).await),
        ("is silent", read(is_silent).await),
        ("gives another attribute", read(is_another).await),
    ] {
        assert!(matches!(found, Err(DirectoryFault::Incomplete { .. })), "{case}: {found:?}");
    }
}

#[tokio::test]
async fn r12_parts_without_end_are_not_kept_for_ever() {
    let (found, _) = read(|from| {
        (format!("member;range={from}-{}", from + 99), vec![format!("CN={},DC=x", "x".repeat(8_000)); 100])
    })
    .await;
    let fault = found.unwrap_err();
    assert!(matches!(&fault, DirectoryFault::Incomplete { what, .. } if what.contains("bytes")), "{fault}");
}

fn entry(id: u32, name: &str, values: &[String]) -> Vec<u8> {
    let mut out = vec![];
    ber::put(&mut out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, id);
        ber::put(out, op::SEARCH_ENTRY, |out| {
            ber::put_bytes(out, ber::OCTET_STRING, b"CN=G,DC=x");
            ber::put(out, ber::SEQUENCE, |out| {
                ber::put(out, ber::SEQUENCE, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
                    ber::put(out, ber::SET, |out| {
                        for value in values {
                            ber::put_bytes(out, ber::OCTET_STRING, value.as_bytes());
                        }
                    });
                });
            });
        });
    });
    out
}
