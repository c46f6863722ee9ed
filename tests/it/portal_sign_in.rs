//! Sign-in at the user portal, as its pages have it done: one question at a time, another way always at hand, and a first
//! enrolment for whoever never had a factor.

use jiff::SignedDuration;
use vestibule::domain::challenge::{Reply, Status};
use vestibule::domain::dialog::Again;
use vestibule::domain::directory::password::{RefusalKind, Shortcoming};
use vestibule::domain::directory::{Directory, Server, Transport};
use vestibule::domain::factor::Factor;
use vestibule::domain::outcome::Denial;
use vestibule::domain::secret::Password;
use vestibule::flows::portal::{Answer, Asked, PortalEnd};

use super::self_help::set;
use super::support::appliance::{Appliance, directory_at, directory_of};
use super::support::eventually;
use super::support::people::{RECOVERY_CODE, app, give, hotp, recovery_code, tester, totp};
use super::support::portal::Desk;
use super::support::slapd::{Slapd, SlapdOptions};
use super::{openldap, openldap_with};

#[tokio::test]
async fn a_code_is_asked_for_and_a_wrong_one_is_asked_for_again_until_it_locks() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(recovery_code()).await;
    let (user, desk) = (appliance.person("user0001"), Desk::of(&appliance).await);
    let page = desk.begin("user0001", &user.password).await;
    let pending = page.pending().await;
    assert_eq!((pending.question, pending.ways.as_slice()), (Asked::Code, [Factor::RecoveryCode].as_slice()));
    assert_eq!((pending.name.as_str(), pending.again), ("user0001", None));
    let again = page.type_in(&user.wrong_code()).await;
    assert_eq!((again.asked().await, again.pending().await.again), (Asked::Code, Some(Again::WrongCode)));
    assert!(desk.portal.pending(&page.state()).await.unwrap().is_none(), "a State is answered once");
    assert_eq!(page.type_in(&user.hotp()).await.denial(), Denial::DialogOver);
    let code = user.hotp();
    let entered = again.type_in(&code).await;
    assert_eq!((entered.factor(), entered.entered().name.as_str()), (Some(Factor::Hotp), "user0001"));
    assert_eq!(entered.entered().user, user.listed.id);
    let used = desk.begin("user0001", &user.password).await.type_in(&code).await;
    assert_eq!(used.pending().await.again, Some(Again::ReusedCode));

    let mut page = desk.begin("user0001", &user.password).await;
    for _ in 0..4 {
        page = page.type_in("1").await;
    }
    assert_eq!(page.type_in(&user.hotp()).await.denial(), Denial::LockedOut);
    let recorded = appliance.recorded().await;
    assert_eq!(recorded[..3], ["wrong-code", "hotp", "reused-code"]);
    assert_eq!(recorded.last().unwrap(), "locked-out");
}

#[tokio::test]
async fn r19_nothing_tells_an_unknown_name_from_a_wrong_password() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let desk = Desk::of(&appliance).await;
    for name in ["user0001", "nobody", "user0002"] {
        assert!(!matches!(desk.begin(name, "wrong").await.end, PortalEnd::Asked { .. }), "{name}");
    }
    assert!(matches!(desk.begin("user0001", "").await.end, PortalEnd::EmptyPassword));
    assert!(
        appliance.store().find_users(&vestibule::domain::name::fold("user0002").unwrap()).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn an_approval_with_the_number_opens_and_its_state_can_be_looked_at_meanwhile() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(totp()).await;
    let (user, desk) = (appliance.person("user0001"), Desk::of(&appliance).await);
    let page = desk.begin("user0001", &user.password).await;
    let number = page.number().await;
    assert_eq!(page.pending().await.ways, [Factor::Totp]);
    let early = page.type_in("").await;
    assert_eq!(early.state(), page.state(), "not answered yet: the same page again");
    let prompt = appliance.prompt().await;
    assert!(prompt.needs_number);
    let ((), _) = tokio::join!(page.changed(), appliance.answer(&prompt, Reply::Approve { number: Some(number) }));
    assert_eq!(page.asked().await, Asked::Number { number, status: Status::Approved });
    assert_eq!(page.type_in("").await.factor(), Some(Factor::App));
    assert_eq!(page.type_in("").await.denial(), Denial::PromptExpired, "an approval opens once");

    let page = desk.begin("user0001", &user.password).await;
    let wrong = (page.number().await + 1) % 100;
    let prompt = appliance.prompt().await;
    appliance.answer(&prompt, Reply::Approve { number: Some(wrong) }).await;
    page.changed().await;
    assert_eq!(page.type_in("").await.denial(), Denial::PromptRefused);
    assert_eq!(appliance.recorded().await, ["app", "prompt-expired", "prompt-refused"]);
}

