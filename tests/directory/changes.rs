//! What directories say has changed: real OpenLDAP with and without syncprov, a real Active Directory.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use vestibule::directory::changes::{Changes, Since};
use vestibule::directory::{DirectoryClient, Search};
use vestibule::domain::cursor::{Cursor, Method};
use vestibule::domain::directory::{Directory, DirectoryKind, Transport, UniqueId};
use vestibule::wire::ber;
use vestibule::wire::changes::{SYNC_INFO, SYNC_REQUEST};
use vestibule::wire::filter::Filter;
use vestibule::wire::frame::op;
use vestibule::wire::message::{self, Entry, Scope};

use super::samba::{self, Samba};
use super::slapd::{Slapd, SlapdOptions};
use super::stub::{self, Stub, converse};
use super::{client, directory, of, password, server, within};

const ATTRIBUTES: [&str; 3] = ["mail", "uid", "sAMAccountName"];

fn with_syncprov(more: &str) -> Slapd {
    Slapd::start(&SlapdOptions {
        people: 5,
        global: "moduleload syncprov".into(),
        database: format!("index entryCSN eq\noverlay syncprov\n{more}"),
        ..SlapdOptions::default()
    })
}

fn change(slapd: &Slapd, ldif: &str) {
    let server = format!("ldap://{}", slapd.addr);
    let args = ["-x", "-H", &server, "-D", &slapd.admin_dn, "-w", &slapd.admin_password];
    let mut child = Command::new("ldapmodify").args(args).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{ldif}");
}

fn person(uid: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,dc=example,dc=test\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\n\
         sn: {uid}\n\n"
    )
}

fn modify(slapd: &Slapd, uid: &str) -> String {
    format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: new@example.test\n\n", slapd.dn_of(uid))
}

fn remove(slapd: &Slapd, uid: &str) -> String {
    format!("dn: {}\nchangetype: delete\n\n", slapd.dn_of(uid))
}

/// A mark set while everything is read, as a full run does.
async fn mark(client: &DirectoryClient) -> Cursor {
    let mut session = client.session(within(60)).await.unwrap();
    let mut baseline = session.baseline(&ATTRIBUTES).await.unwrap().expect("a mark");
    for entry in everything(client, baseline.attribute()).await {
        baseline.saw(&entry);
    }
    baseline.end().expect("a mark")
}

async fn everything(client: &DirectoryClient, more: Option<&str>) -> Vec<Entry> {
    let directory = client.directory();
    let filter = Filter::parse(directory.people_filter()).unwrap();
    let mut attributes = vec![directory.unique_id_attribute(), directory.account_attribute()];
    attributes.extend(more);
    let base = &directory.base_dn;
    let search = Search { base, scope: Scope::Subtree, filter: &filter, attributes: &attributes, limit: 1000 };
    client.search(&search, within(20)).await.unwrap()
}

async fn id_of(client: &DirectoryClient, account: &str) -> UniqueId {
    let directory = client.directory();
    let entries = everything(client, None).await;
    let entry = entries.iter().find(|entry| entry.text(directory.account_attribute()) == Some(account)).unwrap();
    directory.unique_id(entry.value(directory.unique_id_attribute()).unwrap()).unwrap()
}

/// What has changed since, and who was told as present.
async fn since(client: &DirectoryClient, cursor: &Cursor) -> (Since, BTreeSet<String>) {
    let mut session = client.session(within(60)).await.unwrap();
    let mut present = BTreeSet::new();
    let mut note = |id: &UniqueId| {
        present.insert(id.0.clone());
    };
    let told = session.changes(cursor, &ATTRIBUTES, &mut note).await.unwrap();
    (told, present)
}

async fn changes(client: &DirectoryClient, cursor: &Cursor) -> (Changes, BTreeSet<String>) {
    match since(client, cursor).await {
        (Since::Changes(changes), present) => (changes, present),
        (Since::Everything(why), _) => panic!("everything: {why}"),
    }
}

async fn why_everything(client: &DirectoryClient, cursor: &Cursor) -> String {
    match since(client, cursor).await.0 {
        Since::Changes(changes) => panic!("{:?}", changes.touched),
        Since::Everything(why) => why,
    }
}

fn touched(changes: &Changes) -> BTreeSet<&str> {
    changes.touched.iter().map(|id| id.0.as_str()).collect()
}

