//! People help themselves in the portal: history, "This wasn't me", sessions, a bypass, language, phone numbers.

use vestibule::domain::audit::Event;
use vestibule::domain::ids::{ClientId, SignInId};
use vestibule::domain::people_file::row::Purpose;
use vestibule::domain::phone::Phone;
use vestibule::domain::portal::table::Overrides;
use vestibule::wire::frame::op;

use super::support::appliance::Appliance;
use super::support::browser::{Browser, Page};
use super::support::ldap::Ldap;
use super::support::people::{RECOVERY_CODE, app, hotp, recovery_code, tester};
use super::{answer, openldap};

/// Sets switches for everybody.
pub async fn set(appliance: &Appliance, switches: &[(&str, &str)]) {
    let switches = Overrides::read(switches.iter().copied()).unwrap();
    appliance.store().change_portal_rule(None, &switches, &[], &tester()).await.unwrap().unwrap();
}

/// A browser in which the first user is signed in, by a code.
pub async fn signed_in(appliance: &Appliance) -> Browser {
    let mut browser = Browser::at(appliance);
    let page = with_code(appliance, &mut browser).await;
    assert_eq!((page.status, page.path.as_str()), (200, "/home"), "{}", page.text());
    browser
}

/// Signs the first user in; the page that is come to.
pub async fn with_code(appliance: &Appliance, browser: &mut Browser) -> Page {
    let user = appliance.person("user0001");
    let page = browser.sign_in("user0001", &user.password).await;
    browser.answer(&page, &user.hotp()).await
}

#[tokio::test]
async fn a_person_sees_what_happened_by_whom_and_from_where_the_newest_first() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    Browser::at(&appliance).sign_in("user0001", "wrong").await;
    let mut browser = signed_in(&appliance).await;
    let page = browser.get("/security/history").await;
    let text = page.text();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is missing: {text}"));
    assert!(at("Signed in code from a token") < at("Sign-in refused wrong password"), "{text}");
    assert!(at("Sign-in refused") < at("A way to sign in was added"), "{text}");
    assert!(text.contains("This portal The same address as now (127.0.0.1) This wasn’t me"), "{text}");

    let many = (0..60).map(|_| Event::UserUnlocked {
        user: appliance.person("user0001").listed.id,
        name: "user0001".into(),
        by: "command line (user root uid 0)".into(),
    });
    appliance.store().note(many.collect()).await.unwrap();
    let newest = browser.get("/security/history").await;
    assert_eq!(newest.text().matches("The account was opened again by an administrator").count(), 50);
    assert!(!newest.body.contains("root"), "what administrators are called is not told");
    let older = newest.after("/security/history?before=").unwrap().to_owned();
    let older = browser.get(&format!("/security/history?before={older}")).await;
    assert_eq!(older.text().matches("The account was opened again").count(), 10);
    assert!(older.says("Sign-in refused") && older.says("Back to the newest") && !older.body.contains("?before="));
    let odd = browser.get("/security/history?before=%27%3B--").await;
    assert_eq!(odd.text(), newest.text(), "what is no place is the beginning");
}

#[tokio::test]
async fn r47_a_hostile_name_in_the_history_or_of_a_browser_is_text_and_nothing_else() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let hostile = "<script>alert(1)</script>\u{202e}gnp\u{1b}[31m\n\"'>😀 ليأت";
    let event = Event::SignIn {
        sign_in: SignInId(uuid::Uuid::nil()),
        door: "ldap",
        client: ClientId(uuid::Uuid::nil()),
        client_name: hostile.into(),
        user: Some(appliance.person("user0001").listed.id),
        name: hostile.into(),
        source: hostile.into(),
        whereabouts: Some(hostile.into()),
        outcome: "denied",
        reason: "wrong-code",
        challenge: None,
    };
    let unlocked =
        Event::UserUnlocked { user: appliance.person("user0001").listed.id, name: hostile.into(), by: hostile.into() };
    appliance.store().note(vec![event, unlocked]).await.unwrap();
    let mut browser = Browser::at(&appliance);
    browser.headers.push(("User-Agent".into(), "<img src=x onerror=alert(1)>".into()));
    with_code(&appliance, &mut browser).await;
    set(&appliance, &[("bypass", "on")]).await;
    let form = browser.get("/security/bypass").await;
    let too_long = format!("<script>{}", "\u{202e}".repeat(300));
    let refused = browser.submit(&form, "/security/bypass", &[("reason", &too_long)]).await;
    assert_eq!(refused.status, 422);
    for page in [browser.get("/security/history").await, browser.get("/security/sessions").await, refused] {
        for bad in ["<script>a", "<script>\u{202e}", "<img", "\u{1b}"] {
            assert!(!page.body.contains(bad), "{bad:?} in {}", page.body);
        }
        assert!(!page.path.ends_with("history") || !page.body.contains('\u{202e}'), "{}", page.body);
    }
    let history = browser.get("/security/history").await;
    assert!(history.says("😀") && history.says("ليأت"), "{}", history.text());
    assert!(history.body.contains("&#60;script&#62;") && history.says("\\u{202e}gnp"), "it is told all the same");
    assert!(browser.get("/security/sessions").await.body.contains("&#60;img src=x"));
}

