//! Portal switches, each where it takes effect.

use vestibule::domain::portal::table::{Overrides, SWITCHES};
use vestibule::domain::radius::template::GroupName;

use super::openldap;
use super::self_help::{set, signed_in, with_code};
use super::support::appliance::Appliance;
use super::support::browser::Browser;
use super::support::people::{app, hotp, tester, totp};

#[tokio::test]
async fn with_sign_in_off_nobody_comes_in_whatever_is_proven() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").await;
    set(&appliance, &[("sign-in", "off")]).await;
    let mut browser = Browser::at(&appliance);
    let page = with_code(&appliance, &mut browser).await;
    assert!(page.status == 403 && page.says("This is switched off"), "{}", page.text());
    assert!(browser.get("/home").await.path.starts_with("/sign-in"));
    let mut fresh = Browser::at(&appliance);
    let page = fresh.sign_in("user0002", &appliance.person("user0002").password).await;
    assert_eq!(page.status, 403, "nor to enrol: {}", page.text());
    let sessions: i64 =
        sqlx::query_scalar("select count(*) from sessions").fetch_one(appliance.store().pool()).await.unwrap();
    assert_eq!(sessions, 0);
}

#[tokio::test]
async fn the_first_enrolment_by_password_is_a_switch_and_only_for_those_it_is_on_for() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0002").await;
    let user = appliance.person("user0002");
    for (value, opens) in [("link", false), ("off", false), ("password", true)] {
        set(&appliance, &[("first-enrolment", value)]).await;
        let mut browser = Browser::at(&appliance);
        let page = browser.get("/sign-in").await;
        let form = [("name", "user0002"), ("password", user.password.as_str())];
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("csrf", page.csrf()).extend_pairs(form);
        let page = browser.post("/sign-in", &body.finish()).await;
        assert_eq!(
            (page.header("location") == Some("/enrol"), page.status),
            (opens, if opens { 303 } else { 403 }),
            "{value}"
        );
    }
    assert!(appliance.recorded().await.starts_with(&["must-enrol".to_owned(), "must-enrol".to_owned()]));
}

#[tokio::test]
async fn from_a_trusted_network_the_password_is_enough_to_look_and_not_to_change() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let user = appliance.person("user0001");
    set(&appliance, &[("trusted-networks", "10.0.0.0/8"), ("bypass", "on")]).await;
    let mut browser = Browser::at(&appliance);
    assert_ne!(browser.sign_in("user0001", &user.password).await.path, "/home", "not from here");
    set(&appliance, &[("trusted-networks", "127.0.0.0/8")]).await;
    let mut browser = Browser::at(&appliance);
    assert_eq!(browser.sign_in("user0001", &user.password).await.path, "/home");
    assert_eq!(appliance.recorded().await.last().unwrap(), "trusted-network");
    assert_eq!(browser.get("/security/bypass").await.path, "/sign-in/again?next=/security/bypass", "R30");
    let page = browser.get("/sign-in/again").await;
    let page = browser.submit(&page, "/sign-in", &[("name", "user0001"), ("password", &user.password)]).await;
    assert_eq!(page.path, "/sign-in/next", "a factor is asked for now: {}", page.text());
    browser.answer(&page, &user.hotp()).await;
    assert_eq!(browser.get("/security/bypass").await.path, "/security/bypass");
}

#[tokio::test]
async fn without_fall_back_a_code_does_not_stand_in_for_the_phone() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(app()).with(hotp()).await;
    let user = appliance.person("user0001");
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in("user0001", &user.password).await;
    assert!(page.body.contains("value=\"hotp\"") || page.body.contains("name=\"answer\""), "{}", page.body);
    // The phone is asked for one browser at a time; picking another way lets go of it.
    browser.submit(&page, "/sign-in/next", &[("pick", "hotp")]).await;
    set(&appliance, &[("code-fall-back", "off")]).await;
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in("user0001", &user.password).await;
    assert!(!page.body.contains("value=\"hotp\"") && page.says("Confirm on your phone"), "{}", page.text());
    let picked = browser.submit(&page, "/sign-in/next", &[("pick", "hotp")]).await;
    let page =
        if picked.body.contains("name=\"answer\"") { browser.answer(&picked, &user.hotp()).await } else { picked };
    assert_ne!(page.path, "/home", "{}", page.text());
}

#[tokio::test]
async fn only_what_is_allowed_can_be_added_and_chosen_first() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(totp()).await;
    let mut browser = signed_in(&appliance).await;
    assert!(browser.get("/authenticators/add").await.says("Authenticator app"));
    let page = browser.get("/authenticators").await;
    assert!(page.says("Asked first"), "{}", page.text());
    set(&appliance, &[("kinds", "hardware-token"), ("select-method", "off")]).await;
    let add = browser.get("/authenticators/add").await;
    assert!(!add.says("Authenticator app") && add.says("Hardware token"), "{}", add.text());
    for path in ["/authenticators/totp", "/authenticators/app", "/passkeys/add"] {
        assert_eq!(browser.get(path).await.status, 403, "{path}");
    }
    assert_eq!(browser.submit(&page, "/authenticators/totp", &[("label", "x")]).await.status, 403);
    assert!(!browser.get("/authenticators").await.says("Asked first"));
    assert_eq!(browser.submit(&page, "/authenticators/preferred", &[("factor", "totp")]).await.status, 403);
}

#[tokio::test]
async fn a_first_enrolment_goes_on_to_a_second_way_where_that_is_wished() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let mut browser = signed_in(&appliance).await;
    assert!(browser.get("/enrol/done").await.says("Add a second way now"));
    set(&appliance, &[("second-way", "off")]).await;
    assert!(!browser.get("/enrol/done").await.says("Add a second way now"));
}

#[tokio::test]
async fn sessions_last_as_long_as_the_switches_say_for_the_groups_of_the_person() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let rule = Overrides::read([("session-idle", "1"), ("session-longest", "2")]).unwrap();
    let nobody = GroupName::parse("nobody").unwrap();
    appliance.store().change_portal_rule(Some(&nobody), &rule, &[], &tester()).await.unwrap();
    let lasts = async |_: &Browser| -> (i32, i32) {
        let newest = "select idle_seconds, extract(epoch from expires_at - created_at)::integer
                      from sessions order by created_at desc limit 1";
        sqlx::query_as(newest).fetch_one(appliance.store().pool()).await.unwrap()
    };
    assert_eq!(lasts(&signed_in(&appliance).await).await, (1800, 43_200), "another group's rule");
    set(&appliance, &[("session-idle", "5"), ("session-longest", "60")]).await;
    let mut browser = signed_in(&appliance).await;
    assert_eq!(lasts(&browser).await, (300, 3600));
    for (old, open) in [("4 minutes", true), ("6 minutes", false)] {
        let moved = format!("update sessions set seen_at = now() - interval '{old}'");
        sqlx::query(sqlx::AssertSqlSafe(moved)).execute(appliance.store().pool()).await.unwrap();
        let path = browser.get("/home").await.path;
        assert_eq!(path == "/home", open, "{old}: {path}");
    }
}

#[test]
fn every_switch_stands_in_the_documentation_with_its_values_and_what_is_built_in() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/portal.md")).unwrap();
    let built_in = vestibule::domain::portal::Switches::default();
    for switch in &SWITCHES {
        let row =
            format!("| `{}` | `{}` | {} | {} |", switch.name, switch.value(&built_in), switch.values, switch.about);
        assert!(page.contains(&row), "docs/portal.md lacks the row\n{row}");
    }
}
