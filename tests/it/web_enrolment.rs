//! The wizard of a first enrolment and the pages of one's own authenticators, as a browser without scripts sees them.

use vestibule::ambient::Ambient;
use vestibule::domain::otp::{self, Parameters, seed_from_base32, totp_step};
use vestibule::domain::secret::Seed;

use super::openldap;
use super::support::appliance::{Appliance, netscaler};
use super::support::browser::{Browser, Page};
use super::support::ldap::Ldap;
use super::support::people::totp;
use super::support::slapd::Slapd;

const ANNA: &str = "user0001";
const BERND: &str = "user0002";

/// Anna has nothing yet, Bernd a TOTP token.
async fn portal(slapd: &Slapd) -> Appliance {
    Appliance::before(slapd).client(netscaler()).user(ANNA).user(BERND).with(totp()).await
}

fn password(name: &str) -> String {
    Slapd::password_of(name)
}

/// The key on a page, as a person types it into an app.
fn seed(page: &Page) -> Seed {
    let key = page.body.split_once("id=\"key\" dir=\"ltr\">").unwrap_or_else(|| panic!("no key: {}", page.text())).1;
    seed_from_base32(key.split('<').next().unwrap()).unwrap()
}

/// What an app with this key shows so many steps from now.
fn code(seed: &Seed, steps: i64) -> String {
    let now = totp_step(Ambient::system().now().as_second(), Parameters::default().period);
    let code = otp::Token { seed, parameters: Parameters::default() }.code(now.checked_add_signed(steps).unwrap());
    String::from_utf8(code.expose().to_vec()).unwrap()
}

/// Something that no app near now shows.
fn wrong(seed: &Seed) -> String {
    let near: Vec<String> = (-5..=5).map(|steps| code(seed, steps)).collect();
    (0..1_000_000).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
}

fn id(page: &Page) -> String {
    page.after("name=\"id\" value=\"").unwrap().to_owned()
}

async fn begun(browser: &mut Browser, name: &str) -> Page {
    let page = browser.sign_in(name, &password(name)).await;
    assert!(page.path == "/enrol" && page.says("Protect your account"), "{} {}", page.path, page.text());
    let page = browser.get("/enrol/choose").await;
    assert!(page.says("Authenticator app") && page.says("Hardware token"), "{}", page.text());
    let page = browser.get("/enrol/totp").await;
    browser.submit(&page, "/enrol/totp", &[("label", "my <b>phone</b> 📱")]).await
}

async fn signed_in(appliance: &Appliance, browser: &mut Browser, name: &str) -> Page {
    let page = browser.sign_in(name, &password(name)).await;
    browser.answer(&page, &appliance.person(name).totp()).await
}

#[tokio::test]
async fn a_newcomer_is_led_from_the_password_to_a_protected_account() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let page = begun(&mut browser, ANNA).await;
    assert!(page.body.contains("<svg viewBox") && !page.body.contains("style="), "{}", page.body);
    assert!(page.body.contains("href=\"otpauth://totp/Vestibule:user0001%23"), "{}", page.body);
    assert!(
        page.says("3. Add and try") && page.body.contains("&#60;b&#62;phone") || page.body.contains("&lt;b&gt;phone")
    );
    let key = seed(&page);

    let wizard = browser.cookies.clone();
    let page = browser.get("/home").await;
    assert_eq!(page.path, "/enrol", "nothing else is open yet");
    let page = browser.get("/enrol").await;
    assert!(page.says("You have begun already"), "nothing is lost with a tab that was closed");
    let page = browser.get("/enrol/totp").await;
    assert!(seed(&page).same_as(key.expose()));
    let page = browser.submit(&page, "/enrol/totp/prove", &[("id", &id(&page)), ("code", &wrong(&key))]).await;
    assert!(page.status == 403 && page.says("That is not the code the app should show"), "{}", page.text());
    let page = browser.submit(&page, "/enrol/totp/prove", &[("id", &id(&page)), ("code", &code(&key, 0))]).await;
    assert!(page.path == "/enrol/codes" && page.says("Recovery codes"), "{} {}", page.path, page.text());
    assert_ne!(browser.cookies["__Host-session"], wizard["__Host-session"], "another token (R48)");

    let page = browser.submit(&page, "/enrol/codes", &[]).await;
    let shown: Vec<&str> = page.body.split("<li>").skip(1).filter_map(|item| item.split("</li>").next()).collect();
    let shown: Vec<&str> = shown.into_iter().filter(|item| item.len() == 19 && item.contains('-')).collect();
    assert_eq!(shown.len(), 10, "{}", page.text());
    let file = browser.submit(&page, "/authenticators/codes/file", &[("codes", &shown.join(" "))]).await;
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"recovery-codes.txt\""));
    assert!(file.header("content-type").unwrap().starts_with("text/plain") && file.body.contains(shown[9]));
    let again = browser.get("/enrol/codes").await;
    assert!(!again.body.contains(shown[0]) && again.says("10 recovery codes"), "shown once: {}", again.text());
    let page = browser.get("/enrol/done").await;
    assert!(page.says("Add a second way"), "{}", page.text());

    let mut gateway = Ldap::connect(appliance.ldap_addr).await;
    let dn = slapd.dn_of(ANNA);
    let with = |code: &str| format!("{},{code}", password(ANNA));
    assert_eq!(gateway.bind(&dn, &with(&code(&key, 0))).await.0, 49, "r20: the code of the enrolment is used up");
    assert_eq!(gateway.bind(&dn, &with(&code(&key, 1))).await.0, 0, "the next one opens");
    assert_eq!(gateway.bind(&dn, &with(&shown[0].replace('-', ""))).await.0, 0, "and so does a recovery code");
}