#[tokio::test]
async fn this_was_not_me_refuses_what_waits_blocks_ends_every_session_and_alerts() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(app()).await;
    let user = appliance.person("user0001");
    let mut elsewhere = by_code(&appliance).await;
    let mut browser = by_code(&appliance).await;
    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let bind = gateway.send_bind(&user.dn, &user.password).await;
    appliance.prompt().await;

    let history = browser.get("/security/history").await;
    assert!(history.says("Asked on your phone"), "{}", history.text());
    let path = format!("/security/not-me{}", history.after("href=\"/security/not-me").unwrap());
    let page = browser.get(&path).await;
    assert!(
        page.says("Your account is blocked: nobody signs in with it") || page.says("is blocked"),
        "{}",
        page.text()
    );
    assert_eq!(appliance.events("fraud-reported").await.len(), 0, "looking changes nothing");
    let sign_in = page.after("name=\"sign-in\" value=\"").unwrap().to_owned();
    let blocked = browser.submit(&page, "/security/not-me", &[("sign-in", &sign_in)]).await;
    assert!(blocked.says("call your help desk"), "{}", blocked.text());

    assert_eq!(gateway.answer_to(bind, op::BIND_RESPONSE).await, answer(49), "the prompt is refused");
    for browser in [&mut browser, &mut elsewhere] {
        assert_eq!(browser.get("/home").await.path, "/sign-in?next=/home", "every session is over");
    }
    let code = user.hotp();
    assert_eq!(Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.with(&code)).await, answer(49));
    let report = appliance.events("fraud-reported").await.remove(0);
    assert_eq!((&report["refused"], &report["sessions"]), (&1.into(), &2.into()), "{report}");
    assert_eq!(report["by"], "themselves, in the portal from 127.0.0.1");
    appliance.log().await_line(&["fraud reported", "user0001"]).await;
    assert!(appliance.metric("vestibule_fraud_reports_total").await > 0.0);

    appliance.store().unlock(&user.listed, &tester()).await.unwrap();
    by_code(&appliance).await;
}

/// Signs in by a code although there is a phone to be asked first.
async fn by_code(appliance: &Appliance) -> Browser {
    let user = appliance.person("user0001");
    let mut browser = Browser::at(appliance);
    let mut page = browser.sign_in("user0001", &user.password).await;
    if !page.body.contains("name=\"answer\"") {
        page = browser.submit(&page, "/sign-in/next", &[("pick", "hotp")]).await;
    }
    let page = browser.answer(&page, &user.hotp()).await;
    assert_eq!(page.path, "/home", "{}", page.text());
    browser
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_or_all_others_and_only_ones_own() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    let other = appliance.person("user0002");
    let mut stranger = Browser::at(&appliance);
    let page = stranger.sign_in("user0002", &other.password).await;
    assert_eq!(stranger.answer(&page, &other.hotp()).await.path, "/home");
    let (mut first, mut second) = (signed_in(&appliance).await, signed_in(&appliance).await);
    let page = second.get("/security/sessions").await;
    assert!(page.says("This browser") && page.text().matches("End this one").count() == 1, "{}", page.text());
    let id = page.after("name=\"id\" value=\"").unwrap().to_owned();

    let theirs = stranger.get("/security/sessions").await;
    stranger.submit(&theirs, "/security/sessions/end", &[("id", &id)]).await;
    assert_eq!(first.get("/home").await.path, "/home", "somebody else's word is none");

    assert!(second.submit(&page, "/security/sessions/end", &[("id", &id)]).await.says("That browser is signed out"));
    assert_eq!(first.get("/home").await.path, "/sign-in?next=/home");
    first = signed_in(&appliance).await;
    let page = second.get("/security/sessions").await;
    let page = second.submit(&page, "/security/sessions/end-others", &[]).await;
    assert!(page.says("All other browsers are signed out") && !page.says("End all others"), "{}", page.text());
    assert_eq!(first.get("/home").await.path, "/sign-in?next=/home");
    assert_eq!(stranger.get("/home").await.path, "/home");
    assert_eq!(appliance.events("sessions-ended").await.len(), 2);
}

