//! A notice in a person's words: subject, text and HTML from one and the same parts. Nothing in it is fetched from anywhere,
//! and every link begins with `web.public_url`.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::PublicUrl;
use crate::domain::mail::notice::{By, Link, Notice, What};
use crate::domain::mail::plain;
use crate::mail::Letter;
use crate::words::{Words, without_isolates};

/// Where a person says that something was not their doing.
const NOT_ME: &str = "/security/not-me";

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    language: &'a str,
    subject: &'a str,
    greeting: &'a str,
    text: &'a str,
    facts: &'a [(String, String)],
    advice: &'a [String],
    action: Option<&'a Action>,
    automatic: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Plain<'a> {
    subject: &'a str,
    greeting: &'a str,
    text: &'a str,
    facts: &'a [(String, String)],
    advice: &'a [String],
    action: Option<&'a Action>,
    automatic: &'a str,
}

struct Action {
    label: String,
    url: String,
    hint: String,
}

/// `name`: what the person is called, as far as that is known.
pub fn letter(notice: &Notice, name: Option<&str>, words: Words, portal: &PublicUrl) -> Result<Letter, askama::Error> {
    let kind = notice.what.kind();
    let subject = without_isolates(&words.get(&format!("mail-{kind}-subject")));
    let name = name.map(plain).filter(|name| !name.is_empty());
    let greeting = match name {
        Some(name) => words.say("mail-greeting", "name", name),
        None => words.get("mail-greeting-nobody"),
    };
    let text = text(&notice.what, kind, words);
    let facts = facts(notice, words);
    let (action, advice) = what_to_do(notice, words, portal);
    let automatic = without_isolates(&words.say("mail-automatic", "host", portal.host()));
    let (facts, advice, action) = (facts.as_slice(), advice.as_slice(), action.as_ref());
    let (subject, greeting, text, automatic) = (&*subject, &*greeting, &*text, &*automatic);
    let language = words.locale.tag();
    Ok(Letter {
        html: Html { language, subject, greeting, text, facts, advice, action, automatic }.render()?,
        text: Plain { subject, greeting, text, facts, advice, action, automatic }.render()?,
        subject: subject.to_owned(),
    })
}

fn text(what: &What, kind: &str, words: Words) -> String {
    let key = format!("mail-{kind}-text");
    match what {
        What::RecoveryCodeUsed { left: count } | What::RecoveryCodesMade { count } => {
            words.count(&key, usize::try_from(*count).unwrap_or(usize::MAX))
        }
        What::LockedOut { until: None } => words.get("mail-locked-out-for-good"),
        What::LockedOut { until: Some(_) }
        | What::Invited { .. }
        | What::Enrolled { .. }
        | What::AuthenticatorAdded { .. }
        | What::AuthenticatorRemoved { .. }
        | What::FactorsReset
        | What::BypassStarted { .. }
        | What::SignInReported
        | What::PasswordChanged
        | What::Test => words.get(&key),
    }
}

/// When, where from, by whom: names and values.
fn facts(notice: &Notice, words: Words) -> Vec<(String, String)> {
    let mut facts = vec![];
    let mut add = |key: &str, value: String| facts.push((words.get(key), value));
    match &notice.what {
        What::Enrolled { factor } | What::AuthenticatorAdded { factor } | What::AuthenticatorRemoved { factor } => {
            add("mail-factor", words.get(&format!("mail-factor-{factor}")));
        }
        What::BypassStarted { until }
        | What::LockedOut { until: Some(until) }
        | What::Invited { until: Some(until), .. } => add("mail-until", time(*until, words)),
        What::LockedOut { until: None }
        | What::Invited { until: None, .. }
        | What::FactorsReset
        | What::RecoveryCodeUsed { .. }
        | What::RecoveryCodesMade { .. }
        | What::SignInReported
        | What::PasswordChanged
        | What::Test => {}
    }
    if matches!(notice.what, What::Invited { .. }) {
        return facts;
    }
    add("mail-when", time(notice.at, words));
    if let Some(client) = &notice.client {
        add("mail-client", plain(client));
    }
    if let Some(address) = &notice.address {
        add("mail-address", plain(address));
    }
    let by = match notice.by {
        By::Person => "mail-by-person",
        By::Administrator => "mail-by-administrator",
        By::Appliance => "mail-by-appliance",
    };
    add("mail-by", words.get(by));
    facts
}

fn what_to_do(notice: &Notice, words: Words, portal: &PublicUrl) -> (Option<Action>, Vec<String>) {
    let action = |label: &str, url: String| Some(Action { label: words.get(label), url, hint: words.get("mail-link") });
    match &notice.what {
        What::Invited { link, .. } => {
            let url = portal.link(link.as_ref().map_or("/", Link::expose));
            let advice = link.as_ref().map(|_| words.get("mail-invited-advice"));
            (action("mail-invited-action", url), advice.into_iter().collect())
        }
        What::Test => (None, vec![]),
        What::Enrolled { .. }
        | What::AuthenticatorAdded { .. }
        | What::AuthenticatorRemoved { .. }
        | What::FactorsReset
        | What::RecoveryCodeUsed { .. }
        | What::RecoveryCodesMade { .. }
        | What::BypassStarted { .. }
        | What::SignInReported
        | What::PasswordChanged
        | What::LockedOut { .. } => {
            let last = notice.is_last.then(|| words.get("mail-last"));
            let advice = last.into_iter().chain([words.get("mail-not-you")]).collect();
            (action("mail-not-you-action", portal.link(NOT_ME)), advice)
        }
    }
}

