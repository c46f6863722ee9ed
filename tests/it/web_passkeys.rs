//! Passkeys in the portal: added by their owner, asked for beside the password, and in its place where that is allowed.

use vestibule::domain::portal::table::Overrides;
use vestibule::domain::portal::table::SWITCHES;

use super::directory_state::strict;
use super::openldap;
use super::support::appliance::{Appliance, netscaler};
use super::support::authenticator::Authenticator;
use super::support::browser::{Browser, Page};
use super::support::ldap::Ldap;
use super::support::people::{hotp, tester};
use super::support::slapd::Slapd;
use super::sync_openldap::change;

const ANNA: &str = "user0001";
const BERND: &str = "user0002";

async fn portal(slapd: &Slapd) -> Appliance {
    Appliance::before(slapd).client(netscaler()).user(ANNA).with(hotp()).user(BERND).with(hotp()).await
}

/// What the browser is asked on a page.
fn options(page: &Page) -> String {
    let written = page.after("data-options=\"").unwrap_or_else(|| panic!("nothing is asked for: {}", page.text()));
    written
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

fn state(page: &Page) -> &str {
    page.after("name=\"state\" value=\"").unwrap_or_default()
}

async fn in_with_a_code(appliance: &Appliance, browser: &mut Browser, name: &str) -> Page {
    let mut page = browser.sign_in(name, &Slapd::password_of(name)).await;
    if !page.says("Enter a code") {
        page = browser.submit(&page, "/sign-in/next", &[("pick", "hotp")]).await;
    }
    browser.answer(&page, &appliance.person(name).hotp()).await
}

fn authenticator(browser: &Browser) -> Authenticator {
    Authenticator::at(&format!("https://{}", browser.host))
}

/// Adds a passkey in a session that has just begun.
async fn added(appliance: &Appliance, browser: &mut Browser, name: &str) -> Authenticator {
    in_with_a_code(appliance, browser, name).await;
    let mut authenticator = authenticator(browser);
    let page = browser.get("/passkeys/add").await;
    let answer = authenticator.create(&options(&page), |_| {});
    let fields = [("state", state(&page)), ("name", "Work laptop"), ("answer", &answer)];
    let page = browser.submit(&page, "/passkeys/add", &fields).await;
    assert!(page.says("The passkey was added") && page.says("Work laptop"), "{}", page.text());
    authenticator
}

async fn let_passkeys_come_alone(appliance: &Appliance) {
    let on = Overrides::read([("passkey-first", "on")]).unwrap();
    appliance.store().change_portal_rule(None, &on, &[], &tester()).await.unwrap();
}

#[tokio::test]
async fn a_passkey_is_added_in_the_portal_and_then_asked_for_beside_the_password() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let mut authenticator = added(&appliance, &mut browser, ANNA).await;

    let mut elsewhere = Browser::at(&appliance);
    let page = elsewhere.sign_in(ANNA, &Slapd::password_of(ANNA)).await;
    assert!(page.says("Enter a code"), "what was used last comes first: {}", page.text());
    let page = elsewhere.submit(&page, "/sign-in/next", &[("pick", "passkey")]).await;
    assert!(page.says("Use your passkey") && page.says("switched off in this browser"), "{}", page.text());
    let forged = authenticator.get(&options(&page), |made| made.origin = "https://evil.test".into());
    let page = elsewhere.answer(&page, &forged).await;
    assert!(page.says("The passkey was not accepted") && page.says("Another way"), "{}", page.text());
    let answer = authenticator.get(&options(&page), |_| {});
    let question = elsewhere.cookies.clone();
    let home = elsewhere.answer(&page, &answer).await;
    assert_eq!(home.path, "/home", "{}", home.text());
    elsewhere.cookies = question;
    let again = elsewhere.answer(&page, &answer).await;
    assert_eq!(again.path, "/sign-in?done=sign-in-done-over", "r31: a ceremony is finished once");

    let page = elsewhere.sign_in(ANNA, &Slapd::password_of(ANNA)).await;
    assert!(page.says("Use your passkey"), "{}", page.text());
    let page = elsewhere.submit(&page, "/sign-in/next", &[("pick", "hotp")]).await;
    assert!(page.says("Enter a code"), "{}", page.text());
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-passkey", "passkey"]);
    let shown = appliance.command().args(["user", "show", ANNA]).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("passkey"));
}

