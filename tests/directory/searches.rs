use vestibule::directory::{DirectoryFault, Search};
use vestibule::domain::directory::{Directory, DirectoryKind, Transport};
use vestibule::wire::ber;
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::op;
use vestibule::wire::message::{self, Scope};

use super::slapd::{Slapd, SlapdOptions};
use super::stub::{Stub, converse};
use super::{client, directory, of, password, server, within};

const PEOPLE: &str = "ou=people,dc=example,dc=test";

pub fn by_uid(filter: &Filter) -> Search<'_> {
    Search { base: "dc=example,dc=test", scope: Scope::Subtree, filter, attributes: &["uid", "mail"], limit: 10 }
}

#[tokio::test]
async fn a_search_finds_an_account_and_its_attributes_over_every_transport() {
    let slapd = Slapd::start(&SlapdOptions::default());
    for transport in [Transport::Plain, Transport::StartTls, Transport::Ldaps] {
        let client = client(of(&slapd, transport));
        let filter = Filter::equal("uid", "user0002");
        let found = client.search(&by_uid(&filter), within(10)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].text("UID"), found[0].text("mail")), (Some("user0002"), Some("user0002@example.test")));
        let nobody = Filter::equal("uid", "*");
        assert_eq!(client.search(&by_uid(&nobody), within(10)).await.unwrap(), [], "a name is never a pattern");
    }
}

