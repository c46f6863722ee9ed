//! Dialogs over RADIUS: what the person is asked by Access-Challenge, and what each answer leads to.

use data_encoding::BASE32_NOPAD;
use vestibule::ambient::Ambient;
use vestibule::domain::challenge::Reply;
use vestibule::domain::client::radius::RadiusPolicy;
use vestibule::domain::client::{Client, UserMatch};
use vestibule::domain::otp::{self, Parameters};
use vestibule::domain::secret::{Code, Seed};
use vestibule::factors::pin::hash;

use super::openldap;
use super::support::appliance::{Appliance, vpn_with};
use super::support::people::{app, hotp, tester, totp};
use super::support::radius::{
    ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, Answer, Nas, REPLY_MESSAGE, Request, STATE,
};

fn asking() -> Client {
    asking_and(|_| {})
}

/// A client whose gateway shows questions, and no bare approvals.
fn asking_and(change: impl FnOnce(&mut RadiusPolicy)) -> Client {
    let client = vpn_with(|radius| {
        radius.dialogs = true;
        change(radius);
    });
    Client { bare_approval: false, ..client }
}

/// The person in front of a gateway.
struct Screen<'a> {
    nas: &'a Nas,
    name: &'a str,
    shown: Answer,
}

impl<'a> Screen<'a> {
    async fn begin(nas: &'a Nas, name: &'a str, password: &str) -> Self {
        let shown = nas.ask(&Request::pap(name, password)).await;
        Self { nas, name, shown }
    }

    /// What is asked.
    fn text(&self) -> String {
        assert_eq!(self.shown.code, ACCESS_CHALLENGE, "{:?}", self.shown);
        self.shown.text(REPLY_MESSAGE)
    }

    fn request(&self, answer: &str) -> Request {
        Request::pap(self.name, answer).with(STATE, &self.shown.first(STATE).expect("a State comes with a question"))
    }

    async fn answer(&mut self, answer: &str) -> u8 {
        self.shown = self.nas.ask(&self.request(answer)).await;
        self.shown.code
    }
}

#[tokio::test]
async fn a_code_is_asked_for_and_a_wrong_one_ends_the_dialog() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(asking()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.text(), "Enter a code");
    assert_eq!(screen.answer(&user.hotp()).await, ACCESS_ACCEPT);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer(&user.wrong_code()).await, ACCESS_REJECT);
    let mut screen = Screen::begin(&nas, "user0001", "wrong").await;
    assert_eq!(screen.shown.code, ACCESS_REJECT, "nothing is asked for a wrong password");
    screen = Screen::begin(&nas, "user0001", &user.with(&user.hotp())).await;
    assert_eq!(screen.shown.code, ACCESS_ACCEPT, "a code behind the password needs no question");
    assert_eq!(appliance.recorded().await, ["hotp", "wrong-code", "wrong-password", "hotp"]);
}

#[tokio::test]
async fn who_has_a_phone_and_a_token_chooses_and_a_number_is_matched() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(asking()).user("user0001").with(app()).with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert!(screen.text().contains("1 to approve on your phone"), "{}", screen.text());
    assert_eq!(screen.answer(&user.hotp()).await, ACCESS_ACCEPT, "a code at once");

    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer("2").await, ACCESS_CHALLENGE);
    assert_eq!(screen.text(), "Enter a code");
    assert_eq!(screen.answer(&user.hotp()).await, ACCESS_ACCEPT);

    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer("1").await, ACCESS_CHALLENGE);
    let number: u8 = screen.text().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let prompt = appliance.prompt().await;
    assert!(prompt.needs_number);
    let sent = nas.send(&screen.request("")).await;
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    assert_eq!(nas.answer(&sent).await.code, ACCESS_ACCEPT);

    let mut screen = Screen::begin(&nas, "user0001", &format!("{},push", user.password)).await;
    let number: u8 = screen.text().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let prompt = appliance.prompt().await;
    appliance.answer(&prompt, Reply::Approve { number: Some((number + 1) % 100) }).await;
    assert_eq!(screen.answer("").await, ACCESS_REJECT, "the wrong number");
    assert_eq!(appliance.recorded().await, ["hotp", "hotp", "app", "prompt-refused"]);
}