#[tokio::test]
async fn who_picks_another_way_is_asked_for_it_and_no_phone_waits_any_more() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).with(recovery_code()).await;
    let (user, desk) = (appliance.person("user0001"), Desk::of(&appliance).await);
    let page = desk.begin("user0001", &user.password).await;
    let (number, prompt) = (page.number().await, appliance.prompt().await);
    let picked = page.pick(Factor::Hotp).await;
    assert_eq!(picked.asked().await, Asked::Code);
    assert_eq!(picked.pending().await.ways, [Factor::App, Factor::RecoveryCode]);
    assert!(appliance.prompts().await.is_empty());
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    assert_eq!(picked.type_in(&user.hotp()).await.factor(), Some(Factor::Hotp));
    assert_eq!(page.pick(Factor::Bypass).await.denial(), Denial::FactorNotAllowed);

    let page = desk.begin("user0001", &user.password).await;
    assert_eq!(page.asked().await, Asked::Code, "what was used last is asked for first");
    let page = page.pick(Factor::RecoveryCode).await;
    assert_eq!(page.asked().await, Asked::RecoveryCode);
    let page = page.type_in("ABCD-EFGH-JKMN-PQRS").await;
    assert_eq!(page.pending().await.again, Some(Again::WrongCode));
    assert_eq!(page.asked().await, Asked::RecoveryCode);
    assert_eq!(page.type_in(RECOVERY_CODE).await.factor(), Some(Factor::RecoveryCode));
    let page = desk.begin("user0001", &user.password).await;
    assert_eq!(page.asked().await, Asked::Code, "a recovery code is no habit");
}

#[tokio::test]
async fn r25_a_phone_that_was_asked_too_often_leaves_the_other_ways() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).await;
    let (user, desk) = (appliance.person("user0001"), Desk::of(&appliance).await);
    let page = desk.begin("user0001", &user.password).await;
    appliance.refuse(&appliance.prompt().await).await;
    assert_eq!(page.type_in("").await.denial(), Denial::PromptRefused);
    let page = desk.begin("user0001", &user.password).await;
    let pending = page.pending().await;
    assert_eq!((pending.question, pending.again), (Asked::Code, Some(Again::NotAsked)));
    assert_eq!(page.type_in(&user.hotp()).await.factor(), Some(Factor::Hotp));
}

#[tokio::test]
async fn r29_a_first_enrolment_is_for_whoever_never_had_a_factor_and_opens_nothing_else() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").user("user0002").await;
    let (user, lost) = (appliance.person("user0001"), appliance.person("user0002"));
    let desk = Desk::of(&appliance).await;
    let page = desk.begin("user0001", &user.password).await;
    let entered = page.entered();
    assert!(entered.enrolling && entered.factor.is_none(), "{entered:?}");
    assert_eq!(desk.begin("user0001", "wrong").await.denial(), Denial::WrongPassword);
    give(appliance.store(), &user.listed, hotp()).await;
    let page = desk.begin("user0001", &user.password).await;
    assert_eq!(page.asked().await, Asked::Code, "from now on");

    give(appliance.store(), &lost.listed, recovery_code()).await;
    let page = desk.begin("user0002", &lost.password).await;
    assert_eq!(page.type_in(RECOVERY_CODE).await.factor(), Some(Factor::RecoveryCode));
    assert_eq!(desk.begin("user0002", &lost.password).await.denial(), Denial::MustEnrol, "it was the last one");
    appliance.store().reset(&lost.listed, &tester()).await.unwrap();
    assert!(desk.begin("user0002", &lost.password).await.entered().enrolling, "an administrator has said so");

    let outcomes = appliance.events("sign-in").await;
    let first = (outcomes[0]["outcome"].as_str().unwrap(), outcomes[0]["door"].as_str().unwrap());
    assert_eq!(first, ("enrolment", "portal"));
}

