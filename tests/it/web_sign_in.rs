//! Signing in at the portal's pages, as a browser without scripts does it.

use vestibule::domain::challenge::Reply;

use super::openldap;
use super::support::appliance::{Appliance, netscaler};
use super::support::browser::{Browser, Page};
use super::support::people::{app, recovery_code, totp};
use super::support::slapd::Slapd;

const ANNA: &str = "user0001";
const BERND: &str = "user0002";

async fn portal(slapd: &Slapd) -> Appliance {
    Appliance::before(slapd).client(netscaler()).user(ANNA).with(totp()).user(BERND).with(app()).with(totp()).await
}

fn password(name: &str) -> String {
    Slapd::password_of(name)
}

async fn signed_in(appliance: &Appliance, browser: &mut Browser, name: &str) -> Page {
    let page = browser.sign_in(name, &password(name)).await;
    assert!(page.says("Enter a code"), "{}", page.text());
    let code = appliance.person(name).totp();
    browser.answer(&page, &code).await
}

#[tokio::test]
async fn a_password_and_a_code_open_the_portal_and_signing_out_closes_it() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.get("/home").await;
    assert_eq!(page.path, "/sign-in?next=/home");
    let before = browser.cookies.clone();
    let home = signed_in(&appliance, &mut browser, ANNA).await;
    assert!(home.path == "/home" && home.says(ANNA), "{}", home.text());
    assert_ne!(browser.cookies["__Host-visitor"], before["__Host-visitor"], "known anew after a sign-in (R48)");
    assert!(!browser.cookies.contains_key("__Host-dialog"));

    let stolen = browser.cookies.clone();
    let page = browser.submit(&home, "/sign-out", &[]).await;
    assert!(page.says("You are signed out"));
    browser.cookies = stolen;
    let page = browser.get("/home").await;
    assert_eq!(page.path, "/sign-in?next=/home", "r48: a stolen session ends with the person's own");
    assert_eq!(appliance.recorded().await, ["totp"]);
}

#[tokio::test]
async fn a_wrong_code_is_asked_for_again_and_counts() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in(ANNA, &password(ANNA)).await;
    let page = browser.answer(&page, "000000").await;
    assert!(page.says("That code is not right") && page.path == "/sign-in/next", "{}", page.text());
    let home = browser.answer(&page, &appliance.person(ANNA).totp()).await;
    assert_eq!(home.path, "/home");
    assert_eq!(appliance.recorded().await, ["wrong-code", "totp"]);
}

#[tokio::test]
async fn a_number_is_shown_for_the_phone_and_its_answer_lets_the_person_in() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in(BERND, &password(BERND)).await;
    assert!(page.says("Confirm on your phone") && page.says("I have confirmed it"), "{}", page.text());
    let prompt = appliance.prompt().await;
    let number: u8 =
        page.body.split_once("class=\"number\"").unwrap().1.split_once('>').unwrap().1[..2].parse().unwrap();
    let page = browser.submit(&page, "/sign-in/next", &[]).await;
    assert!(page.says("Confirm on your phone"), "not answered yet");
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    let page = browser.get("/sign-in/next").await;
    assert!(page.says("Your phone has answered"), "{}", page.text());
    let home = browser.submit(&page, "/sign-in/next", &[]).await;
    assert_eq!(home.path, "/home");

    let mut again = Browser::at(&appliance);
    let page = again.sign_in(BERND, &password(BERND)).await;
    let prompt = appliance.prompt().await;
    appliance.refuse(&prompt).await;
    let page = again.submit(&page, "/sign-in/next", &[]).await;
    assert!(page.status == 403 && page.says("refused on your phone"), "{}", page.text());
}

#[tokio::test]
async fn another_way_is_always_there_and_the_phone_is_left_alone_then() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in(BERND, &password(BERND)).await;
    assert!(page.says("Enter a code from my authenticator app"));
    let page = browser.submit(&page, "/sign-in/next", &[("pick", "totp")]).await;
    assert!(page.says("Enter a code") && page.says("Approve on my phone"), "{}", page.text());
    assert!(appliance.prompts().await.is_empty(), "the prompt is withdrawn");
    let home = browser.answer(&page, &appliance.person(BERND).totp()).await;
    assert_eq!(home.path, "/home");
}