#[tokio::test]
async fn r29_whoever_else_knows_the_password_neither_sees_the_key_nor_comes_away_enrolled() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let (mut anna, mut thief) = (Browser::at(&appliance), Browser::at(&appliance));
    let mine = begun(&mut anna, ANNA).await;
    let theirs = begun(&mut thief, ANNA).await;
    let (mine_key, their_key) = (seed(&mine), seed(&theirs));
    assert!(!mine_key.same_as(their_key.expose()));
    let page = anna.submit(&mine, "/enrol/totp/prove", &[("id", &id(&mine)), ("code", &code(&mine_key, 0))]).await;
    assert_eq!(page.path, "/enrol/codes");
    let page =
        thief.submit(&theirs, "/enrol/totp/prove", &[("id", &id(&theirs)), ("code", &code(&their_key, 0))]).await;
    assert!(page.status == 403 || page.path.starts_with("/sign-in"), "{} {}", page.path, page.text());
    let page = thief.get("/enrol/totp").await;
    assert!(page.path.starts_with("/sign-in"), "the session of the wizard is over");
    let page = anna.get("/authenticators").await;
    assert_eq!(page.body.matches("class=\"card\"").count(), 1, "{}", page.text());
}

#[tokio::test]
async fn r30_a_session_alone_changes_nothing_once_its_proof_is_old() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    signed_in(&appliance, &mut browser, BERND).await;
    let list = browser.get("/authenticators").await;
    let one = list.after("href=\"/authenticators/one/").unwrap().to_owned();
    sqlx::query("update sessions set proven_at = proven_at - interval '11 minutes'")
        .execute(appliance.store().pool())
        .await
        .unwrap();
    assert_eq!(browser.get("/authenticators").await.path, "/authenticators", "looking is not changing");
    for path in ["/authenticators/add", "/authenticators/totp", "/authenticators/token", "/authenticators/codes"] {
        assert!(browser.get(path).await.path.starts_with("/sign-in/again"), "{path}");
    }
    for path in ["rename", "test", "resync", "remove"] {
        let path = format!("/authenticators/one/{one}/{path}");
        let page = browser.submit(&list, &path, &[("label", "stolen"), ("last", "yes")]).await;
        assert!(page.path.starts_with("/sign-in/again"), "{path}: {}", page.path);
    }
    let page = browser.submit(&list, "/authenticators/totp", &[]).await;
    assert!(page.path.starts_with("/sign-in/again"));
    let page = browser.submit(&list, "/enrol/totp", &[]).await;
    assert!(page.path.starts_with("/sign-in/again"), "nor by way of the wizard: {}", page.path);
    let page = browser.submit(&list, "/enrol/token", &[]).await;
    assert!(page.path.starts_with("/sign-in/again"), "{}", page.path);
    assert!(browser.get("/authenticators").await.text().contains("Codes by time"));
}

#[tokio::test]
async fn an_authenticator_is_added_named_tried_out_and_removed_but_the_last_only_when_that_is_said() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    signed_in(&appliance, &mut browser, BERND).await;
    let page = browser.get("/authenticators/totp").await;
    let page = browser.submit(&page, "/authenticators/totp", &[("label", "second")]).await;
    let key = seed(&page);
    let page =
        browser.submit(&page, "/authenticators/totp/prove", &[("id", &id(&page)), ("code", &code(&key, 0))]).await;
    assert!(page.says("It is added") && page.says("second"), "{}", page.text());

    let one = page.body.rsplit_once("href=\"/authenticators/one/").unwrap().1.split('"').next().unwrap().to_owned();
    let at = |what: &str| format!("/authenticators/one/{one}{what}");
    let page = browser.get(&at("")).await;
    let page = browser.submit(&page, &at("/rename"), &[("label", "")]).await;
    assert!(page.status == 403 && page.says("Give it a name"), "{}", page.text());
    let page = browser.submit(&page, &at("/rename"), &[("label", "الهاتف")]).await;
    assert!(page.says("new name") && page.says("الهاتف"), "{}", page.text());
    let page = browser.get(&at("")).await;
    let page = browser.submit(&page, &at("/test"), &[("code", &code(&key, 1))]).await;
    assert!(page.says("The code was right"), "{}", page.text());
    let page = browser.get(&at("")).await;
    let page = browser.submit(&page, &at("/test"), &[("code", &code(&key, 1))]).await;
    assert!(page.status == 403 && page.says("has been used before"), "{}", page.text());

    let page = browser.get(&at("/remove")).await;
    assert!(!page.says("the last one"), "{}", page.text());
    let page = browser.submit(&page, &at("/remove"), &[]).await;
    assert!(page.says("It is removed"), "{}", page.text());
    let last = page.after("href=\"/authenticators/one/").unwrap().to_owned();
    let page = browser.get(&format!("/authenticators/one/{last}/remove")).await;
    assert!(page.says("the last one"), "{}", page.text());
    let page = browser.submit(&page, &format!("/authenticators/one/{last}/remove"), &[]).await;
    assert!(page.status == 403 && page.says("Tick the box"), "{}", page.text());
    let page = browser.submit(&page, &format!("/authenticators/one/{last}/remove"), &[("last", "yes")]).await;
    assert!(page.says("You have none"), "{}", page.text());
}

