//! What directories say of passwords that are due, and changing them: a real Active Directory, a real OpenLDAP with a
//! password policy, and servers that answer what no server should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use vestibule::directory::{DirectoryClient, DirectoryFault, Step, Verdict};
use vestibule::domain::directory::password::{PasswordChange, PasswordDue, RefusalKind, Shortcoming};
use vestibule::domain::directory::{Directory, DirectoryKind, Server, Transport};
use vestibule::wire::ber;
use vestibule::wire::frame::{Frame, op};
use vestibule::wire::message::{self, Control};
use vestibule::wire::password::{PASSWORD_POLICY, policy_request};

use super::samba::{self, Samba};
use super::slapd::{Slapd, SlapdOptions, authority};
use super::stub::{self, Stub};
use super::{client, directory, password, server, within};

const NEW: &str = "N3w-Passw0rd!";
const UNSAID: RefusalKind = RefusalKind::TooWeak(Shortcoming::Unsaid);

/// The domain behind one transport, as our own account sees it.
fn domain(samba: &Samba, transport: Transport) -> Directory {
    let address = if transport == Transport::Ldaps { samba.tls_addr } else { samba.addr };
    Directory {
        kind: DirectoryKind::ActiveDirectory,
        base_dn: samba::BASE.into(),
        bind_dn: Samba::service_dn(),
        bind_password: password(samba::PASSWORD),
        ca_pem: Some(samba.ca_pem.clone()),
        ..directory(vec![server(address, transport)])
    }
}

async fn change(client: &DirectoryClient, dn: &str, old: &str, new: &str) -> PasswordChange {
    client.change_password(dn, &password(old), &password(new), within(20)).await.unwrap()
}

/// Why a change is refused.
async fn refusal(client: &DirectoryClient, dn: &str, old: &str, new: &str) -> RefusalKind {
    let PasswordChange::Refused(refusal) = change(client, dn, old, new).await else { panic!("{new:?} was taken") };
    assert_ne!(refusal.code, 0, "{refusal:?}");
    refusal.kind
}

/// Whether a bind is accepted, and what it says of the password.
async fn bind(client: &DirectoryClient, dn: &str, text: &str) -> (bool, Option<PasswordDue>) {
    let verdict = client.bind(7, dn, &password(text), &[policy_request()], within(20)).await.unwrap();
    (matches!(verdict, Verdict::Accepted { .. }), verdict.password_due(client.directory().kind))
}

#[tokio::test]
async fn active_directory_says_that_a_password_is_due_to_who_knows_it() {
    let samba = Samba::start();
    let client = client(domain(&samba, Transport::Ldaps));
    for (cn, due) in [
        ("Mona MustChange", Some(PasswordDue::MustChange)),
        ("Wim Worn", Some(PasswordDue::Expired)),
        ("Dora Disabled", None),
        ("Erik Expired", None),
    ] {
        assert_eq!(bind(&client, &Samba::dn_of(cn), samba::PASSWORD).await, (false, due), "{cn}");
        assert_eq!(bind(&client, &Samba::dn_of(cn), "wrong").await, (false, None), "{cn} with a wrong password");
    }
    assert_eq!(bind(&client, &Samba::dn_of("Alice Adams"), samba::PASSWORD).await, (true, None));
}

#[tokio::test]
async fn a_password_that_is_due_in_active_directory_is_changed_over_tls() {
    let samba = Samba::start();
    for (cn, transport) in [("Mona MustChange", Transport::Ldaps), ("Wim Worn", Transport::StartTls)] {
        let client = client(domain(&samba, transport));
        let dn = Samba::dn_of(cn);
        assert_eq!(change(&client, &dn, samba::PASSWORD, NEW).await, PasswordChange::Changed, "{cn}");
        assert_eq!(bind(&client, &dn, NEW).await, (true, None), "{cn}");
    }
}

