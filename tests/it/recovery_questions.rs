//! Security questions: behind the password, to the recovery page and nowhere else (R29).

use vestibule::domain::portal::table::Overrides;

use super::self_help::{set, signed_in};
use super::support::appliance::Appliance;
use super::support::browser::{Browser, Page};
use super::support::ldap::Ldap;
use super::support::people::{hotp, tester, totp};
use super::{answer, openldap};

/// What the first user answers to a question.
fn answer_to(question: &str) -> String {
    format!("Answer to {question}")
}

const CHOSEN: [&str; 4] = ["first-pet", "first-car", "dream-job", "grandmother"];

/// An appliance with questions switched on, and the first user's set up.
async fn with_questions(appliance: &Appliance) {
    set(appliance, &[("questions", "on")]).await;
    let mut browser = signed_in(appliance).await;
    let page = browser.get("/security/questions").await;
    let mut fields = vec![];
    for (number, question) in (1..).zip(CHOSEN) {
        fields.push((format!("question{number}"), question.to_owned()));
        fields.push((format!("answer{number}"), answer_to(question)));
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = browser.submit(&page, "/security/questions", &fields).await;
    assert!(page.says("Your questions are set"), "{}", page.text());
}

/// The questions on a page, by the words they are known by.
fn asked(page: &Page) -> Vec<&'static str> {
    let texts = [
        ("first-pet", "first pet"),
        ("first-car", "first car"),
        ("dream-job", "want to become"),
        ("grandmother", "mother’s mother"),
    ];
    let text = page.text();
    let mut found: Vec<_> = texts.into_iter().filter_map(|(word, part)| text.find(part).map(|at| (at, word))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, word)| word).collect()
}

/// Past the password, at the page that asks for a factor.
async fn past_the_password(appliance: &Appliance) -> Browser {
    let mut browser = Browser::at(appliance);
    let page = browser.sign_in("user0001", &appliance.person("user0001").password).await;
    assert!(page.says("I do not have my device"), "{}", page.text());
    browser
}

async fn give(browser: &mut Browser, page: &Page, answers: &[String]) -> Page {
    let answers: Vec<_> = answers.iter().map(|answer| ("answer", answer.as_str())).collect();
    browser.submit(page, "/help/questions", &answers).await
}

#[tokio::test]
async fn r29_right_answers_behind_the_password_open_the_recovery_page_and_nothing_else() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    with_questions(&appliance).await;
    let mut browser = past_the_password(&appliance).await;
    let page = browser.get("/help").await;
    assert!(page.says("Answer your questions"), "{}", page.text());
    let page = browser.get("/help/questions").await;
    let questions = asked(&page);
    assert_eq!(questions.len(), 2, "{}", page.text());
    let answers: Vec<_> = questions.iter().map(|question| format!("  ANSWER  to {question}")).collect();
    let page = give(&mut browser, &page, &answers).await;
    assert_eq!(page.path, "/recovery", "{}", page.text());
    assert!(page.says("This page opens nothing else") && page.says("user0001"), "{}", page.text());
    for path in ["/home", "/security", "/security/history", "/security/bypass", "/security/questions", "/enrol/choose"]
    {
        assert_eq!(browser.get(path).await.path, "/recovery", "{path}");
    }
    assert_eq!(appliance.failures("user0001").await, 0);
    let user = appliance.person("user0001");
    let bound = Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.password).await;
    assert_eq!(bound, answer(49), "no gateway opens by it");
    let given: Vec<_> = appliance.events("security-questions-answered").await;
    assert_eq!((given.len(), &given[0]["answer"]), (1, &"right".into()));

    set(&appliance, &[("recovery-enrols", "on")]).await;
    assert!(browser.get("/recovery").await.says("Add a new way to sign in"));
    assert_eq!(browser.get("/enrol/choose").await.path, "/enrol/choose");
    assert_eq!(browser.get("/home").await.path, "/recovery", "and still nothing else");
}

#[tokio::test]
async fn r29_what_is_lost_is_removed_on_the_recovery_page_but_for_the_last() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).with(totp()).await;
    with_questions(&appliance).await;
    let mut browser = past_the_password(&appliance).await;
    let page = browser.get("/help/questions").await;
    let right: Vec<_> = asked(&page).into_iter().map(answer_to).collect();
    let page = give(&mut browser, &page, &right).await;
    assert_eq!(page.text().matches("I have lost this one").count(), 2, "{}", page.text());
    let lost = async |browser: &mut Browser, page: &Page| {
        let id = page.after("name=\"id\" value=\"").unwrap().to_owned();
        browser.submit(page, "/recovery/lost", &[("id", &id)]).await
    };
    let page = lost(&mut browser, &page).await;
    assert!(page.says("opens nothing any more"), "{}", page.text());
    let page = lost(&mut browser, &page).await;
    assert!(page.status == 403 && page.says("This is the only one"), "{}", page.text());
    let left: i64 =
        sqlx::query_scalar("select count(*) from authenticators").fetch_one(appliance.store().pool()).await.unwrap();
    assert_eq!(left, 1, "an account without any would be open to whoever has the password");
    let mut thief = Browser::at(&appliance);
    let page = thief.sign_in("user0001", &appliance.person("user0001").password).await;
    assert_eq!(page.path, "/sign-in/next", "a factor is still asked for");
}

