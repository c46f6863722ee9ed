//! What `directory test` shows an administrator.

use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use vestibule::ambient::{Ambient, Clock};
use vestibule::directory::{DirectoryFault, TestStep};
use vestibule::domain::directory::attributes::{AttributeName, Field};
use vestibule::domain::directory::{Directory, DirectoryKind, Transport};
use vestibule::domain::phone::CountryCode;
use vestibule::wire::ber;
use vestibule::wire::frame::op;
use vestibule::wire::message;

use super::samba::{self, Samba};
use super::slapd::{Slapd, SlapdOptions, free_port};
use super::stub::{self, Stub, converse};
use super::{client, directory, of, password, server};

async fn test(directory: Directory) -> Vec<TestStep> {
    client(directory).test(&Ambient::system()).await
}

fn names(steps: &[TestStep]) -> Vec<&'static str> {
    steps.iter().map(|step| step.step).collect()
}

fn seen<'a>(steps: &'a [TestStep], name: &str) -> &'a str {
    steps.iter().find(|step| step.step == name).unwrap().result.as_ref().unwrap()
}

/// The step everything ended with, and why.
fn end(steps: &[TestStep]) -> (&'static str, DirectoryFault) {
    let last = steps.last().unwrap();
    (last.step, last.result.clone().unwrap_err())
}

#[tokio::test]
async fn a_good_directory_shows_what_was_really_seen_at_every_step() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let plain = test(of(&slapd, Transport::Plain)).await;
    let after = ["tls", "bind", "base", "people", "people", "people", "groups", "incremental", "clock"];
    assert_eq!(names(&plain), [&["resolve", "connect"][..], &after].concat());
    assert!(seen(&plain, "tls").contains("in the clear"));
    assert!(seen(&plain, "bind").contains("cn=svc,ou=service"));
    let people = seen(&plain, "people");
    for part in [
        "uid=user0001,ou=people",
        "entryUUID=",
        "uid=user0001",
        "mail=user0001@example.test",
        "no first",
        "last=1",
        "no phone",
        "0 in memberOf",
        "enabled there",
    ] {
        assert!(people.contains(part), "{people} lacks {part}");
    }

    let start_tls = test(of(&slapd, Transport::StartTls)).await;
    assert_eq!(names(&start_tls), [&["resolve", "connect", "start-tls"][..], &after].concat());
    let ldaps = test(of(&slapd, Transport::Ldaps)).await;
    let tls = seen(&ldaps, "tls");
    assert!(tls.contains("TLSv1_3") && tls.contains("trusted for 127.0.4.1, valid until"), "{tls}");
}

#[tokio::test]
async fn each_server_is_tested_by_itself_and_a_dead_one_is_named() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let gone = free_port(stub::address());
    let servers = vec![server(gone, Transport::Plain), server(slapd.addr, Transport::Plain)];
    let steps = test(directory(servers)).await;
    assert_eq!(names(&steps)[..2], ["resolve", "connect"]);
    assert!(matches!(steps[1].result, Err(DirectoryFault::Connect { .. })));
    assert_eq!(steps[1].server.port, gone.port());
    assert!(steps[2..].iter().all(|step| step.result.is_ok() && step.server.port == slapd.addr.port()));
    assert_eq!(steps.len(), 2 + 11);
}

#[tokio::test]
async fn a_setting_that_is_wrong_is_named_at_its_step() {
    let slapd = Slapd::start(&SlapdOptions::default());
    let good = || of(&slapd, Transport::Plain);

    let (step, fault) = end(&test(Directory { bind_password: password("wrong"), ..good() }).await);
    assert_eq!(step, "bind");
    assert!(matches!(fault, DirectoryFault::ServiceBind { code: 49, .. }), "{fault}");

    let (step, fault) = end(&test(Directory { base_dn: "ou=peeple,dc=example,dc=test".into(), ..good() }).await);
    assert_eq!(step, "base");
    assert!(fault.to_string().contains("the server holds dc=example,dc=test"), "{fault}");

    let (step, fault) = end(&test(Directory { base_dn: "ou=groups,dc=example,dc=test".into(), ..good() }).await);
    assert_eq!(step, "people");
    assert!(fault.to_string().contains("nobody under ou=groups"), "{fault}");

    let (step, fault) = end(&test(Directory { ca_pem: None, ..of(&slapd, Transport::Ldaps) }).await);
    assert_eq!(step, "tls");
    assert!(matches!(fault, DirectoryFault::Tls { .. }), "{fault}");
}