#[tokio::test]
async fn active_directorys_reasons_against_a_new_password_are_told_apart() {
    let samba = Samba::start();
    let client = client(domain(&samba, Transport::Ldaps));
    let dn = Samba::dn_of("Mona MustChange");
    assert_eq!(refusal(&client, &dn, "not the old one", NEW).await, RefusalKind::OldWrong);
    assert_eq!(refusal(&client, &dn, samba::PASSWORD, "short").await, UNSAID);
    assert_eq!(refusal(&client, &dn, samba::PASSWORD, "allthesameletters").await, UNSAID);
    let latin_1 = vestibule::domain::secret::Password::new(*b"Stra\xdfe-und-mehr-1");
    let refused = client.change_password(&dn, &password(samba::PASSWORD), &latin_1, within(20)).await.unwrap();
    let PasswordChange::Refused(refused) = refused else { panic!("bytes that are no text were taken") };
    assert_eq!(refused.kind, RefusalKind::TooWeak(Shortcoming::NotText));
    assert_eq!(
        bind(&client, &dn, samba::PASSWORD).await,
        (false, Some(PasswordDue::MustChange)),
        "nothing has changed"
    );

    samba.tool("domain passwordsettings set --history-length=3");
    assert_eq!(change(&client, &dn, samba::PASSWORD, NEW).await, PasswordChange::Changed);
    assert_eq!(refusal(&client, &dn, NEW, samba::PASSWORD).await, UNSAID, "used before");
    samba.tool("domain passwordsettings set --min-pwd-age=1");
    assert_eq!(refusal(&client, &dn, NEW, "An0ther-Passw0rd!").await, UNSAID, "changed a moment ago");
}

#[tokio::test]
async fn any_text_can_be_a_password_in_active_directory() {
    let samba = Samba::start();
    let client = client(domain(&samba, Transport::Ldaps));
    let dn = Samba::dn_of("Alice Adams");
    let long = "L0ng-".repeat(50);
    assert_eq!(long.len(), 250);
    let mut old = samba::PASSWORD;
    for new in ["\"Quoted\" \"1\" \"", "Schlüssel-\u{1f511}-Straße-1", " l3ading, tra1ling\\ ", &long] {
        assert_eq!(change(&client, &dn, old, new).await, PasswordChange::Changed, "{new:?}");
        assert_eq!(bind(&client, &dn, new).await, (true, None), "{new:?}");
        old = new;
    }
}

#[tokio::test]
async fn a_person_that_the_domain_does_not_let_change_the_password_cannot() {
    let samba = Samba::start();
    let client = client(domain(&samba, Transport::Ldaps));
    let dn = Samba::dn_of("Bob Braun");
    samba.deny_password_change(&dn);
    // Samba does not say why; Windows does (`domain/directory/password`).
    assert_eq!(refusal(&client, &dn, samba::PASSWORD, NEW).await, RefusalKind::Other);
    assert_eq!(bind(&client, &dn, samba::PASSWORD).await, (true, None));
}

const POLICIES: &str = "ou=policies,dc=example,dc=test";

/// A slapd with a policy: eight characters at least, the last three are remembered, a day's life. `grace` counts logins
/// with an expired password. Passwords are as good as new, but for worn's, which has expired, and reset's, which an
/// administrator has set; fixed may not change it.
fn strict(grace: u32, access: &str) -> Slapd {
    let policy = format!(
        "dn: {POLICIES}\nobjectClass: organizationalUnit\nou: policies\n\n\
         dn: cn=default,{POLICIES}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\n\
         pwdAttribute: userPassword\npwdCheckQuality: 2\npwdMinLength: 8\npwdInHistory: 3\npwdMaxAge: 86400\n\
         pwdMustChange: TRUE\npwdAllowUserChange: TRUE\npwdGraceAuthNLimit: {grace}\n\n\
         dn: cn=fixed,{POLICIES}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: fixed\n\
         pwdAttribute: userPassword\npwdAllowUserChange: FALSE\n\n"
    );
    let person = |uid: &str, more: &str| {
        format!(
            "dn: uid={uid},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
             userPassword: pw-{uid}\n{more}\n"
        )
    };
    let people = [
        person("fresh", ""),
        person("worn", "pwdChangedTime: 20200101000000Z\n"),
        person("reset", "pwdReset: TRUE\n"),
        person("fixed", &format!("pwdPolicySubentry: cn=fixed,{POLICIES}\n")),
    ];
    Slapd::start(&SlapdOptions {
        people: 0,
        ldif: policy + &people.concat(),
        global: "moduleload ppolicy".into(),
        database: format!("overlay ppolicy\nppolicy_default cn=default,{POLICIES}"),
        access: access.into(),
        ..SlapdOptions::default()
    })
}