#[tokio::test]
async fn r28_where_a_link_is_wanted_the_password_alone_opens_no_wizard_and_the_link_serves_once() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let run = |args: &[&str]| {
        let output = appliance.command().args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["portal", "set", "first-enrolment=link"]);
    let mut browser = Browser::at(&appliance);
    let page = browser.sign_in(ANNA, &password(ANNA)).await;
    assert!(page.status == 403, "{} {}", page.path, page.text());

    let made: serde_json::Value = serde_json::from_str(&run(&["user", "enrolment-link", ANNA, "--json"])).unwrap();
    let url = made["url"].as_str().unwrap().to_owned();
    let path = url[url.find("/enrol/link/").unwrap()..].to_owned();
    Browser::at(&appliance).get(&path).await;
    let mut other = Browser::at(&appliance);
    other.get(&path).await;
    let page = other.sign_in(BERND, &password(BERND)).await;
    assert!(page.says("Enter a code"), "it invites nobody else: {}", page.text());
    let page = browser.get(&path).await;
    assert!(page.says("You are invited"), "{}", page.text());
    let page = begun(&mut browser, ANNA).await;
    let key = seed(&page);
    let page = browser.submit(&page, "/enrol/totp/prove", &[("id", &id(&page)), ("code", &code(&key, 0))]).await;
    assert_eq!(page.path, "/enrol/codes");
    let page = Browser::at(&appliance).get(&path).await;
    assert!(page.status == 410 && page.says("used already"), "{}", page.text());
    let page = Browser::at(&appliance).get(&format!("{}x", &path[..path.len() - 1])).await;
    assert!(page.status == 410 && page.says("not complete"), "{}", page.text());
}

#[tokio::test]
async fn a_hardware_token_of_the_stock_is_claimed_in_the_wizard() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let file = std::env::temp_dir().join(format!("vestibule-tokens-{}.csv", Ambient::system().id()));
    std::fs::write(&file, "serial,secret,type\nH-1,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,hotp\n").unwrap();
    let imported = appliance.command().args(["token", "import"]).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(imported.status.success(), "{imported:?}");
    let mut browser = Browser::at(&appliance);
    browser.sign_in(ANNA, &password(ANNA)).await;
    let page = browser.get("/enrol/token").await;
    // RFC 4226 appendix D.
    let codes = [("first", "755224"), ("second", "287082")];
    let page = browser.submit(&page, "/enrol/token", &[("serial", "H-2"), codes[0], codes[1]]).await;
    assert!(page.status == 403 && page.says("No free token"), "{}", page.text());
    let page = browser.submit(&page, "/enrol/token", &[("serial", "H-1"), codes[0], codes[1]]).await;
    assert_eq!(page.path, "/enrol/codes", "{}", page.text());
    let page = browser.get("/authenticators").await;
    assert!(page.says("Codes by button, serial number H-1"), "{}", page.text());
}

#[tokio::test]
async fn thirty_wrong_codes_end_in_a_wait_that_the_page_tells() {
    let slapd = openldap();
    let appliance = portal(&slapd).await;
    let mut browser = Browser::at(&appliance);
    let mut page = begun(&mut browser, ANNA).await;
    let key = seed(&page);
    let (id, wrong) = (id(&page), wrong(&key));
    for _ in 0..30 {
        page = browser.submit(&page, "/enrol/totp/prove", &[("id", &id), ("code", &wrong)]).await;
    }
    assert!(page.says("too many wrong codes. In one minute you can try again"), "{}", page.text());
    let page = browser.submit(&page, "/enrol/totp/prove", &[("id", &id), ("code", &code(&key, 0))]).await;
    assert!(page.status == 403 && page.says("too many wrong codes"), "{}", page.text());
}