#[tokio::test]
async fn a_passkey_that_was_copied_is_refused_and_said_so() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let mut authenticator = added(&appliance, &mut browser, ANNA).await;
    let mut reasons = vec!["hotp"];
    for (count, reason) in [(7, "passkey"), (7, "copied-passkey"), (3, "copied-passkey"), (8, "passkey")] {
        let mut browser = Browser::at(&appliance);
        let page = browser.sign_in(ANNA, &Slapd::password_of(ANNA)).await;
        let page = browser.submit(&page, "/sign-in/next", &[("pick", "passkey")]).await;
        let answer = authenticator.get(&options(&page), |made| made.count = count);
        let page = browser.answer(&page, &answer).await;
        assert_eq!(page.path == "/home", reason == "passkey", "{count}: {}", page.text());
        assert_eq!(page.says("there may be a copy of it"), reason != "passkey");
        reasons.push(reason);
    }
    assert_eq!(appliance.recorded().await, reasons);
}

#[tokio::test]
async fn passkeys_are_renamed_and_removed_and_the_last_factor_only_after_a_warning() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    added(&appliance, &mut browser, ANNA).await;
    let kept = appliance.store().passkeys(appliance.person(ANNA).listed.id).await.unwrap();
    let id = kept[0].id.to_string();
    let page = browser.get(&format!("/passkeys/rename?id={id}")).await;
    let page = browser.submit(&page, "/passkeys/rename", &[("id", &id), ("name", "ключ <b>🔑</b>")]).await;
    assert!(page.says("The name was saved") && page.body.contains("ключ &#60;b&#62;🔑"), "{}", page.body);

    // Nobody else's, whatever is asked for.
    let mut other = Browser::at(&appliance);
    in_with_a_code(&appliance, &mut other, BERND).await;
    let page = other.get(&format!("/passkeys/remove?id={id}")).await;
    assert_eq!(page.status, 404);
    let home = other.get("/passkeys").await;
    assert_eq!(other.submit(&home, "/passkeys/remove", &[("id", &id), ("last", "1")]).await.status, 404);

    for own in appliance.store().own_authenticators(appliance.person(ANNA).listed.id).await.unwrap() {
        if own.id.to_string() != id {
            let user = appliance.person(ANNA).listed.id;
            let no = vestibule::store::own_authenticators::EvenTheLast::No;
            appliance.store().remove_authenticator(user, own.id, no, &tester()).await.unwrap();
        }
    }
    let page = browser.get("/passkeys").await;
    let page = browser.submit(&page, "/passkeys/remove", &[("id", &id)]).await;
    assert!(page.says("the last thing you can prove yourself with"), "{}", page.text());
    let page = browser.submit(&page, "/passkeys/remove", &[("id", &id), ("last", "1")]).await;
    assert!(page.says("The passkey was removed") && page.says("no passkey yet"), "{}", page.text());
}

