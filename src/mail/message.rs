//! A mail as it goes over the wire (RFC 5322): headers that mark it as automatic, the text twice.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::MailFault;
use crate::domain::ids::MailId;
use crate::domain::mail::server::MailServer;
use crate::domain::mail::{Address, plain};

/// What a person reads.
pub struct Letter {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A mail ready to be handed over.
pub struct Prepared {
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

impl Prepared {
    /// The message as the server gets it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The same mail always gets the same Message-ID and date, so that one which is handed over twice can be told as one.
pub fn prepare(
    server: &MailServer,
    id: MailId,
    queued_at: Timestamp,
    to: &Address,
    language: &str,
    letter: &Letter,
) -> Result<Prepared, MailFault> {
    let refused = |why: String| MailFault::Refused { words: why };
    let address = |address: &Address| {
        address
            .as_str()
            .parse::<lettre::Address>()
            .map_err(|error| refused(format!("{address} is no address: {error}")))
    };
    let from_name = server.from_name.as_deref().map(plain).filter(|name| !name.is_empty());
    let mut builder = Message::builder()
        .from(Mailbox::new(from_name, address(&server.from)?))
        .to(Mailbox::new(None, address(to)?))
        .subject(plain(&letter.subject))
        .date(SystemTime::from(queued_at))
        .message_id(Some(format!("<{id}@{}>", message_domain(server))));
    if let Some(reply_to) = &server.reply_to {
        builder = builder.reply_to(Mailbox::new(None, address(reply_to)?));
    }
    // RFC 3834 §5, and what Exchange heeds instead: no out-of-office note comes back.
    for (name, value) in
        [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All"), ("Content-Language", language)]
    {
        let value = HeaderValue::new(HeaderName::new_from_ascii_str(name), plain(value));
        builder = builder.raw_header(value);
    }
    let body = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let message = builder.multipart(body).map_err(|error| refused(error.to_string()))?;
    Ok(Prepared { envelope: message.envelope().clone(), bytes: message.formatted() })
}

/// RFC 5322 §3.6.4 has a dot-atom there; a domain in other letters has none.
fn message_domain(server: &MailServer) -> &str {
    Some(server.from.domain()).filter(|domain| domain.is_ascii()).unwrap_or("vestibule.invalid")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::fixture::NOW;
    use crate::domain::mail::server::Security;

    fn server(from_name: &str) -> MailServer {
        MailServer {
            host: "mail.example.org".into(),
            port: 587,
            security: Security::StartTls,
            login: None,
            from: Address::parse("mfa@example.org").unwrap(),
            from_name: Some(from_name.to_owned()),
            reply_to: Some(Address::parse("help@example.org").unwrap()),
            ca_pem: None,
            ehlo: "mfa.example.org".into(),
            timeout: Duration::from_secs(5),
        }
    }

    fn made(from_name: &str, subject: &str, text: &str) -> String {
        let letter = Letter { subject: subject.into(), text: text.into(), html: format!("<p>{text}</p>") };
        let to = Address::parse("anna@example.org").unwrap();
        let id = MailId(Uuid::from_u128(7));
        let prepared = prepare(&server(from_name), id, NOW, &to, "de", &letter).unwrap();
        String::from_utf8(prepared.bytes().to_vec()).unwrap()
    }

    /// The names of a message's headers, those of its parts left out.
    fn headers(message: &str) -> Vec<&str> {
        let head = message.split("\r\n\r\n").next().unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split(':').next().unwrap()).collect()
    }

    const HEADERS: [&str; 11] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Reply-To",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "Content-Language",
        "MIME-Version",
        "Content-Type",
    ];

    #[test]
    fn a_mail_says_that_nobody_wrote_it_and_is_the_same_each_time_it_is_made() {
        let message = made("Vestibule", "Hallo", "Guten Tag");
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000007@example.org>",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "Auto-Submitted: auto-generated",
            "Content-Language: de",
            "To: anna@example.org",
            "Reply-To: help@example.org",
        ] {
            assert!(message.lines().any(|found| found == line), "{line} in\n{message}");
        }
        assert!(
            message.contains("text/plain; charset=utf-8") && message.contains("text/html; charset=utf-8"),
            "{message}"
        );
    }

    #[test]
    fn r47_a_name_with_a_line_break_adds_no_header() {
        let message = made("IT\r\nBcc: eve@example.org\r\n\r\nhello", "Hi\nX-Evil: 1", "a\r\n.\r\nMAIL FROM:<x>");
        assert_eq!(headers(&message), HEADERS, "{message}");
    }

    proptest! {
        #[test]
        fn whatever_stands_in_names_and_texts_the_headers_are_ours(
            name in "(?s).{0,60}", subject in "(?s).{0,120}", text in "(?s).{0,200}",
        ) {
            let message = made(&name, &subject, &text);
            prop_assert_eq!(headers(&message), HEADERS);
            prop_assert!(message.is_ascii());
            let bare = message.replace("\r\n", "");
            prop_assert!(!bare.contains(['\r', '\n']), "a bare line break");
        }
    }
}