fn set<const N: usize>(ids: [&UniqueId; N]) -> BTreeSet<&str> {
    ids.into_iter().map(|id| id.0.as_str()).collect()
}

#[tokio::test]
async fn syncprov_tells_who_was_added_changed_and_renamed_and_who_is_still_there() {
    let slapd = with_syncprov("");
    let client = client(of(&slapd, Transport::Plain));
    let cursor = mark(&client).await;
    assert_eq!((cursor.method, cursor.shows_deletions), (Method::SyncRepl, true));
    let (nothing, _) = changes(&client, &cursor).await;
    assert_eq!((touched(&nothing), nothing.absent_left), (BTreeSet::new(), false));

    let gone = id_of(&client, "user0003").await;
    let stays = id_of(&client, "user0005").await;
    let rename = format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=other\ndeleteoldrdn: 1\n\n", slapd.dn_of("user0002"));
    change(&slapd, &(person("new") + &modify(&slapd, "user0001") + &rename + &remove(&slapd, "user0003")));
    let (told, present) = changes(&client, &cursor).await;
    let [new, changed, renamed] =
        [&id_of(&client, "new").await, &id_of(&client, "user0001").await, &id_of(&client, "other").await];
    assert_eq!(touched(&told), set([new, changed, renamed]));
    assert!(told.absent_left && present.contains(&stays.0) && !present.contains(&gone.0), "{present:?}");
    let (nothing, _) = changes(&client, &told.cursor).await;
    assert_eq!((touched(&nothing), nothing.absent_left), (BTreeSet::new(), false));
}

#[tokio::test]
async fn syncprov_with_a_session_log_tells_who_is_gone() {
    let slapd = with_syncprov("syncprov-sessionlog 100");
    let client = client(of(&slapd, Transport::Plain));
    // The log begins with what is written while the server runs.
    change(&slapd, &modify(&slapd, "user0001"));
    let cursor = mark(&client).await;
    let gone = id_of(&client, "user0003").await;
    change(&slapd, &remove(&slapd, "user0003"));
    let (told, present) = changes(&client, &cursor).await;
    assert_eq!((touched(&told), told.absent_left), (set([&gone]), false), "{present:?}");
}

#[tokio::test]
async fn who_is_gone_from_a_base_within_the_database_is_told_apart() {
    let slapd = with_syncprov("syncprov-sessionlog 100");
    let people = "ou=people,dc=example,dc=test".to_owned();
    let client = client(Directory { base_dn: people, ..of(&slapd, Transport::Plain) });
    change(&slapd, &modify(&slapd, "user0001"));
    let cursor = mark(&client).await;
    let gone = id_of(&client, "user0003").await;
    change(&slapd, &remove(&slapd, "user0003"));
    let (told, _) = changes(&client, &cursor).await;
    assert_eq!((touched(&told), &told.vanished), (BTreeSet::new(), &vec![gone]));
}

#[tokio::test]
async fn a_cookie_from_a_state_the_server_was_never_in_means_everything() {
    let slapd = with_syncprov("");
    let client = client(of(&slapd, Transport::Plain));
    let cursor = mark(&client).await;
    // Of a later state of the database, as after a restore.
    let cookie = "rid=000,csn=29990101000000.000000Z#000000#000#000000".into();
    let why = why_everything(&client, &Cursor { cookie, ..cursor }).await;
    assert!(why.contains("does not say what has changed"), "{why}");
}

#[tokio::test]
async fn a_server_that_no_longer_knows_what_has_changed_since_means_everything() {
    // e-syncRefreshRequired (RFC 4533 §2.7), to whoever asks for changes.
    let stub = Stub::start(|stream, _| {
        converse(stream, |frame| {
            let about_changes = frame.bytes().windows(SYNC_REQUEST.len()).any(|it| it == SYNC_REQUEST.as_bytes());
            let code = if about_changes { 4096 } else { 0 };
            message::response(frame.message_id(), op::SEARCH_DONE, code, "").to_vec()
        })
    })
    .await;
    let directory = Directory { bind_dn: String::new(), ..directory(vec![server(stub.addr, Transport::Plain)]) };
    let server = directory.servers[0].to_string();
    let cursor = Cursor { method: Method::SyncRepl, server, cookie: b"old".to_vec(), shows_deletions: true };
    let why = why_everything(&client(directory), &cursor).await;
    assert!(why.contains("no longer knows"), "{why}");
}