#[tokio::test]
async fn openldaps_policy_says_that_a_password_is_due_to_who_knows_it() {
    for (grace, expired) in [(0, (false, Some(PasswordDue::Expired))), (5, (true, Some(PasswordDue::Expired)))] {
        let slapd = strict(grace, "");
        let client = client(super::of(&slapd, Transport::Ldaps));
        for (uid, said) in
            [("fresh", (true, None)), ("worn", expired), ("reset", (true, Some(PasswordDue::MustChange)))]
        {
            let dn = slapd.dn_of(uid);
            assert_eq!(bind(&client, &dn, &Slapd::password_of(uid)).await, said, "{uid}, grace {grace}");
            assert_eq!(bind(&client, &dn, "wrong").await, (false, None), "{uid}, grace {grace}, wrong password");
        }
        // Who does not ask is told nothing.
        let verdict = client.bind(7, &slapd.dn_of("reset"), &password("pw-reset"), &[], within(20)).await.unwrap();
        assert_eq!(verdict.password_due(DirectoryKind::OpenLdap), None);
    }
}

#[tokio::test]
async fn a_password_that_is_due_in_openldap_is_changed_by_its_owner_where_a_bind_succeeds() {
    let slapd = strict(1, "");
    for (uid, transport) in [("fresh", Transport::Ldaps), ("worn", Transport::StartTls), ("reset", Transport::Ldaps)] {
        let client = client(super::of(&slapd, transport));
        let dn = slapd.dn_of(uid);
        assert_eq!(change(&client, &dn, &Slapd::password_of(uid), NEW).await, PasswordChange::Changed, "{uid}");
        assert_eq!(bind(&client, &dn, NEW).await, (true, None), "{uid}");
        assert_eq!(bind(&client, &dn, &Slapd::password_of(uid)).await, (false, None), "{uid}");
    }
}

#[tokio::test]
async fn an_expired_password_without_grace_logins_is_changed_by_our_own_account_if_it_may() {
    let ours = "cn=svc,ou=service,dc=example,dc=test";
    let access = format!("access to attrs=userPassword by dn.exact=\"{ours}\" write by self write by anonymous auth");
    let slapd = strict(0, &access);
    let able = client(super::of(&slapd, Transport::Ldaps));
    let dn = slapd.dn_of("worn");
    assert_eq!(refusal(&able, &dn, "wrong", NEW).await, RefusalKind::OldWrong);
    assert_eq!(change(&able, &dn, "pw-worn", NEW).await, PasswordChange::Changed);
    assert_eq!(bind(&able, &dn, NEW).await, (true, None));

    let slapd = strict(0, "");
    let unable = client(super::of(&slapd, Transport::Ldaps));
    assert_eq!(refusal(&unable, &dn, "pw-worn", NEW).await, RefusalKind::NotAllowed);
    let nobody = client(Directory { bind_dn: String::new(), ..super::of(&slapd, Transport::Ldaps) });
    let fault = nobody.change_password(&dn, &password("pw-worn"), &password(NEW), within(20)).await.unwrap_err();
    assert!(matches!(&fault, DirectoryFault::Settings { reason, .. } if reason.contains("--bind-dn")), "{fault}");
}

