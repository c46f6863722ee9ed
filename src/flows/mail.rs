//! The outbox is emptied: what is due is put into words and handed to the mail server, one mail after the other over one
//! connection. Replicas share the work; nobody waits for it.

mod letter;

pub use letter::letter;

use std::time::Duration;

use crate::ambient::Ambient;
use crate::config::PublicUrl;
use crate::domain::ids::MailId;
use crate::domain::mail::Address;
use crate::domain::mail::notice::Notice;
use crate::domain::mail::outbox::Blame;
use crate::domain::mail::server::MailServer;
use crate::mail::{Connection, MailFault, Step, prepare};
use crate::store::mail_outbox::Taken;
use crate::store::{Store, StoreFault};
use crate::telemetry::metrics;
use crate::words::{Locale, Words};

/// Mails over one connection, and in one pass.
const MOST: usize = 100;

/// How a pass over the outbox ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// Nobody has set up a mail server; what waits goes on waiting.
    NoServer,
    /// Everything that was due has been tried, or so much that the next pass goes on. `tried` counts mails.
    Done { tried: usize },
    /// The server takes no mail at all now.
    ServerDown(MailFault),
}

/// Sends what is due. A mail is given up here, too, when its time is over.
pub async fn deliver(store: &Store, portal: &PublicUrl) -> Result<Pass, StoreFault> {
    store.give_up_mail().await?;
    let Some(server) = store.mail_server().await? else { return Ok(Pass::NoServer) };
    let mut connection = None;
    let mut tried = 0;
    while tried < MOST
        && let Some(mail) = store.take_mail(hold(&server)).await?
    {
        tried += 1;
        match send(&mut connection, &server, &mail, portal).await {
            Ok(_) => {
                metrics::mail_tried("sent");
                store.mail_sent(&mail).await?;
            }
            Err(fault) => {
                // lettre has closed it: after a refusal, too.
                connection = None;
                match fault.blame() {
                    None => {
                        metrics::mail_tried("refused");
                        tracing::warn!(mail = %mail.id, kind = mail.notice.what.kind(), %fault, "a mail was refused");
                        store.mail_failed(&mail, &fault.to_string()).await?;
                    }
                    Some(Blame::Mail) => {
                        metrics::mail_tried("later");
                        store.mail_waits(&mail, &fault.to_string(), Blame::Mail).await?;
                    }
                    Some(Blame::Server) => {
                        metrics::mail_tried("server");
                        store.mail_waits(&mail, &fault.to_string(), Blame::Server).await?;
                        return Ok(Pass::ServerDown(fault));
                    }
                }
            }
        }
    }
    if let Some(connection) = connection {
        connection.close().await;
    }
    Ok(Pass::Done { tried })
}

/// Longer than all steps of one mail together can take.
fn hold(server: &MailServer) -> Duration {
    server.timeout * 12 + Duration::from_mins(1)
}

async fn send(
    connection: &mut Option<Connection>,
    server: &MailServer,
    mail: &Taken,
    portal: &PublicUrl,
) -> Result<String, MailFault> {
    let refused = |words: String| MailFault::Refused { words };
    let to = Address::parse(&mail.to).map_err(|_| refused(format!("{} is no mail address", mail.to)))?;
    let locale = mail.language.as_deref().and_then(Locale::from_tag).unwrap_or_default();
    let letter = letter(&mail.notice, mail.name.as_deref(), Words::of(locale), portal);
    let letter = letter.map_err(|error| refused(error.to_string()))?;
    let prepared = prepare(server, mail.id, mail.queued_at, &to, locale.tag(), &letter)?;
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(server, |_| {}).await?,
    };
    let words = open.send(&prepared).await?;
    *connection = Some(open);
    Ok(words)
}

/// One step of a test and what came of it, in words.
pub struct TestStep {
    pub name: &'static str,
    pub outcome: Result<String, String>,
}

/// Sends a notice at once, past the outbox, and tells each step; the last one may be a fault.
pub async fn test(
    server: &MailServer,
    to: &Address,
    notice: &Notice,
    locale: Locale,
    portal: &PublicUrl,
    ambient: &Ambient,
) -> Vec<TestStep> {
    let mut steps = vec![];
    let seen = |step: Step| steps.push(TestStep { name: step.name, outcome: Ok(step.seen) });
    let opened = Connection::open(server, seen).await;
    let sent = match opened {
        Ok(mut open) => match letter(notice, None, Words::of(locale), portal).map_err(|error| error.to_string()) {
            Ok(letter) => {
                let mail = prepare(server, MailId(ambient.id()), ambient.now(), to, locale.tag(), &letter);
                let sent = match mail {
                    Ok(mail) => open.send(&mail).await,
                    Err(fault) => Err(fault),
                };
                if sent.is_ok() {
                    open.close().await;
                }
                TestStep { name: "accepted", outcome: sent.map_err(|fault| fault.to_string()) }
            }
            Err(fault) => TestStep { name: "text", outcome: Err(fault) },
        },
        Err(fault) => TestStep { name: fault.step(), outcome: Err(fault.to_string()) },
    };
    steps.push(sent);
    steps
}