#[tokio::test]
async fn a_wait_for_a_number_that_is_taken_to_another_replica_goes_on_there_with_one_prompt() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(asking()).user("user0001").with(app()).await;
    let replica = appliance.replica().await;
    let (user, nas, other) = (appliance.person("user0001"), appliance.nas().await, replica.nas().await);
    let screen = Screen::begin(&nas, "user0001", &user.password).await;
    let number: u8 = screen.text().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let first = nas.send(&screen.request("")).await;
    let second = other.send(&screen.request("")).await;
    let prompt = appliance.prompt().await;
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    let codes = [nas.answer(&first).await.code, other.answer(&second).await.code];
    assert!(codes.contains(&ACCESS_ACCEPT), "{codes:?}");
    assert_eq!(appliance.events("prompt-sent").await.len(), 1);
}

#[tokio::test]
async fn a_gateway_that_gives_up_early_is_asked_to_come_back_until_the_phone_has_answered() {
    let slapd = openldap();
    let client = Client { answer_by: std::time::Duration::from_secs(2), ..asking() };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    let text = screen.text();
    assert_eq!(screen.answer("").await, ACCESS_CHALLENGE, "nobody has answered within the client's time");
    assert_eq!(screen.text(), text, "the same number");
    let number: u8 = text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let prompt = appliance.prompt().await;
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    assert_eq!(screen.answer("").await, ACCESS_ACCEPT);
    assert_eq!(appliance.events("prompt-sent").await.len(), 1);
}

#[tokio::test]
async fn a_token_that_has_drifted_away_is_found_again_by_its_next_code() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(asking()).user("user0001").with(totp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer(&user.totp_at(14)).await, ACCESS_CHALLENGE);
    assert!(screen.text().contains("next code"), "{}", screen.text());
    assert_eq!(screen.answer(&user.totp_at(15)).await, ACCESS_ACCEPT);
    assert_eq!(appliance.failures("user0001").await, 0);

    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer(&user.totp_at(16)).await, ACCESS_ACCEPT, "it is remembered where the token stands");
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer(&user.totp_at(19)).await, ACCESS_CHALLENGE);
    assert_eq!(screen.answer(&user.totp_at(24)).await, ACCESS_REJECT, "not the neighbour");
    assert_eq!(appliance.recorded().await, ["wrong-code", "totp", "totp", "wrong-code", "wrong-code"]);
}

#[tokio::test]
async fn a_first_token_is_enrolled_where_the_client_allows_it_and_only_the_first() {
    let slapd = openldap();
    let client = Client { user_match: UserMatch::MustEnrol, ..asking_and(|radius| radius.enrol = true) };
    let appliance = Appliance::before(&slapd).client(client).user("user0001").await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let key = |text: &str| {
        let key = text.split_once("app: ").unwrap().1.split_once(" - ").unwrap().0.replace(' ', "");
        Seed::new(BASE32_NOPAD.decode(key.as_bytes()).unwrap())
    };
    let code = |seed: &Seed| {
        let parameters = Parameters::default();
        let step = otp::totp_step(Ambient::system().now().as_second(), parameters.period);
        String::from_utf8(otp::Token { seed, parameters }.code(step).expose().to_vec()).unwrap()
    };
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    let mut other = Screen::begin(&nas, "user0001", &user.password).await;
    let seed = key(&screen.text());
    assert_eq!(screen.answer("not a code").await, ACCESS_CHALLENGE);
    assert!(screen.text().starts_with("That code is not right."), "{}", screen.text());
    assert!(key(&screen.text()).same_as(seed.expose()), "the key stays the same");
    assert_eq!(screen.answer(&code(&seed)).await, ACCESS_ACCEPT);
    let second = key(&other.text());
    assert_ne!(other.answer(&code(&second)).await, ACCESS_ACCEPT, "somebody was first");

    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.text(), "Enter a code");
    assert_eq!(screen.answer(&code(&seed)).await, ACCESS_REJECT, "the code of the enrolment is used up");
    let events = appliance.events("enrolled").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["by"], "dialog at vpn");
}