#[tokio::test]
async fn openldaps_reasons_against_a_new_password_are_told_apart() {
    let slapd = strict(0, "");
    let client = client(super::of(&slapd, Transport::Ldaps));
    let weak = RefusalKind::TooWeak;
    let dn = slapd.dn_of("fresh");
    assert_eq!(refusal(&client, &dn, "wrong", NEW).await, RefusalKind::OldWrong);
    assert_eq!(refusal(&client, &dn, "pw-fresh", "short").await, weak(Shortcoming::TooShort));
    assert_eq!(change(&client, &dn, "pw-fresh", NEW).await, PasswordChange::Changed);
    assert_eq!(refusal(&client, &dn, NEW, "pw-fresh").await, weak(Shortcoming::InHistory));
    assert_eq!(refusal(&client, &slapd.dn_of("fixed"), "pw-fixed", NEW).await, RefusalKind::NotAllowed);
}

#[tokio::test]
async fn any_bytes_can_be_a_password_in_openldap() {
    let slapd = strict(0, "");
    let client = client(super::of(&slapd, Transport::Ldaps));
    let dn = slapd.dn_of("fresh");
    let long = vec![b'x'; 300];
    let mut old = vestibule::domain::secret::Password::new(*b"pw-fresh");
    for new in [&b"\"quoted\""[..], b"Stra\xdfe-in-Latin-1", "Schlüssel-\u{1f511}".as_bytes(), &long] {
        let new = vestibule::domain::secret::Password::new(new);
        let changed = client.change_password(&dn, &old, &new, within(20)).await.unwrap();
        assert_eq!(changed, PasswordChange::Changed);
        let verdict = client.bind(7, &dn, &new, &[], within(20)).await.unwrap();
        assert!(matches!(verdict, Verdict::Accepted { .. }));
        old = new;
    }
}

#[tokio::test]
async fn without_tls_no_password_is_changed_and_nothing_is_sent() {
    for kind in [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap] {
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let stub = Stub::start(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        .await;
        let plain = Directory { kind, ..directory(vec![server(stub.addr, Transport::Plain)]) };
        let fault =
            client(plain).change_password("cn=a", &password("old"), &password(NEW), within(5)).await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::NoTls { .. }), "{fault}");
        assert!(fault.to_string().contains("ldaps://"), "says what to set: {fault}");
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn a_server_without_tls_is_passed_over_for_one_with_it() {
    let slapd = strict(0, "");
    let plain = server(slapd.addr, Transport::Plain);
    let ldaps = server(slapd.tls_addr, Transport::Ldaps);
    let client = client(Directory { servers: vec![plain, ldaps], ..super::of(&slapd, Transport::Ldaps) });
    assert_eq!(change(&client, &slapd.dn_of("fresh"), "pw-fresh", NEW).await, PasswordChange::Changed);
}

#[tokio::test]
async fn an_empty_name_or_password_changes_nothing() {
    let slapd = strict(0, "");
    let client = client(super::of(&slapd, Transport::Ldaps));
    let dn = slapd.dn_of("fresh");
    for (dn, old, new) in [("", "pw-fresh", NEW), (&*dn, "", NEW), (&*dn, "pw-fresh", "")] {
        let fault = client.change_password(dn, &password(old), &password(new), within(5)).await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::NotSent { .. }), "{fault}");
    }
    assert_eq!(slapd.logged(" BIND "), Vec::<String>::new());
}

/// A server over TLS that accepts binds and answers a change as scripted; what it was asked to change is counted.
struct Liar {
    server: Server,
    ca_pem: String,
    asked: Arc<AtomicUsize>,
    _stub: Stub,
}

/// What to send in answer to a change, `None` to close instead.
type Script = Arc<dyn Fn(&Frame) -> Option<Vec<u8>> + Send + Sync>;