#[tokio::test]
async fn people_are_shown_as_the_map_reads_them_and_what_cannot_be_read_is_named() {
    let ldif = "dn: uid=anna,ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nobjectClass: shadowAccount\nuid: anna\ncn: Anna\nsn: Arendt\n\
                displayName: Anna A\nshadowExpire: 0\nmobile: 0171 2345678\nhomePhone: ask reception\npreferredLanguage: de-AT, en\n\n\
                dn: cn=vpn,ou=groups,dc=example,dc=test\nobjectClass: groupOfNames\ncn: vpn\n\
                member: uid=anna,ou=people,dc=example,dc=test\n\n";
    let slapd = Slapd::start(&SlapdOptions { people: 0, ldif: ldif.into(), ..SlapdOptions::default() });
    let mut directory = of(&slapd, Transport::Plain);
    let names = ["givenName", "displayName"].map(|name| AttributeName::parse(name).unwrap());
    directory.attributes.set(Field::First, names.to_vec());
    directory.attributes.country = CountryCode::parse("49").ok();
    let steps = test(directory).await;
    let person = seen(&steps, "people");
    for part in [
        "first=Anna A",
        "last=Arendt",
        "language=de-AT",
        "phone.mobile=+491712345678",
        "its homePhone cannot",
        "cannot be told from pwdAccountLockedTime, nsAccountLock, shadowExpire",
    ] {
        assert!(person.contains(part), "{person} lacks {part}");
    }
    assert!(seen(&steps, "groups").contains("cn=vpn,ou=groups"), "{}", seen(&steps, "groups"));
}

#[tokio::test]
async fn what_a_sync_of_changes_can_use_is_said() {
    let without = Slapd::start(&SlapdOptions::default());
    let seen_without = test(of(&without, Transport::Plain)).await;
    assert_eq!(seen(&seen_without, "incremental"), "no syncprov is announced, modifyTimestamp can be read");
    let with = Slapd::start(&SlapdOptions {
        global: "moduleload syncprov".into(),
        database: "overlay syncprov".into(),
        ..SlapdOptions::default()
    });
    let seen_with = test(of(&with, Transport::Plain)).await;
    assert_eq!(seen(&seen_with, "incremental"), "syncprov is announced, modifyTimestamp can be read");
}

#[tokio::test]
async fn a_domain_shows_its_people_its_groups_and_that_dir_sync_works() {
    let samba = Samba::start();
    let steps = test(Directory {
        kind: DirectoryKind::ActiveDirectory,
        base_dn: samba::BASE.into(),
        bind_dn: Samba::service_upn(),
        bind_password: password(samba::PASSWORD),
        ca_pem: Some(samba.ca_pem.clone()),
        domain: Some(samba::NETBIOS_DOMAIN.into()),
        operation_timeout: Duration::from_secs(10),
        ..directory(vec![server(samba.tls_addr, Transport::Ldaps)])
    })
    .await;
    let person = seen(&steps, "people");
    for part in ["objectGUID=", "sAMAccountName=", "in memberOf", "abled there"] {
        assert!(person.contains(part), "{person} lacks {part}");
    }
    assert!(seen(&steps, "groups").to_lowercase().contains("dc=corp"), "{}", seen(&steps, "groups"));
    let incremental = seen(&steps, "incremental");
    assert!(incremental.contains("DirSync with object security works, uSNChanged can be read"), "{incremental}");
    assert!(seen(&steps, "clock").contains("ours"), "{}", seen(&steps, "clock"));
}

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[tokio::test]
async fn a_domain_controller_whose_clock_is_off_is_noticed() {
    let stub = Stub::start(|stream, _| {
        converse(stream, |frame| {
            let id = frame.message_id();
            if frame.op() == op::BIND_REQUEST {
                return message::response(id, op::BIND_RESPONSE, 0, "").to_vec();
            }
            let mut answer = vec![];
            ber::put(&mut answer, ber::SEQUENCE, |out| {
                ber::put_number(out, ber::INTEGER, id);
                ber::put(out, op::SEARCH_ENTRY, |out| {
                    ber::put_bytes(out, ber::OCTET_STRING, b"CN=a");
                    ber::put(out, ber::SEQUENCE, |out| {
                        for (name, value) in
                            [("currentTime", &b"20260131120000.0Z"[..]), ("objectGUID", &[7; 16]), ("mail", b"a@b")]
                        {
                            ber::put(out, ber::SEQUENCE, |out| {
                                ber::put_bytes(out, ber::OCTET_STRING, name.as_bytes());
                                ber::put(out, ber::SET, |out| ber::put_bytes(out, ber::OCTET_STRING, value));
                            });
                        }
                    });
                });
            });
            answer.extend_from_slice(&message::response(id, op::SEARCH_DONE, 0, ""));
            answer
        })
    })
    .await;
    let domain =
        Directory { kind: DirectoryKind::ActiveDirectory, ..directory(vec![server(stub.addr, Transport::Plain)]) };
    let client = client(domain);
    for (ours, word) in [("12:00:00", "the same as ours"), ("11:59:50", "10 s ahead"), ("12:00:20", "20 s behind")] {
        let clock = Still(format!("2026-01-31T{ours}Z").parse().unwrap());
        let steps = client.test(&Ambient::with_clock(Arc::new(clock))).await;
        assert!(seen(&steps, "clock").contains(word), "{}", seen(&steps, "clock"));
    }
    let clock = Still("2026-01-31T12:05:00Z".parse().unwrap());
    let (step, fault) = end(&client.test(&Ambient::with_clock(Arc::new(clock))).await);
    assert_eq!(step, "clock");
    assert!(fault.to_string().contains("300 s behind ours"), "{fault}");
}