#[tokio::test]
async fn whom_the_directory_knows_and_we_do_not_is_taken_in_once_the_password_is_right() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).await;
    let desk = Desk::of(&appliance).await;
    desk.begin("user0003", "wrong").await.denial();
    assert!(appliance.events("user-imported").await.is_empty(), "not by whoever types a name");
    let page = desk.begin("USER0003", &Slapd::password_of("user0003")).await;
    assert!(page.entered().enrolling);
    assert_eq!(page.entered().name, "user0003");
    let imported = appliance.events("user-imported").await;
    assert_eq!(imported.len(), 1);
    assert_eq!(imported[0]["by"], "sign-in at portal of corp");
}

/// A directory whose accounts `worn` and `tired` have passwords that have expired.
fn strict() -> Slapd {
    let policies = "ou=policies,dc=example,dc=test";
    let person = |uid: &str| {
        format!(
            "dn: uid={uid},ou=people,dc=example,dc=test\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n\
             userPassword: pw-{uid}\npwdChangedTime: 20200101000000Z\n\n"
        )
    };
    openldap_with(SlapdOptions {
        ldif: format!(
            "dn: {policies}\nobjectClass: organizationalUnit\nou: policies\n\n\
             dn: cn=default,{policies}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: default\n\
             pwdAttribute: userPassword\npwdCheckQuality: 2\npwdMinLength: 8\npwdMaxAge: 86400\n\
             pwdAllowUserChange: TRUE\npwdGraceAuthNLimit: 9\n\n"
        ) + &person("worn")
            + &person("tired"),
        global: "moduleload ppolicy".into(),
        database: format!("overlay ppolicy\nppolicy_default cn=default,{policies}"),
        ..SlapdOptions::default()
    })
}

fn over_tls(slapd: &Slapd) -> Directory {
    let (host, port) = (slapd.tls_addr.ip().to_string(), slapd.tls_addr.port());
    let servers = vec![Server { host, port, transport: Transport::Ldaps }];
    Directory { ca_pem: Some(slapd.ca_pem.clone()), ..directory_at(servers) }
}

#[tokio::test]
async fn an_expired_password_is_changed_after_the_second_factor() {
    let slapd = strict();
    let appliance = Appliance::before_directory(over_tls(&slapd)).user("worn").with(hotp()).user("tired").await;
    let (worn, desk) = (appliance.person("worn"), Desk::of(&appliance).await);
    let page = desk.begin("worn", &worn.password).await;
    assert_eq!(page.asked().await, Asked::Code);
    let page = page.type_in(&worn.hotp()).await;
    let pending = page.pending().await;
    assert_eq!((pending.question, pending.ways.len()), (Asked::NewPassword, 0));
    let page = page.type_in("short").await;
    assert_eq!(page.asked().await, Asked::RepeatPassword);
    let page = page.type_in("other").await;
    assert_eq!((page.asked().await, page.pending().await.again), (Asked::NewPassword, Some(Again::NoMatch)));
    let page = page.type_in("short").await.type_in("short").await;
    let again = page.pending().await.again;
    assert_eq!(again, Some(Again::NotTaken(RefusalKind::TooWeak(Shortcoming::TooShort))));
    let page = page.type_in("a much better one").await.type_in("a much better one").await;
    assert_eq!(page.factor(), Some(Factor::Hotp));
    assert_eq!(desk.begin("worn", &worn.password).await.denial(), Denial::WrongPassword, "the old one is gone");

    let tired = appliance.person("tired");
    set(&appliance, &[("change-expired-password", "off")]).await;
    let page = desk.begin("tired", &tired.password).await;
    assert!(page.entered().enrolling, "the directory lets in for some time yet, and no change is asked for");
    set(&appliance, &[("change-expired-password", "on")]).await;
    let page = desk.begin("tired", &tired.password).await;
    assert_eq!(page.asked().await, Asked::NewPassword, "before the first enrolment");
    let page = page.type_in("a much better one").await.type_in("a much better one").await;
    assert!(page.entered().enrolling);
}