async fn liar(script: Script) -> Liar {
    let ca = authority("ours");
    let acceptor = stub::acceptor(&stub::rightly_named(), Some(&ca));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let stub = Stub::start(move |stream, _| {
        let (acceptor, script, counter) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&counter));
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut buffer = BytesMut::new();
            while let Some(frame) = stub::request(&mut stream, &mut buffer).await {
                let answer = if frame.op() == op::BIND_REQUEST {
                    message::response(frame.message_id(), op::BIND_RESPONSE, 0, "").to_vec()
                } else {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let Some(answer) = script(&frame) else { return };
                    answer
                };
                stream.write_all(&answer).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
    })
    .await;
    Liar { server: server(stub.addr, Transport::Ldaps), ca_pem: ca.pem(), asked, _stub: stub }
}

fn led_by(kind: DirectoryKind, liars: &[&Liar]) -> DirectoryClient {
    client(Directory {
        kind,
        ca_pem: Some(liars.iter().map(|liar| liar.ca_pem.clone()).collect()),
        operation_timeout: Duration::from_secs(1),
        ..directory(liars.iter().map(|liar| liar.server.clone()).collect())
    })
}

/// The response that belongs to a request.
fn response_to(frame: &Frame) -> u8 {
    if frame.op() == op::MODIFY_REQUEST { op::MODIFY_RESPONSE } else { op::EXTENDED_RESPONSE }
}

fn result(frame: &Frame, code: u32) -> Vec<u8> {
    message::response(frame.message_id(), response_to(frame), code, "").to_vec()
}

/// A result with these bytes after its diagnostic message.
fn success_and(id: u32, tag: u8, matched: &str, more: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    ber::put(&mut out, ber::SEQUENCE, |out| {
        ber::put_number(out, ber::INTEGER, id);
        ber::put(out, tag, |out| {
            ber::put_number(out, ber::ENUMERATED, 0);
            ber::put_bytes(out, ber::OCTET_STRING, matched.as_bytes());
            ber::put_bytes(out, ber::OCTET_STRING, b"");
            out.extend_from_slice(more);
        });
    });
    out
}

const KINDS: [DirectoryKind; 2] = [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap];

