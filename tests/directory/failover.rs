//! One server of several may die in any way; somebody signs in all the same, and the dead one comes back by itself.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use vestibule::directory::{DirectoryClient, DirectoryFault, Step, Verdict};
use vestibule::domain::directory::{Directory, Server, Transport};
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::op;
use vestibule::wire::message;

use super::searches::by_uid;
use super::slapd::{Slapd, SlapdOptions, free_port};
use super::stub::{self, Stub, converse};
use super::{client, directory, password, server, within};

/// A client that asks `first`, then `second`, and gives a connection half a second.
fn pair(first: SocketAddr, second: SocketAddr) -> DirectoryClient {
    let servers = vec![server(first, Transport::Plain), server(second, Transport::Plain)];
    client(Directory { connect_timeout: Duration::from_millis(500), ..directory(servers) })
}

async fn signs_in(client: &DirectoryClient, seconds: u64) {
    let dn = "uid=user0001,ou=people,dc=example,dc=test";
    let verdict = client.bind(1, dn, &password("pw-user0001"), &[], within(seconds)).await;
    assert!(matches!(verdict, Ok(Verdict::Accepted { .. })), "{:?}", verdict.err());
}

async fn finds(client: &DirectoryClient, seconds: u64) {
    let filter = Filter::equal("uid", "user0001");
    let found = client.search(&by_uid(&filter), within(seconds)).await;
    assert_eq!(found.map(|entries| entries.len()), Ok(1));
}

/// Until a server's health is as wanted; the change has no other signal.
async fn until_up(client: &DirectoryClient, number: usize, up: bool) {
    let changed = async {
        while client.health()[number].up != up {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), changed).await.expect("the server's health changes");
}

#[tokio::test]
async fn a_frozen_server_costs_its_share_of_the_time_once_and_then_nothing() {
    let (first, second) = (Slapd::start(&SlapdOptions::default()), Slapd::start(&SlapdOptions::default()));
    let client = pair(first.addr, second.addr);
    signs_in(&client, 10).await;
    finds(&client, 10).await;
    first.freeze();
    signs_in(&client, 4).await;
    // Half of this time would go to the frozen server, were it asked again.
    let start = Instant::now();
    signs_in(&client, 10).await;
    for _ in 0..4 {
        finds(&client, 10).await;
    }
    assert!(start.elapsed() < Duration::from_secs(4), "the frozen server is passed over: {:?}", start.elapsed());
    let health = client.health();
    assert_eq!((health[0].up, health[1].up), (false, true));
    assert!(health[0].last_fault.as_ref().unwrap().contains(&first.addr.port().to_string()));
    first.thaw();
    until_up(&client, 0, true).await;
}

#[tokio::test]
async fn searches_on_a_connection_to_a_server_that_froze_move_to_the_next() {
    let (first, second) = (Slapd::start(&SlapdOptions::default()), Slapd::start(&SlapdOptions::default()));
    let client = pair(first.addr, second.addr);
    for _ in 0..2 {
        finds(&client, 10).await;
    }
    first.freeze();
    finds(&client, 4).await;
    let start = Instant::now();
    for _ in 0..4 {
        finds(&client, 10).await;
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    first.thaw();
}

#[tokio::test]
async fn a_server_nobody_can_connect_to_leaves_time_for_the_next() {
    let second = Slapd::start(&SlapdOptions::default());
    let hole = Blackhole::dig();
    let client = pair(hole.addr, second.addr);
    let start = Instant::now();
    signs_in(&client, 10).await;
    finds(&client, 10).await;
    assert!(start.elapsed() < Duration::from_secs(4), "one connect time-out: {:?}", start.elapsed());
    assert!(client.health()[0].last_fault.as_ref().unwrap().contains("connecting"));
}

#[tokio::test]
async fn a_server_that_is_gone_is_passed_over_at_once_and_used_again_when_it_is_back() {
    let (mut first, second) = (Slapd::start(&SlapdOptions::default()), Slapd::start(&SlapdOptions::default()));
    let client = pair(first.addr, second.addr);
    signs_in(&client, 10).await;
    finds(&client, 10).await;
    first.kill();
    let start = Instant::now();
    signs_in(&client, 10).await;
    finds(&client, 10).await;
    finds(&client, 10).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    until_up(&client, 0, false).await;
    first.revive();
    until_up(&client, 0, true).await;
    let before = first.logged(" BIND dn=\"uid=user0001").len();
    signs_in(&client, 10).await;
    first.await_log(" BIND dn=\"uid=user0001");
    assert_eq!(before, 0, "the preferred server is preferred again");
    for _ in 0..2 {
        finds(&client, 10).await;
    }
    first.await_log("SRCH base=\"dc=example,dc=test\"");
}

#[tokio::test]
async fn with_every_server_down_a_fault_comes_in_time_and_the_first_one_back_is_used_at_once() {
    let mut only = Slapd::start(&SlapdOptions::default());
    let gone = free_port(IpAddr::from([127, 0, 4, 3]));
    let client = pair(gone, only.addr);
    signs_in(&client, 10).await;
    only.kill();
    let filter = Filter::equal("uid", "user0001");
    let bind = client.bind(1, "cn=a", &password("x"), &[], within(5)).await.err().unwrap();
    let search = client.search(&by_uid(&filter), within(5)).await.err().unwrap();
    for fault in [bind, search] {
        let DirectoryFault::AllDown { directory, last } = fault else { panic!("{fault}") };
        assert_eq!(directory, "corp");
        assert!(last.contains("cannot be reached"), "{last}");
    }
    only.revive();
    signs_in(&client, 10).await;
    finds(&client, 10).await;
}

#[tokio::test]
async fn of_two_servers_thought_dead_the_one_that_is_back_answers_although_the_other_is_frozen() {
    let (first, mut second) = (Slapd::start(&SlapdOptions::default()), Slapd::start(&SlapdOptions::default()));
    let client = pair(first.addr, second.addr);
    first.freeze();
    second.kill();
    let fault = client.bind(1, "cn=a", &password("x"), &[], within(2)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::AllDown { .. }), "{fault}");
    second.revive();
    signs_in(&client, 4).await;
    first.thaw();
}