#[tokio::test]
async fn a_bypass_or_a_last_recovery_code_that_is_spent_on_an_expired_password_still_opens_after_the_change() {
    let slapd = strict();
    let appliance = Appliance::before_directory(over_tls(&slapd))
        .user("worn")
        .with(recovery_code())
        .user("tired")
        .with(app())
        .await;
    let (worn, tired, desk) = (appliance.person("worn"), appliance.person("tired"), Desk::of(&appliance).await);
    let page = desk.begin("worn", &worn.password).await.type_in(RECOVERY_CODE).await;
    let page = page.type_in("short").await.type_in("short").await;
    assert_eq!(page.asked().await, Asked::NewPassword, "another try");
    let page = page.type_in("a much better one").await.type_in("a much better one").await;
    assert_eq!(page.factor(), Some(Factor::RecoveryCode));

    sqlx::query("delete from authenticators").execute(appliance.store().pool()).await.unwrap();
    sqlx::query("update users set last_factor = 'app'").execute(appliance.store().pool()).await.unwrap();
    appliance.store().grant_bypass(&tired.listed, SignedDuration::from_mins(5), None, &tester()).await.unwrap();
    let page = desk.begin("tired", &tired.password).await;
    assert_eq!(page.asked().await, Asked::NewPassword);
    let page = page.type_in("a much better one").await.type_in("a much better one").await;
    assert_eq!(page.factor(), Some(Factor::Bypass));
    assert_eq!(desk.begin("tired", "a much better one").await.denial(), Denial::MustEnrol, "it was good once");
}

#[tokio::test]
async fn a_sign_in_goes_on_at_another_replica() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).await;
    let (user, here, there) = (appliance.person("user0001"), Desk::of(&appliance).await, Desk::of(&appliance).await);
    let page = here.begin("user0001", &user.password).await;
    let number = page.number().await;
    assert_eq!(there.portal.pending(&page.state()).await.unwrap().unwrap().question, page.asked().await);
    let waiting = there.portal.clone();
    let state = page.state();
    let until = tokio::time::Instant::now() + std::time::Duration::from_hours(1);
    let (changed, _) = tokio::join!(waiting.await_change(&state, until), async {
        let prompt = appliance.prompt().await;
        appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await
    });
    changed.unwrap();
    let page = page.answer_at(&there, &Answer::Text(Password::new([]))).await;
    assert_eq!(page.factor(), Some(Factor::App));
}

#[tokio::test]
async fn a_name_finds_its_directory_and_one_that_two_directories_know_needs_to_say_which() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let store = appliance.store();
    let second = Directory { name: "branch".into(), ..directory_of(&slapd) };
    store.add_directory(&second, &tester()).await.unwrap();
    let desk = Desk::of(&appliance).await;
    let user = appliance.person("user0001");
    let page = desk.begin("user0001", &user.password).await;
    assert_eq!(page.type_in(&user.hotp()).await.entered().directory, store.directories().await.unwrap()[1].id);
    let page = desk.begin(r"branch\user0001", &user.password).await;
    assert!(page.entered().enrolling, "another account, by what its directory is called");
    assert_eq!(page.entered().directory, second.id);
    let denied = desk.begin("user0001", &user.password).await.denial();
    assert_eq!(denied, Denial::WrongPassword, "now it means two people");
    let page = desk.begin(r"corp\user0001", &user.password).await;
    assert_eq!(page.asked().await, Asked::Code);
    eventually("recorded", async || appliance.recorded().await.len() >= 3).await;
}
