use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vestibule::directory::{DirectoryClient, DirectoryFault, Upstream, Verdict};
use vestibule::domain::directory::{Directory, Transport};
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::{self, op};
use vestibule::wire::message::{self, Entry, LdapResult, Scope, SearchRequest};

use super::slapd::{Slapd, SlapdOptions, authority};
use super::{client, of, password, stub, within};

#[tokio::test]
async fn the_right_password_is_accepted_over_every_transport_and_the_connection_is_that_persons() {
    let slapd = Slapd::start(&SlapdOptions::default());
    for transport in [Transport::Plain, Transport::StartTls, Transport::Ldaps] {
        let client = client(of(&slapd, transport));
        let dn = slapd.dn_of("user0001");
        let verdict = client.bind(77, &dn, &password("pw-user0001"), &[], within(10)).await.unwrap();
        let Verdict::Accepted { answer, upstream } = verdict else { panic!("refused over {transport:?}") };
        let answer = frame::frame(answer).unwrap();
        assert_eq!((answer.message_id(), answer.op()), (77, op::BIND_RESPONSE), "the directory's own answer");
        // Only the person may read an entry here, and its own is all this search may find.
        assert_eq!(names_seen_by(upstream, &dn).await, [dn]);
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_the_directorys_own_answer() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let client = client(of(&slapd, Transport::Plain));
    for (dn, text) in [(slapd.dn_of("user0001"), "wrong"), (slapd.dn_of("nobody"), "pw-user0001")] {
        let verdict = client.bind(5, &dn, &password(text), &[], within(10)).await.unwrap();
        let Verdict::Refused { code, answer, .. } = verdict else { panic!("accepted") };
        let answer = LdapResult::parse(&frame::frame(answer).unwrap(), op::BIND_RESPONSE).unwrap();
        assert_eq!((code, answer.code), (49, 49));
    }
    let malformed = client.bind(5, "not a dn", &password("x"), &[], within(10)).await.unwrap();
    assert!(matches!(malformed, Verdict::Refused { code: 34, .. }));
}

#[tokio::test]
async fn an_empty_name_or_password_never_reaches_a_directory_that_would_accept_it() {
    let global = "allow bind_anon_cred bind_anon_dn".to_owned();
    let slapd = Slapd::start(&SlapdOptions { global, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    for (name, text) in [(slapd.dn_of("user0001"), ""), (String::new(), "x"), (String::new(), "")] {
        let fault = client.bind(1, &name, &password(text), &[], within(10)).await.err().unwrap();
        assert!(matches!(fault, DirectoryFault::NotSent { .. }), "{fault}");
    }
    assert_eq!(slapd.logged(" BIND "), Vec::<String>::new());
}

#[tokio::test]
async fn a_locked_account_and_its_reason_are_passed_on() {
    let answer = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 775, v2580";
    let stub = stub::Stub::start(move |stream, _| {
        stub::converse(stream, move |frame| {
            message::response(frame.message_id(), op::BIND_RESPONSE, 49, answer).to_vec()
        })
    })
    .await;
    let client = client(super::directory(vec![super::server(stub.addr, Transport::Plain)]));
    let verdict = client.bind(3, "CORP\\alice", &password("x"), &[], within(10)).await.unwrap();
    let Verdict::Refused { code, diagnostic, .. } = verdict else { panic!("accepted") };
    assert_eq!((code, diagnostic.as_str()), (49, answer));
}

#[tokio::test]
async fn sixty_four_people_bind_at_once_each_on_a_connection_of_their_own() {
    let slapd = Slapd::start(&SlapdOptions { people: 64, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let mut binds = JoinSet::new();
    for number in 1..=64_u32 {
        let (client, uid) = (client.clone(), format!("user{number:04}"));
        let (dn, text) = (slapd.dn_of(&uid), Slapd::password_of(&uid));
        binds.spawn(async move {
            let verdict = client.bind(number, &dn, &password(&text), &[], within(20)).await.unwrap();
            let Verdict::Accepted { upstream, .. } = verdict else { panic!("{dn} refused") };
            assert_eq!(names_seen_by(upstream, &dn).await, [dn]);
        });
    }
    binds.join_all().await;
}

#[tokio::test]
async fn connections_kept_ready_that_the_directory_closed_cost_nobody_a_sign_in() {
    let mut slapd = Slapd::start(&SlapdOptions::default());
    let client = client(of(&slapd, Transport::Plain));
    let (dn, right) = (slapd.dn_of("user0001"), password("pw-user0001"));
    for _ in 0..3 {
        client.bind(1, &dn, &right, &[], within(10)).await.unwrap();
        slapd.restart();
        let verdict = client.bind(1, &dn, &right, &[], within(10)).await.unwrap();
        assert!(matches!(verdict, Verdict::Accepted { .. }));
    }
}

#[tokio::test]
async fn after_the_first_sign_in_the_next_ones_find_a_connection_open() {
    let ca = authority("ours");
    for transport in [Transport::Plain, Transport::Ldaps] {
        let acceptor = stub::acceptor(&stub::rightly_named(), Some(&ca));
        let (opened, numbers) = mpsc::channel(16);
        let stub = stub::Stub::start(move |stream, number| {
            let (opened, acceptor) = (opened.clone(), acceptor.clone());
            async move {
                let answer = |frame: &frame::Frame| {
                    message::response(frame.message_id(), op::BIND_RESPONSE, 49, &number.to_string()).to_vec()
                };
                if transport == Transport::Plain {
                    opened.send(number).await.unwrap();
                    stub::converse(stream, answer).await;
                } else {
                    // Two session tickets follow the handshake; they are no word out of turn.
                    let stream = acceptor.accept(stream).await.unwrap();
                    opened.send(number).await.unwrap();
                    stub::converse(stream, answer).await;
                }
            }
        })
        .await;
        let directory = super::directory(vec![super::server(stub.addr, transport)]);
        let client = client(Directory { ca_pem: Some(ca.pem()), ..directory });
        let mut used = vec![];
        for _ in 0..5 {
            // Four are wanted ready after the first found none; wait for them to be open.
            while !used.is_empty() && numbers.len() < used.len() + 4 {
                tokio::task::yield_now().await;
            }
            let open = numbers.len();
            let verdict = client.bind(3, "cn=a", &password("x"), &[], within(10)).await.unwrap();
            let Verdict::Refused { diagnostic, .. } = verdict else { panic!("accepted") };
            let number: usize = diagnostic.parse().unwrap();
            assert!(used.is_empty() || number < open, "number {number} was opened for this sign-in");
            assert!(!used.contains(&number), "a connection is bound once");
            used.push(number);
        }
    }
}

#[tokio::test]
async fn with_the_last_handle_on_a_directory_its_background_work_ends() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let background = super::Background::default();
    let client = DirectoryClient::new(of(&slapd, Transport::Plain), &background).unwrap();
    client.bind(1, &slapd.dn_of("user0001"), &password("pw-user0001"), &[], within(10)).await.unwrap();
    let filter = Filter::equal("uid", "user0001");
    client.search(&super::searches::by_uid(&filter), within(10)).await.unwrap();
    drop(client);
    let running = std::mem::take(&mut *background.0.lock().unwrap());
    assert!(!running.is_empty());
    tokio::time::timeout(Duration::from_secs(5), futures_util::future::join_all(running)).await.expect("all end");
}

#[tokio::test]
async fn an_anonymous_connection_is_nobodys() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let client = client(of(&slapd, Transport::StartTls));
    let upstream = client.anonymous(within(10)).await.unwrap();
    assert_eq!(names_seen_by(upstream, &slapd.dn_of("user0001")).await, Vec::<String>::new());
}

/// Who is found at `dn` by whoever is bound on the connection.
async fn names_seen_by(mut upstream: Upstream, dn: &str) -> Vec<String> {
    let request = SearchRequest {
        base: dn,
        scope: Scope::Base,
        filter: &Filter::present("objectClass"),
        size_limit: 0,
        time_limit: 0,
        attributes: &["1.1"],
        controls: &[],
    };
    upstream.stream.write_all(&request.encode(9)).await.unwrap();
    upstream.stream.flush().await.unwrap();
    let mut buffer = BytesMut::from(&upstream.leftover[..]);
    let mut names = vec![];
    loop {
        let frame = stub::request(&mut upstream.stream, &mut buffer).await.unwrap();
        if frame.op() == op::SEARCH_DONE {
            return names;
        }
        names.push(Entry::parse(&frame).unwrap().dn);
    }
}