/// To the minute, with how far it is from UTC: nobody has told us where the person is.
fn time(at: Timestamp, words: Words) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    let values = [
        ("day", at.day().to_string()),
        ("month", words.get(&format!("mail-month-{}", at.month()))),
        ("year", at.year().to_string()),
        ("time", format!("{:02}:{:02}", at.hour(), at.minute())),
        ("offset", "UTC+00:00".to_owned()),
    ];
    without_isolates(&words.with("mail-time", &values))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::factor::Factor;
    use crate::domain::fixture::NOW;
    use crate::domain::mail::notice::one_of_each;
    use crate::words::Locale;

    fn portal() -> PublicUrl {
        PublicUrl::parse("https://mfa.example.org").unwrap()
    }

    fn written(what: What, name: &str, locale: Locale) -> Letter {
        let mut notice = Notice::new(what, NOW, By::Person);
        (notice.client, notice.address) = (Some("vpn".into()), Some("203.0.113.7".into()));
        letter(&notice, Some(name), Words::of(locale), &portal()).unwrap()
    }

    #[test]
    fn every_kind_has_its_texts_in_every_language() {
        for locale in Locale::ALL {
            for what in one_of_each(NOW) {
                let kind = what.kind();
                let letter = written(what, "Anna", locale);
                for text in [&letter.subject, &letter.text, &letter.html] {
                    assert!(!text.contains("mail-") && !text.contains("Unknown"), "{locale:?} {kind}: {text}");
                }
                assert!(letter.subject.chars().count() <= 78, "{locale:?} {kind}: {}", letter.subject);
                assert!(letter.text.contains(&letter.subject) && letter.html.contains("<html"), "{kind}");
            }
            for factor in Factor::ALL {
                assert!(Words::of(locale).has(&format!("mail-factor-{factor}")), "{locale:?} {factor}");
            }
        }
    }

    #[test]
    fn a_notice_says_when_where_by_whom_and_what_to_do() {
        let letter = written(What::RecoveryCodeUsed { left: 1 }, "Anna", Locale::De);
        for part in [
            "14. November 2023, 22:13 Uhr (UTC+00:00)",
            "Wo: vpn",
            "Von der Adresse: 203.0.113.7",
            "Durch: Sie, oder jemand",
            "Einer ist noch übrig",
            "Das war ich nicht: https://mfa.example.org/security/not-me",
        ] {
            assert!(letter.text.contains(part), "{part} in\n{}", letter.text);
        }
        let letter = written(What::BypassStarted { until: NOW + SignedDuration::from_mins(5) }, "Anna", Locale::En);
        assert!(letter.text.contains("Until: 14 November 2023, 22:18 (UTC+00:00)"), "{}", letter.text);
    }

    #[test]
    fn every_link_begins_with_the_public_url_and_nothing_is_fetched() {
        for what in one_of_each(NOW) {
            let kind = what.kind();
            let letter = written(what, "Anna", Locale::En);
            for (at, _) in letter.html.match_indices("http") {
                let rest = &letter.html[at..];
                assert!(rest.starts_with("https://mfa.example.org/"), "{kind}: {rest:.60}");
            }
            for element in ["<img", "<script", "<link", "<style", "url(", "src="] {
                assert!(!letter.html.contains(element), "{kind}: {element}");
            }
        }
    }

    #[test]
    fn r47_a_name_is_text_whatever_is_in_it() {
        let name = "<b>Zoë</b>\r\n\u{202e}ליאת 🦊 & \"x\"";
        let letter = written(What::PasswordChanged, name, Locale::En);
        assert!(!letter.html.contains("<b>") && letter.html.contains("Zoë"), "{}", letter.html);
        assert!(letter.text.starts_with("Hello \u{2068}<b>Zoë</b> ליאת 🦊 & \"x\"\u{2069},"), "{}", letter.text);
        assert!(!letter.html.contains('\u{202e}') && !letter.text.contains('\u{202e}'));
    }

    #[test]
    fn an_invitation_has_its_own_link_or_leads_to_the_portal() {
        let link = Link::new("/enrol/link/abc?x=1&y=2".to_owned().into());
        let with = written(What::Invited { link: Some(link), until: Some(NOW) }, "Anna", Locale::En);
        assert!(with.text.contains("https://mfa.example.org/enrol/link/abc?x=1&y=2"), "{}", with.text);
        let without = written(What::Invited { link: None, until: None }, "Anna", Locale::En);
        assert!(without.text.contains("Set it up: https://mfa.example.org/\n"), "{}", without.text);
        assert!(!without.text.contains("not-me"));
    }
}