#[tokio::test]
async fn r29_no_recovery_path_opens_by_the_password_alone_or_without_it() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).user("user0002").with(hotp()).await;
    with_questions(&appliance).await;
    // Nobody has shown a password here.
    let mut stranger = Browser::at(&appliance);
    let page = stranger.get("/help").await;
    assert!(page.status == 200 && !page.body.contains("/help/questions"), "{}", page.text());
    assert_eq!(stranger.get("/help/questions").await.path, "/help");
    assert_eq!(give(&mut stranger, &page, &CHOSEN.map(answer_to)).await.path, "/help");
    let page = stranger.sign_in("user0001", "wrong").await;
    assert_eq!(page.status, 403);
    assert_eq!(stranger.get("/help/questions").await.path, "/help", "a wrong password shows nothing");
    for path in ["/recovery", "/security/not-me", "/security/questions", "/security/bypass"] {
        assert!(stranger.get(path).await.path.starts_with("/sign-in"), "{path}");
    }
    // Whoever has the password alone is asked, and gets nowhere without answers.
    let mut thief = past_the_password(&appliance).await;
    let page = thief.get("/help/questions").await;
    for answers in [vec![], vec![String::new(); 2], vec!["Answer".into(), "Answer".into()]] {
        let page = give(&mut thief, &page, &answers).await;
        assert!(page.status == 403 && page.says("At least one answer is not right"), "{answers:?}: {}", page.text());
    }
    assert!(thief.get("/recovery").await.path.starts_with("/sign-in"));
    // Somebody who has set up nothing is not asked.
    let mut other = Browser::at(&appliance);
    other.sign_in("user0002", &appliance.person("user0002").password).await;
    assert_eq!(other.get("/help/questions").await.path, "/help");
    assert_eq!(appliance.events("security-questions-answered").await.len(), 3, "every attempt is recorded");
}

#[tokio::test]
async fn the_same_questions_stay_until_they_are_answered_and_wrong_answers_lock_out() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).set("sign_in.lockout_failures", "3").await;
    with_questions(&appliance).await;
    let mut browser = past_the_password(&appliance).await;
    let page = browser.get("/help/questions").await;
    let questions = asked(&page);
    let one_wrong = vec![answer_to(questions[0]), "wrong".to_owned()];
    for failures in 1..=2 {
        let again = give(&mut browser, &page, &one_wrong).await;
        assert_eq!(asked(&again), questions, "no other ones by trying");
        assert_eq!(appliance.failures("user0001").await, failures);
    }
    let mut anew = past_the_password(&appliance).await;
    assert_eq!(asked(&anew.get("/help/questions").await), questions, "nor by coming back");
    give(&mut browser, &page, &one_wrong).await;
    assert_eq!(appliance.events("locked-out").await.len(), 1);
    let right: Vec<_> = questions.iter().map(|question| answer_to(question)).collect();
    let barred = give(&mut browser, &page, &right).await;
    assert!(barred.says("We cannot go on here"), "{}", barred.text());
    let user = appliance.person("user0001");
    let code = user.hotp();
    let bound = Ldap::connect(appliance.ldap_addr).await.bind(&user.dn, &user.with(&code)).await;
    assert_eq!(bound, answer(49), "one count for all ways in");
}

#[tokio::test]
async fn questions_are_chosen_well_or_not_at_all_and_leave_no_answer_behind() {
    let slapd = openldap();
    let appliance = Appliance::before(&slapd).user("user0001").with(hotp()).await;
    let mut browser = signed_in(&appliance).await;
    assert_eq!(browser.get("/security/questions").await.status, 403, "they are off");
    set(&appliance, &[("questions", "on"), ("questions-set", "2")]).await;
    let page = browser.get("/security/questions").await;
    let choose = async |browser: &mut Browser, fields: [&str; 4]| {
        let fields =
            [("question1", fields[0]), ("answer1", fields[1]), ("question2", fields[2]), ("answer2", fields[3])];
        browser.submit(&page, "/security/questions", &fields).await
    };
    for (fields, why) in [
        (["first-pet", "Rex", "first-pet", "Bello"], "each question only once"),
        (["first-pet", "Rex", "first-car", " REX "], "another answer"),
        (["first-pet", "Rex", "first-car", "x"], "at least three letters"),
        (["first-pet", "Rex", "first-car", "😀😀😀"], "without pictures"),
        (["first-pet", "Rex", "mother", "Anna"], "Choose 2 questions"),
    ] {
        let refused = choose(&mut browser, fields).await;
        assert!(refused.status == 422 && refused.says(why), "{fields:?}: {}", refused.text());
        assert!(!refused.body.contains("Rex"), "an answer is not repeated: {}", refused.body);
    }
    assert!(choose(&mut browser, ["first-pet", "Rex", "first-car", "Käfer"]).await.says("Your questions are set"));
    let kept: Vec<String> =
        sqlx::query_scalar("select hash from security_answers").fetch_all(appliance.store().pool()).await.unwrap();
    assert!(kept.len() == 2 && kept.iter().all(|hash| hash.starts_with("$argon2id$")), "{kept:?}");
    assert!(!appliance.log().text().contains("Käfer"));
    let page = browser.get("/security/questions").await;
    assert!(page.says("You have set up your questions"));
    assert!(browser.submit(&page, "/security/questions/remove", &[]).await.says("Your questions are removed"));
    // Off again: nobody is asked.
    choose(&mut browser, ["first-pet", "Rex", "first-car", "Käfer"]).await;
    let off = Overrides::read([("questions", "off")]).unwrap();
    appliance.store().change_portal_rule(None, &off, &[], &tester()).await.unwrap();
    assert_eq!(browser.get("/security/questions").await.status, 403);
    // A help desk's reset takes them as well, and ends the session: whoever is in it may be why it is done.
    appliance.store().reset(&appliance.person("user0001").listed, &tester()).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("select count(*) from security_answers").fetch_one(appliance.store().pool()).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(browser.get("/home").await.path, "/sign-in?next=/home");
}