#[tokio::test]
async fn a_server_that_names_more_changes_than_are_worth_asking_for_means_everything() {
    let stub = Stub::start(|stream, _| {
        converse(stream, |frame| {
            let mut out = message::response(frame.message_id(), op::SEARCH_DONE, 0, "").to_vec();
            if frame.bytes().windows(SYNC_REQUEST.len()).any(|it| it == SYNC_REQUEST.as_bytes()) {
                out.clear();
                ber::put(&mut out, ber::SEQUENCE, |out| {
                    ber::put_number(out, ber::INTEGER, frame.message_id());
                    ber::put(out, op::INTERMEDIATE_RESPONSE, |out| {
                        ber::put_bytes(out, 0x80, SYNC_INFO.as_bytes());
                        ber::put(out, 0x81, |out| deleted_ids(out, 10_001));
                    });
                });
            }
            out
        })
    })
    .await;
    let directory = Directory { bind_dn: String::new(), ..directory(vec![server(stub.addr, Transport::Plain)]) };
    let server = directory.servers[0].to_string();
    let cursor = Cursor { method: Method::SyncRepl, server, cookie: b"old".to_vec(), shows_deletions: true };
    let why = why_everything(&client(directory), &cursor).await;
    assert!(why.contains("more than 10000 entries"), "{why}");
}

/// `syncIdSet` with `refreshDeletes` (RFC 4533 §2.5).
fn deleted_ids(out: &mut Vec<u8>, count: u128) {
    ber::put(out, 0xa3, |out| {
        ber::put_bytes(out, ber::BOOLEAN, &[0xff]);
        ber::put(out, ber::SET, |out| {
            (0..count).for_each(|number| ber::put_bytes(out, ber::OCTET_STRING, &number.to_be_bytes()));
        });
    });
}