#[tokio::test]
async fn only_result_code_0_is_a_change_and_only_words_about_the_password_are_a_refusal() {
    for kind in KINDS {
        for code in 0..=90 {
            let liar = liar(Arc::new(move |frame| Some(result(frame, code)))).await;
            let answered =
                led_by(kind, &[&liar]).change_password("cn=a", &password("old"), &password(NEW), within(10)).await;
            match (code, answered) {
                (0, Ok(PasswordChange::Changed)) => {}
                (16 | 19 | 20 | 21 | 32 | 48 | 49 | 50 | 53 | 65, Ok(PasswordChange::Refused(refusal))) => {
                    assert_eq!(refusal.code, code);
                }
                (0 | 16 | 19 | 20 | 21 | 32 | 48 | 49 | 50 | 53 | 65, _) => panic!("code {code} is not told"),
                (_, Err(DirectoryFault::Unavailable { code: told, .. })) => assert_eq!(told, code),
                (_, answered) => panic!("code {code}: {answered:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_is_not_the_answer_to_our_change_is_a_fault() {
    let lies: Vec<(&str, Script)> = vec![
        ("another id", Arc::new(|frame| Some(success_and(frame.message_id() + 1, response_to(frame), "", &[])))),
        ("an answer to a bind", Arc::new(|frame| Some(success_and(frame.message_id(), op::BIND_RESPONSE, "", &[])))),
        ("a notice", Arc::new(|_| Some(success_and(0, op::EXTENDED_RESPONSE, "", &[])))),
        ("a matched name", Arc::new(|frame| Some(success_and(frame.message_id(), response_to(frame), "dc=x", &[])))),
        ("a referral", {
            Arc::new(|frame| Some(success_and(frame.message_id(), response_to(frame), "", &[0xa3, 3, 4, 1, b'x'])))
        }),
        ("a made-up password", {
            let made_up = &[0x8b, 5, 0x30, 3, 0x80, 1, b'x'];
            Arc::new(|frame| Some(success_and(frame.message_id(), response_to(frame), "", made_up)))
        }),
        ("a claim of four gigabytes", Arc::new(|_| Some(vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]))),
        ("half an answer", {
            // The rest never comes.
            Arc::new(|frame| Some(result(frame, 0)[..5].to_vec()))
        }),
    ];
    for kind in KINDS {
        for (name, lie) in &lies {
            let (liar, second) = (liar(Arc::clone(lie)).await, liar(Arc::new(|frame| Some(result(frame, 0)))).await);
            let client = led_by(kind, &[&liar, &second]);
            let fault =
                client.change_password("cn=a", &password("old"), &password(NEW), within(10)).await.expect_err(name);
            let timed_out = matches!(fault, DirectoryFault::Timeout { step: Step::PasswordChange, .. });
            assert!(matches!(fault, DirectoryFault::Protocol { .. }) || timed_out, "{name}: {fault}");
            // It may have been changed, and then the old password is a wrong one elsewhere.
            assert_eq!((liar.asked.load(Ordering::SeqCst), second.asked.load(Ordering::SeqCst)), (1, 0), "{name}");
        }
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_in_doubt_and_no_other_server_is_asked() {
    for kind in KINDS {
        let (first, second) = (liar(Arc::new(|_| None)).await, liar(Arc::new(|frame| Some(result(frame, 0)))).await);
        let client = led_by(kind, &[&first, &second]);
        let fault = client.change_password("cn=a", &password("old"), &password(NEW), within(10)).await.unwrap_err();
        assert!(matches!(fault, DirectoryFault::Closed { step: Step::PasswordChange, .. }), "{fault}");
        assert_eq!((first.asked.load(Ordering::SeqCst), second.asked.load(Ordering::SeqCst)), (1, 0));
    }
}

#[tokio::test]
async fn a_server_that_only_reads_or_is_busy_leaves_the_change_to_another() {
    for kind in KINDS {
        for code in [10, 51, 52] {
            let first = liar(Arc::new(move |frame| Some(result(frame, code)))).await;
            let second = liar(Arc::new(|frame| Some(result(frame, 0)))).await;
            let client = led_by(kind, &[&first, &second]);
            assert_eq!(change(&client, "cn=a", "old", NEW).await, PasswordChange::Changed, "code {code}");
        }
    }
}

#[tokio::test]
async fn what_a_directory_says_of_a_password_counts_only_with_the_answer_to_a_wrong_one() {
    let expired = Control { oid: PASSWORD_POLICY.into(), critical: false, value: Some(vec![0x30, 3, 0x81, 1, 0]) };
    let windows = "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 532, v2580";
    for code in [7, 8, 13, 19, 32, 34, 48, 49, 50, 53] {
        let control = expired.clone();
        let stub = Stub::start(move |stream, _| {
            let control = control.clone();
            stub::converse(stream, move |frame| {
                let mut out = vec![];
                ber::put(&mut out, ber::SEQUENCE, |out| {
                    ber::put_number(out, ber::INTEGER, frame.message_id());
                    ber::put(out, op::BIND_RESPONSE, |out| {
                        ber::put_number(out, ber::ENUMERATED, code);
                        ber::put_bytes(out, ber::OCTET_STRING, b"");
                        ber::put_bytes(out, ber::OCTET_STRING, windows.as_bytes());
                    });
                    ber::put(out, 0xa0, |out| {
                        ber::put(out, ber::SEQUENCE, |out| {
                            ber::put_bytes(out, ber::OCTET_STRING, control.oid.as_bytes());
                            ber::put_bytes(out, ber::OCTET_STRING, control.value.as_deref().unwrap());
                        });
                    });
                });
                out
            })
        })
        .await;
        let due = if code == 49 { Some(PasswordDue::Expired) } else { None };
        for kind in KINDS {
            let client = client(Directory { kind, ..directory(vec![server(stub.addr, Transport::Plain)]) });
            assert_eq!(bind(&client, "cn=a", "x").await, (false, due), "code {code}");
        }
    }
}