#[tokio::test]
async fn a_bypass_of_ones_own_lets_in_once_has_a_reason_and_can_be_ended() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    let mut browser = signed_in(&appliance).await;
    assert_eq!(browser.get("/security/bypass").await.status, 403, "it is off");
    assert!(!browser.get("/security").await.says("One-time bypass"));
    set(&appliance, &[("bypass", "on"), ("bypass-choose-length", "on")]).await;
    assert!(browser.get("/security").await.says("One-time bypass"));
    let page = browser.get("/security/bypass").await;
    let start = async |browser: &mut Browser, minutes: &str, reason: &str| {
        browser.submit(&page, "/security/bypass", &[("minutes", minutes), ("reason", reason)]).await
    };
    for minutes in ["0", "6", "-1", "many", "99999"] {
        let refused = start(&mut browser, minutes, "phone at home").await;
        assert!(refused.says("between 1 and 5 minutes"), "{minutes}: {}", refused.text());
    }
    assert!(start(&mut browser, "2", " ").await.says("why you need it"));
    assert_eq!(appliance.events("bypass-granted").await.len(), 0);

    let started = start(&mut browser, "2", "phone at home").await;
    assert!(started.says("The bypass has begun") && started.says("waits to be used until"), "{}", started.text());
    assert_eq!(appliance.events("bypass-granted").await[0]["reason"], "phone at home");
    appliance.log().await_line(&["bypass started", "user0001"]).await;
    let bind = async || Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.password).await;
    assert_eq!(bind().await, answer(0));
    assert_eq!(bind().await, answer(49), "once");

    let started = start(&mut browser, "2", "phone at home").await;
    assert!(browser.submit(&started, "/security/bypass/end", &[]).await.says("The bypass is over"));
    assert_eq!(bind().await, answer(49));
}

#[tokio::test]
async fn whoever_came_in_by_a_recovery_code_or_long_ago_starts_no_bypass() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(recovery_code()).await;
    set(&appliance, &[("bypass", "on")]).await;
    let user = appliance.person("user0001");
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in("user0001", &user.password).await;
    let page = browser.answer(&page, RECOVERY_CODE).await;
    assert_eq!(page.path, "/home", "{}", page.text());
    let page = browser.get("/security/bypass").await;
    let refused = browser.submit(&page, "/security/bypass", &[("reason", "again")]).await;
    assert!(refused.says("You came in with a recovery code"), "{}", refused.text());

    let mut browser = signed_in(&appliance).await;
    let old = "update sessions set proven_at = proven_at - interval '11 minutes'";
    sqlx::query(old).execute(appliance.store().pool()).await.unwrap();
    assert_eq!(browser.get("/security/bypass").await.path, "/sign-in/again?next=/security/bypass", "R30");
    assert_eq!(appliance.events("bypass-granted").await.len(), 0);
}

#[tokio::test]
async fn r30_the_wizard_of_a_first_enrolment_is_no_way_round_a_fresh_proof() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let mut browser = signed_in(&appliance).await;
    let csrf = format!("csrf={}", browser.get("/security").await.csrf());
    let old = "update sessions set proven_at = proven_at - interval '11 minutes'";
    sqlx::query(old).execute(appliance.store().pool()).await.unwrap();
    for path in ["/enrol", "/enrol/choose", "/enrol/passkey", "/enrol/totp", "/enrol/token"] {
        let page = browser.get(path).await;
        // The page of the codes tells how many are left; making new ones needs a fresh proof.
        let tells = page.path == "/enrol/codes" && !page.body.contains("<input type=\"text\"");
        assert!(tells || !page.path.starts_with("/enrol"), "{path} leads to {}: {}", page.path, page.text());
    }
    let sent = browser.post("/enrol/codes", &csrf).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some("/sign-in/again?next=/enrol/codes")));
    // Sent on as whoever has enrolled in another tab is; nothing is added.
    let sent = browser.post("/enrol/passkey", &csrf).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some("/enrol/codes")));
    assert_eq!(appliance.events("enrolled").await.len(), 1, "the token from before");
}

#[tokio::test]
async fn the_language_is_the_persons_then_the_browsers_cookies_then_what_it_asks_for() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let mut browser = Browser::at(&appliance);
    browser.headers.push(("Accept-Language".into(), "nl, en;q=0.5".into()));
    let page = browser.get("/sign-in").await;
    assert!(page.says("Aanmelden"), "{}", page.text());
    let page = browser.submit(&page, "/language", &[("language", "de"), ("next", "/sign-in")]).await;
    assert!(page.path == "/sign-in" && page.says("Benutzername"), "{}", page.text());
    let page = with_code(&appliance, &mut browser).await;
    assert!(page.says("Abmelden"), "{}", page.text());
    let page = browser.get("/security/language").await;
    let page = browser.submit(&page, "/security/language", &[("language", "fr")]).await;
    assert!(page.says("La langue est définie"), "{}", page.text());
    let mut other = signed_in(&appliance).await;
    let page = other.get("/security").await;
    assert!(page.says("Sécurité"), "everywhere: {}", page.text());
    set(&appliance, &[("select-language", "off")]).await;
    assert_eq!(other.get("/security/language").await.status, 403);
    let foreign = other.submit(&page, "/language", &[("language", "es"), ("next", "//evil.test")]).await;
    assert_eq!(foreign.path, "/home", "no page of somebody else");
}

#[tokio::test]
async fn phone_numbers_are_shown_only_as_far_as_their_owner_needs_to_know_them() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let phone = Phone::parse("+49 171 2345678;ext=99", None).unwrap();
    appliance
        .store()
        .set_phone(&appliance.person("user0001").listed, Purpose::Backup, &phone, &tester())
        .await
        .unwrap();
    let mut browser = signed_in(&appliance).await;
    let page = browser.get("/security/phones").await;
    assert!(page.says("Backup phone +49 … 78 if the first number does not answer"), "{}", page.text());
    assert!(!page.body.contains("23456"), "{}", page.body);
}