async fn set_pin(appliance: &Appliance, name: &str, pin: &str) {
    let pin = hash(&Code::new(pin.as_bytes()), [7; 16]);
    appliance.store().set_pin(&appliance.person(name).listed, &pin, false, &tester()).await.unwrap();
}

#[tokio::test]
async fn a_pin_is_asked_for_before_the_second_factor_of_whoever_has_one() {
    let slapd = openldap();
    let client = asking_and(|radius| radius.pin = true);
    let appliance =
        Appliance::before(&slapd).client(client).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    set_pin(&appliance, "user0001", "2580").await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.text(), "Enter your PIN");
    assert_eq!(screen.answer("2580").await, ACCESS_CHALLENGE);
    assert_eq!(screen.text(), "Enter a code");
    assert_eq!(screen.answer(&user.hotp()).await, ACCESS_ACCEPT);

    let mut screen = Screen::begin(&nas, "user0001", &user.with(&user.hotp())).await;
    assert_eq!(screen.text(), "Enter your PIN");
    assert_eq!(screen.answer("2580").await, ACCESS_ACCEPT, "the code behind the password was kept for after it");

    let code = user.hotp();
    let mut screen = Screen::begin(&nas, "user0001", &user.with(&code)).await;
    assert_eq!(screen.answer("2581").await, ACCESS_REJECT);
    assert_eq!(appliance.failures("user0001").await, 1);
    let mut screen = Screen::begin(&nas, "user0001", &user.with(&code)).await;
    assert_eq!(screen.answer("2580").await, ACCESS_ACCEPT, "a wrong PIN has not used the code up");
    let screen = Screen::begin(&nas, "user0001", "wrong").await;
    assert_eq!(screen.shown.code, ACCESS_REJECT, "nothing is asked for a wrong password");

    let screen = Screen::begin(&nas, "user0002", &appliance.person("user0002").password).await;
    assert_eq!(screen.text(), "Enter a code", "who has none is asked for none");

    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    screen.answer("2580").await;
    set_pin(&appliance, "user0001", "9041").await;
    assert_eq!(screen.answer(&user.hotp()).await, ACCESS_REJECT, "it was replaced before the code came");
    assert_eq!(appliance.recorded().await, ["hotp", "hotp", "wrong-pin", "hotp", "wrong-password", "wrong-pin"]);
}

#[tokio::test]
async fn a_wrong_pin_rings_no_phone_and_a_right_one_is_asked_for_once() {
    let slapd = openldap();
    let client = asking_and(|radius| radius.pin = true);
    let appliance = Appliance::before(&slapd).client(client).user("user0001").with(app()).await;
    set_pin(&appliance, "user0001", "2580").await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let mut screen = Screen::begin(&nas, "user0001", &format!("{},push", user.password)).await;
    assert_eq!(screen.answer("1111").await, ACCESS_REJECT);
    assert!(appliance.events("prompt-sent").await.is_empty());
    let mut screen = Screen::begin(&nas, "user0001", &user.password).await;
    assert_eq!(screen.answer("2580").await, ACCESS_CHALLENGE);
    let number: u8 = screen.text().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    let prompt = appliance.prompt().await;
    appliance.answer(&prompt, Reply::Approve { number: Some(number) }).await;
    assert_eq!(screen.answer("").await, ACCESS_ACCEPT);
}

#[tokio::test]
async fn nothing_typed_in_a_dialog_is_in_the_database() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).client(asking()).user("user0001").with(hotp()).await;
    let (user, nas) = (appliance.person("user0001"), appliance.nas().await);
    let screen = Screen::begin(&nas, "user0001", &user.password).await;
    let kept: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("select id, sealed from dialogs").fetch_all(appliance.store().pool()).await.unwrap();
    let state = screen.shown.first(STATE).unwrap();
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    assert_eq!(kept.len(), 1);
    for (id, sealed) in &kept {
        assert!(!holds(id, &state) && !holds(sealed, &state), "the State that opens it is kept nowhere");
        assert!(!holds(sealed, user.password.as_bytes()));
    }
}