#[tokio::test]
async fn a_renamed_branch_means_everything_with_and_without_syncprov() {
    for (slapd, words) in [
        (with_syncprov(""), "ou=humans,dc=example,dc=test has changed"),
        (Slapd::start(&SlapdOptions::default()), "a branch was added, renamed"),
    ] {
        let client = client(of(&slapd, Transport::Plain));
        let cursor = mark(&client).await;
        change(&slapd, "dn: ou=people,dc=example,dc=test\nchangetype: modrdn\nnewrdn: ou=humans\ndeleteoldrdn: 1\n\n");
        let why = why_everything(&client, &cursor).await;
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test]
async fn without_syncprov_times_tell_who_changed_and_never_who_is_gone() {
    let slapd = Slapd::start(&SlapdOptions { people: 5, ..SlapdOptions::default() });
    let client = client(of(&slapd, Transport::Plain));
    let cursor = mark(&client).await;
    assert_eq!((cursor.method, cursor.shows_deletions), (Method::Timestamps, false));
    change(&slapd, &(person("new") + &remove(&slapd, "user0003")));
    let (told, _) = changes(&client, &cursor).await;
    assert!(touched(&told).contains(id_of(&client, "new").await.0.as_str()));
    assert!(!told.absent_left && told.vanished.is_empty());
    assert!(told.cursor.cookie >= cursor.cookie, "a mark never goes back");
}

#[tokio::test]
async fn a_mark_of_another_server_means_everything() {
    let [one, other] = [with_syncprov(""), with_syncprov("")];
    let cursor = mark(&client(of(&one, Transport::Plain))).await;
    let why = why_everything(&client(of(&other, Transport::Plain)), &cursor).await;
    assert!(why.contains(&one.addr.to_string()) && why.contains(&other.addr.to_string()), "{why}");
}

fn active_directory(samba: &Samba, address: SocketAddr) -> Directory {
    Directory {
        kind: DirectoryKind::ActiveDirectory,
        base_dn: samba::BASE.into(),
        bind_dn: Samba::service_upn(),
        bind_password: password(samba::PASSWORD),
        ca_pem: Some(samba.ca_pem.clone()),
        domain: Some(samba::NETBIOS_DOMAIN.into()),
        operation_timeout: Duration::from_secs(10),
        ..directory(vec![server(address, Transport::Plain)])
    }
}

fn moved(cn: &str, to: &str) -> String {
    format!("dn: {}\nchangetype: modrdn\nnewrdn: CN={cn}\ndeleteoldrdn: 1\nnewsuperior: {to}\n\n", Samba::dn_of(cn))
}

/// Adds, renames, moves and deletes, and sees that all of it is told, once.
async fn followed(samba: &Samba, directory: Directory, expected: Method) {
    let client = client(directory);
    let cursor = mark(&client).await;
    assert_eq!((cursor.method, cursor.shows_deletions), (expected, expected != Method::DirSyncOwnRights));
    assert_eq!(touched(&changes(&client, &cursor).await.0), BTreeSet::new());
    let [bob, rita, alice] =
        [&id_of(&client, "bob").await, &id_of(&client, "rita").await, &id_of(&client, "alice").await];
    samba.add(&Samba::user("Nora New", "nora"));
    samba.modify(&moved("Bob Braun", &format!("CN=Users,{}", samba::BASE)));
    samba.modify(&samba::change(&Samba::dn_of("Alice Adams"), "replace", "mail", "alice@new.example.test"));
    samba.delete(&Samba::dn_of("Rita Later"));
    let (told, _) = changes(&client, &cursor).await;
    let nora = id_of(&client, "nora").await;
    let mut all = set([&nora, bob, alice]);
    if cursor.shows_deletions {
        all.insert(&rita.0);
    }
    assert_eq!(touched(&told), all);
    assert_eq!(touched(&changes(&client, &told.cursor).await.0), BTreeSet::new());

    samba.modify(&format!(
        "dn: OU=Staff,OU=Acme,{base}\nchangetype: modrdn\nnewrdn: OU=People\ndeleteoldrdn: 1\nnewsuperior: OU=Acme,{base}\n\n",
        base = samba::BASE
    ));
    let why = why_everything(&client, &told.cursor).await;
    assert!(why.contains("OU=People,OU=Acme"), "{why}");
    let why = why_everything(&client, &Cursor { server: "ldap://elsewhere".into(), ..told.cursor }).await;
    assert!(why.contains("ldap://elsewhere"), "{why}");
}

#[tokio::test]
async fn dir_sync_shows_an_ordinary_account_who_was_added_moved_changed_and_deleted() {
    let samba = Samba::start();
    followed(&samba, active_directory(&samba, samba.addr), Method::DirSyncOwnRights).await;
}

#[tokio::test]
async fn an_account_that_may_replicate_is_told_by_dir_sync_without_object_security() {
    let samba = Samba::start();
    let administrator = Directory {
        bind_dn: format!("Administrator@{}", samba::DNS_DOMAIN),
        bind_password: password("Adm1n-Passw0rd!"),
        ..active_directory(&samba, samba.addr)
    };
    followed(&samba, administrator, Method::DirSync).await;
}

#[tokio::test]
async fn a_domain_that_offers_no_dir_sync_is_followed_by_its_update_numbers() {
    let samba = Samba::start();
    let way = without_dir_sync(samba.addr).await;
    let administrator = Directory {
        bind_dn: format!("Administrator@{}", samba::DNS_DOMAIN),
        bind_password: password("Adm1n-Passw0rd!"),
        ..active_directory(&samba, way.addr)
    };
    followed(&samba, administrator.clone(), Method::UpdateNumbers).await;
    let client = client(administrator);
    let cursor = mark(&client).await;
    let why = why_everything(&client, &Cursor { cookie: b"99999999".into(), ..cursor.clone() }).await;
    assert!(why.contains("anew"), "{why}");
    let restored = cursor.server.replace(' ', " 0");
    assert!(why_everything(&client, &Cursor { server: restored, ..cursor }).await.contains("the last run asked"));
}

/// A way to the server that hides that it knows DirSync: message by message, so that nothing is cut.
async fn without_dir_sync(upstream: SocketAddr) -> Stub {
    const HIDDEN: [&[u8]; 2] = [b"1.2.840.113556.1.4.841", b"1.2.840.113556.1.4.000"];
    Stub::start(move |near, _| async move {
        let far = TcpStream::connect(upstream).await.unwrap();
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
        let back = async {
            let mut buffer = BytesMut::new();
            while let Some(frame) = stub::request(&mut from_far, &mut buffer).await {
                let mut bytes = frame.bytes().to_vec();
                if let Some(at) = bytes.windows(HIDDEN[0].len()).position(|window| window == HIDDEN[0]) {
                    bytes[at..at + HIDDEN[1].len()].copy_from_slice(HIDDEN[1]);
                }
                if to_near.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::join!(tokio::io::copy(&mut from_near, &mut to_far), back);
    })
    .await
}