#[tokio::test]
async fn the_only_server_frozen_is_a_fault_in_time_that_names_it_and_its_thaw_is_noticed_at_once() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let client = client(super::of(&slapd, Transport::Plain));
    signs_in(&client, 10).await;
    for _ in 0..2 {
        finds(&client, 10).await;
    }
    slapd.freeze();
    let filter = Filter::equal("uid", "user0001");
    let start = Instant::now();
    let bind = client.bind(1, "cn=a", &password("x"), &[], within(1)).await.err().unwrap();
    let search = client.search(&by_uid(&filter), within(1)).await.err().unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    for (fault, step) in [(bind, Step::Bind), (search, Step::Search)] {
        let DirectoryFault::Timeout { server, step: at, .. } = fault else { panic!("{fault}") };
        assert_eq!((server.port, at), (slapd.addr.port(), step));
    }
    slapd.thaw();
    signs_in(&client, 10).await;
    finds(&client, 10).await;
}

#[tokio::test]
async fn a_refusal_is_final_and_the_next_server_is_not_asked() {
    let second = Slapd::start(&SlapdOptions::default());
    let first = Stub::start(|stream, _| {
        converse(stream, |frame| message::response(frame.message_id(), op::BIND_RESPONSE, 49, "no").to_vec())
    })
    .await;
    let client = pair(first.addr, second.addr);
    let dn = second.dn_of("user0001");
    let verdict = client.bind(1, &dn, &password("pw-user0001"), &[], within(10)).await.unwrap();
    assert!(matches!(verdict, Verdict::Refused { code: 49, .. }));
    assert_eq!(second.logged(" BIND "), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_resets_in_the_middle_of_a_bind_or_says_busy_is_followed_by_the_next() {
    let second = Slapd::start(&SlapdOptions::default());
    let resets = Stub::start(|mut stream: TcpStream, _| async move {
        let mut buffer = BytesMut::new();
        let _ = stub::request(&mut stream, &mut buffer).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let busy = Stub::start(|stream, _| {
        converse(stream, |frame| message::response(frame.message_id(), op::BIND_RESPONSE, 51, "busy").to_vec())
    })
    .await;
    for first in [resets.addr, busy.addr] {
        let client = pair(first, second.addr);
        signs_in(&client, 10).await;
        finds(&client, 10).await;
        assert!(!client.health()[0].up);
    }
}

#[tokio::test]
async fn a_caller_with_no_time_left_does_not_talk_a_server_down() {
    let slapd = Slapd::start(&SlapdOptions::default());
    slapd.freeze();
    let client = client(super::of(&slapd, Transport::Plain));
    let soon = tokio::time::Instant::now() + Duration::from_millis(50);
    let fault = client.bind(1, "cn=a", &password("x"), &[], soon).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Timeout { .. }), "{fault}");
    assert!(client.health()[0].up);
    slapd.thaw();
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_said_so_and_the_next_server_answers() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let unknown = Server { host: "no-such-host.invalid".into(), port: 389, transport: Transport::Plain };
    let alone = client(directory(vec![unknown.clone()]));
    let fault = alone.bind(1, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    assert!(fault.to_string().contains("no-such-host.invalid"), "{fault}");
    let client = client(directory(vec![unknown, server(slapd.addr, Transport::Plain)]));
    signs_in(&client, 10).await;
}

#[tokio::test]
async fn a_link_local_address_is_never_connected_to() {
    let metadata = Server { host: "169.254.169.254".into(), port: 80, transport: Transport::Plain };
    let fault = client(directory(vec![metadata])).bind(1, "cn=a", &password("x"), &[], within(10)).await.err().unwrap();
    assert!(matches!(fault, DirectoryFault::Resolve { .. }), "{fault}");
}

/// An address that listens with a full queue, so that a further connection is neither accepted nor refused.
struct Blackhole {
    addr: SocketAddr,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl Blackhole {
    fn dig() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 4, 4], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut queued = vec![];
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let full = socket.connect_timeout(&addr, Duration::from_millis(100)).is_err();
            queued.push(socket);
            if full {
                return Self { addr: addr.as_socket().unwrap(), _listener: listener, _queued: queued };
            }
        }
    }
}