#[tokio::test]
async fn two_hundred_searches_share_two_connections() {
    let slapd = Slapd::start(&SlapdOptions { people: 200, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let mut searches = tokio::task::JoinSet::new();
    for number in 1..=200 {
        let client = client.clone();
        searches.spawn(async move {
            let uid = format!("user{number:04}");
            let filter = Filter::equal("uid", &uid);
            let found = client.search(&by_uid(&filter), within(20)).await.unwrap();
            assert_eq!(found[0].text("uid"), Some(uid.as_str()));
        });
    }
    searches.join_all().await;
    let connections = slapd.logged("BIND dn=\"cn=svc,ou=service,dc=example,dc=test\" method=128").len();
    assert!((1..=2).contains(&connections), "{connections} connections");
}

#[tokio::test]
async fn a_result_cut_by_a_limit_is_a_fault_and_one_that_just_fits_is_not() {
    let slapd = Slapd::start(&SlapdOptions { people: 20, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let filter = Filter::present("uid");
    let all = Search { base: PEOPLE, scope: Scope::OneLevel, filter: &filter, attributes: &["uid"], limit: 20 };
    assert_eq!(client.search(&all, within(10)).await.unwrap().len(), 20);
    let fault = client.search(&Search { limit: 19, ..all }, within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "{fault}");
}

#[tokio::test]
async fn a_limit_set_in_the_directory_is_a_fault_too() {
    let database = "limits dn.exact=\"cn=svc,ou=service,dc=example,dc=test\" size=5".to_owned();
    let slapd = Slapd::start(&SlapdOptions { people: 20, database, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let filter = Filter::present("uid");
    let all = Search { base: PEOPLE, scope: Scope::OneLevel, filter: &filter, attributes: &["uid"], limit: 100 };
    let fault = client.search(&all, within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "{fault}");
}

#[tokio::test]
async fn an_entry_that_is_gone_is_an_answer_but_a_wrong_base_is_a_fault() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let client = client(of(&slapd, Transport::Plain));
    let filter = Filter::present("objectClass");
    let gone = slapd.dn_of("gone");
    let one = Search { base: &gone, scope: Scope::Base, filter: &filter, attributes: &["1.1"], limit: 1 };
    assert_eq!(client.search(&one, within(10)).await.unwrap(), []);
    let fault = client.search(&Search { scope: Scope::Subtree, ..one }, within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Unavailable { code: 32, .. }), "{fault}");
}

#[tokio::test]
async fn a_branch_that_was_moved_to_another_server_is_not_an_empty_result() {
    let ldif = "dn: ou=moved,dc=example,dc=test\nobjectClass: referral\nobjectClass: extensibleObject\nou: moved\n\
                ref: ldap://elsewhere.example.test/ou=moved,dc=example,dc=test\n\n";
    let slapd = Slapd::start(&SlapdOptions { ldif: ldif.to_owned(), ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let filter = Filter::equal("uid", "moved");
    for search in [by_uid(&filter), Search { base: "ou=moved,dc=example,dc=test", ..by_uid(&filter) }] {
        let fault = client.search(&search, within(10)).await.err().unwrap();
        assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_wrong_password_of_our_own_account_is_tried_once_and_not_on_every_search() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let client = client(Directory { bind_password: password("outdated"), ..of(&slapd, Transport::Plain) });
    let filter = Filter::equal("uid", "user0001");
    for _ in 0..20 {
        let fault = client.search(&by_uid(&filter), within(10)).await.err().unwrap();
        assert!(matches!(fault, DirectoryFault::ServiceBind { code: 49, .. }), "{fault}");
    }
    let tried = slapd.logged("BIND dn=\"cn=svc,ou=service,dc=example,dc=test\" method=128").len();
    // Both connections may try in the same moment.
    assert!((1..=2).contains(&tried), "{tried} times; our own account would be locked by it");
}

#[tokio::test]
async fn a_lost_connection_is_replaced_without_the_caller_noticing() {
    let mut slapd = Slapd::start(&SlapdOptions::default());
    let client = client(of(&slapd, Transport::Ldaps));
    let filter = Filter::equal("uid", "user0001");
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!(client.search(&by_uid(&filter), within(10)).await.unwrap().len(), 1);
        }
        slapd.restart();
    }
}

#[tokio::test]
async fn a_group_that_comes_in_parts_is_put_together_or_is_a_fault() {
    // As Active Directory answers with MaxValRange = 2: five members in three parts.
    let part = |wanted: &str| match wanted {
        "member" => ("member;range=0-1", vec!["a", "b"]),
        "member;range=2-*" => ("member;range=2-3", vec!["c", "d"]),
        "member;range=4-*" => ("member;range=4-*", vec!["e"]),
        "lost" => ("lost;range=0-1", vec!["a", "b"]),
        other => panic!("nobody should ask for {other}"),
    };
    let stub = Stub::start(move |stream, _| {
        converse(stream, move |frame| {
            let id = frame.message_id();
            let text = String::from_utf8_lossy(frame.bytes()).into_owned();
            // What is asked for stands last in the request, after its length.
            let wanted = ["member;range=2-*", "member;range=4-*", "member", "lost;range=2-*", "lost"];
            let wanted = wanted.into_iter().find(|name| text.ends_with(name)).unwrap();
            let mut answer = vec![];
            if wanted != "lost;range=2-*" {
                let (name, values) = part(wanted);
                answer = entry(id, &[("member", &[]), (name, &values)]);
            }
            answer.extend_from_slice(&message::response(id, op::SEARCH_DONE, 0, ""));
            answer
        })
    })
    .await;
    let active_directory = Directory {
        kind: DirectoryKind::ActiveDirectory,
        bind_dn: String::new(),
        ..directory(vec![server(stub.addr, Transport::Plain)])
    };
    let client = client(active_directory);
    let filter = Filter::present("objectClass");
    let group = Search { base: "CN=G", scope: Scope::Base, filter: &filter, attributes: &["member"], limit: 1 };
    let found = client.search(&group, within(10)).await.unwrap();
    assert_eq!(found[0].values("member"), ["a", "b", "c", "d", "e"].map(|name| name.as_bytes().to_vec()));
    assert_eq!(found[0].attributes.len(), 1);

    let fault = client.search(&Search { attributes: &["lost"], ..group }, within(10)).await.unwrap_err();
    assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "{fault}");
}

/// A search entry with these attributes.
fn entry(id: u32, attributes: &[(&str, &[&str])]) -> Vec<u8> {
    let mut out = vec![];
    ber::put(&mut out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, id);
        ber::put(out, op::SEARCH_ENTRY, |out| {
            ber::put_bytes(out, ber::OCTET_STRING, b"CN=G");
            ber::put(out, ber::SEQUENCE, |out| {
                for (name, values) in attributes {
                    ber::put(out, ber::SEQUENCE, |out| {
                        ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
                        ber::put(out, ber::SET, |out| {
                            for value in *values {
                                ber::put_bytes(out, ber::OCTET_STRING, value.as_bytes());
                            }
                        });
                    });
                }
            });
        });
    });
    out
}

#[tokio::test]
async fn two_thousand_five_hundred_people_come_page_by_page() {
    let slapd = Slapd::start(&SlapdOptions { people: 2_500, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let filter = Filter::equal("objectClass", "inetOrgPerson");
    // On another thread, as the appliance's own tasks ask.
    let mut elsewhere = tokio::task::JoinSet::new();
    elsewhere.spawn(async move {
        let (base, scope, limit) = (PEOPLE, Scope::Subtree, usize::MAX);
        let all = Search { base, scope, filter: &filter, attributes: &["uid"], limit };
        let (mut uids, mut number) = (vec![], 0);
        let mut pages = client.search_paged(&all, 400, within(30)).await.unwrap();
        while let Some(page) = pages.next().await.unwrap() {
            number += 1;
            assert!(page.len() <= 400);
            uids.extend(page.iter().filter_map(|entry| entry.text("uid").map(str::to_owned)));
        }
        uids.sort();
        uids.dedup();
        assert_eq!((pages.count(), uids.len(), number), (2_500, 2_500, 7));

        let some = Search { limit: 1_000, ..all };
        let mut pages = client.search_paged(&some, 400, within(30)).await.unwrap();
        for _ in 0..2 {
            assert_eq!(pages.next().await.unwrap().unwrap().len(), 400);
        }
        let fault = pages.next().await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::Incomplete { .. }), "{fault}");
    });
    elsewhere.join_next().await.unwrap().unwrap();
}