#[tokio::test]
async fn the_stream_of_a_waiting_page_says_when_the_phone_has_answered() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    browser.sign_in(BERND, &password(BERND)).await;
    let prompt = appliance.prompt().await;
    let (events, _) = tokio::join!(browser.get("/sign-in/live"), appliance.refuse(&prompt));
    assert!(events.body.contains("event: changed"), "{}", events.body);
    let mut stranger = Browser::at(&appliance);
    assert_eq!(stranger.get("/sign-in/live").await.status, 404);
}

#[tokio::test]
async fn known_and_unknown_names_are_refused_on_the_same_page() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut pages = vec![];
    for name in [ANNA, "user0003", "nobody-at-all"] {
        let mut browser = Browser::at(&appliance);
        let page = browser.sign_in(name, "wrong").await;
        assert_eq!(page.status, 403);
        let text = page.text().replace(name, "NAME");
        let (before, after) = text.split_once("give this number: ").unwrap();
        pages.push(format!("{before}{}", after.split_once(' ').unwrap().1));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "r19: {pages:#?}");
}

#[tokio::test]
async fn names_with_markup_and_from_right_to_left_stay_text() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    for name in ["<script>alert(1)</script>", "\"><img src=x>", "\u{202e}ליאת 🙂", "a\r\nSet-Cookie: x=y"] {
        let page = browser.sign_in(name, "wrong").await;
        assert_eq!(page.status, 403, "{name}");
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img"), "r47: {}", page.body);
        assert!(!page.headers.iter().any(|(_, value)| value.contains("x=y")));
    }
}

#[tokio::test]
async fn a_form_from_before_the_sign_in_is_stale_after_it() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let old = browser.get("/sign-in").await;
    signed_in(&appliance, &mut browser, ANNA).await;
    let page = browser.submit(&old, "/sign-out", &[]).await;
    assert!(page.status == 403 && page.says("open for too long"), "{}", page.text());
    assert_eq!(browser.get("/home").await.path, "/home", "and nothing was lost");
}

#[tokio::test]
async fn a_directory_that_is_down_is_said_so_and_sessions_stay() {
    let mut slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    signed_in(&appliance, &mut browser, ANNA).await;
    slapd.kill();
    let mut other = Browser::at(&appliance);
    let page = other.sign_in(BERND, &password(BERND)).await;
    assert!(
        page.status == 503 && page.says("nothing counts against you") && page.says("give this number"),
        "{}",
        page.text()
    );
    assert_eq!(browser.get("/home").await.path, "/home");
}

#[tokio::test]
async fn r50_a_forwarded_address_is_believed_from_trusted_proxies_alone() {
    let slapd = openldap();
    for (trusted, source) in [("[]", "127.0.0.1"), ("[\"127.0.0.1\", \"10.0.0.0/8\"]", "198.51.100.9")] {
        let appliance = Appliance::before(&slapd)
            .client(netscaler())
            .user(ANNA)
            .with(totp())
            .set("web.trusted_proxies", trusted)
            .await;
        let mut browser = Browser::at(&appliance);
        browser.headers.push(("X-Forwarded-For".into(), "203.0.113.1, 198.51.100.9, 10.1.2.3".into()));
        browser.sign_in(ANNA, "wrong").await;
        let events = appliance.events("sign-in").await;
        assert_eq!(events[0]["source"].as_str(), Some(source));
    }
}

#[tokio::test]
async fn a_recovery_code_is_a_way_too() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(netscaler()).user(ANNA).with(totp()).with(recovery_code()).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in(ANNA, &password(ANNA)).await;
    let page = browser.submit(&page, "/sign-in/next", &[("pick", "recovery-code")]).await;
    assert!(page.says("Enter a recovery code"), "{}", page.text());
    let home = browser.answer(&page, super::support::people::RECOVERY_CODE).await;
    assert_eq!(home.path, "/home");
}