#[tokio::test]
async fn a_passkey_alone_opens_the_portal_only_where_it_may_and_never_for_a_barred_account() {
    let slapd = strict();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let mut authenticator = added(&appliance, &mut browser, ANNA).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.get("/sign-in").await;
    assert!(!page.body.contains("data-passkey"), "it is off as long as nobody has switched it on");
    let_passkeys_come_alone(&appliance).await;

    let come = async |authenticator: &mut Authenticator, lie: &str| {
        let mut browser = Browser::at(&appliance);
        let page = browser.get("/sign-in").await;
        let answer = authenticator.get(&options(&page), |made| match lie {
            "forged" => made.foreign_key = true,
            "stranger" => (made.id, made.raw_id) = (vec![7; 32], vec![7; 32]),
            "unverified" => made.flags &= !super::support::authenticator::UV,
            _ => {}
        });
        let fields = [("state", state(&page)), ("answer", answer.as_str())];
        let first = browser.submit(&page, "/sign-in/passkey", &fields).await;
        let cookies = browser.cookies.clone();
        // The same once more.
        let mut again = Browser::at(&appliance);
        let page = again.get("/sign-in").await;
        let second = again.submit(&page, "/sign-in/passkey", &fields).await;
        assert_ne!(second.path, "/home", "r31: an offer is answered once");
        browser.cookies = cookies;
        first
    };
    let home = come(&mut authenticator, "").await;
    assert!(home.path == "/home" && home.says(ANNA), "{}", home.text());
    for lie in ["forged", "stranger", "unverified"] {
        let page = come(&mut authenticator, lie).await;
        assert!(page.status == 403 && page.says("The passkey was not accepted"), "{lie}: {}", page.text());
    }
    assert_eq!(appliance.failures(ANNA).await, 0, "nobody is locked out by what strangers send");

    let user = &appliance.person(ANNA).listed;
    appliance.store().set_enabled(user, false, &tester()).await.unwrap();
    assert_eq!(come(&mut authenticator, "").await.status, 403);
    appliance.store().set_enabled(user, true, &tester()).await.unwrap();
    let dn = slapd.dn_of(ANNA);
    change(
        &slapd,
        &format!("dn: {dn}\nchangetype: modify\nreplace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"),
    );
    assert_eq!(come(&mut authenticator, "").await.status, 403);
    change(&slapd, &format!("dn: {dn}\nchangetype: modify\ndelete: pwdAccountLockedTime\n"));
    assert_eq!(come(&mut authenticator, "").await.path, "/home");
    change(&slapd, &format!("dn: {dn}\nchangetype: delete\n"));
    assert_eq!(come(&mut authenticator, "").await.status, 403);
    let switch = SWITCHES.iter().find(|switch| switch.name == "passkey-first").unwrap();
    let nothing = Overrides::default();
    appliance.store().change_portal_rule(None, &nothing, &[switch], &tester()).await.unwrap();
    let said = ["hotp", "passkey", "wrong-passkey", "wrong-passkey", "wrong-passkey", "disabled"];
    let then = ["disabled-in-directory", "passkey", "not-one-entry"];
    assert_eq!(appliance.recorded().await, [said.as_slice(), then.as_slice()].concat());
}

#[tokio::test]
async fn whoever_has_a_passkey_alone_has_nothing_to_show_at_a_gateway_and_does_not_pass_on_the_password() {
    use vestibule::domain::client::{Client, UserMatch};
    let slapd = openldap();
    let lenient = Client { user_match: UserMatch::PasswordOnly, ..netscaler() };
    let appliance = Appliance::before(&slapd).client(lenient).user(ANNA).with(hotp()).await;
    let mut browser = Browser::at(&appliance);
    added(&appliance, &mut browser, ANNA).await;
    let user = appliance.person(ANNA);
    let own = appliance.store().own_authenticators(user.listed.id).await.unwrap();
    let token = own.iter().find(|own| own.factor == vestibule::domain::factor::Factor::Hotp).unwrap().id;
    let no = vestibule::store::own_authenticators::EvenTheLast::No;
    appliance.store().remove_authenticator(user.listed.id, token, no, &tester()).await.unwrap();
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    assert_eq!(gateway.bind(&user.dn, &user.password).await, super::answer(49));
    assert_eq!(appliance.recorded().await, ["hotp", "no-factor"]);
}

#[tokio::test]
async fn a_passkey_is_a_first_factor_for_whoever_is_first() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(netscaler()).user(ANNA).await;
    let (mut browser, mut rival) = (Browser::at(&appliance), Browser::at(&appliance));
    let mut answers = vec![];
    for browser in [&mut browser, &mut rival] {
        let page = browser.sign_in(ANNA, &Slapd::password_of(ANNA)).await;
        assert_eq!(page.path, "/enrol", "{}", page.text());
        let page = browser.get("/enrol/choose").await;
        assert!(page.body.contains("/enrol/passkey"), "{}", page.text());
        let page = browser.get("/enrol/passkey").await;
        let answer = authenticator(browser).create(&options(&page), |_| {});
        answers.push((page, answer));
    }
    let (page, answer) = &answers[0];
    let fields = [("state", state(page)), ("name", "Phone"), ("answer", answer.as_str())];
    let next = browser.submit(page, "/enrol/passkey", &fields).await;
    assert_eq!(next.path, "/enrol/codes", "{}", next.text());
    let (page, answer) = &answers[1];
    let fields = [("state", state(page)), ("name", "Thief"), ("answer", answer.as_str())];
    let next = rival.submit(page, "/enrol/passkey", &fields).await;
    assert!(!next.says("Thief") && next.path != "/enrol/codes", "{}", next.text());
    let kept = appliance.store().passkeys(appliance.person(ANNA).listed.id).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.label.as_str()).collect::<Vec<_>>(), ["Phone"]);
}
