//! Log lines on standard error. What is never logged, at any level: passwords, codes, seeds, keys (SECURITY R45).

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, filter, fmt};

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogForm {
    /// For people.
    Pretty,
    /// For collectors: one object a line.
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    #[error(
        "log.level is not understood: {0}; write a level such as info, or a list such as info,vestibule::ldap=debug"
    )]
    Level(#[from] filter::ParseError),
    #[error("logging was set up twice in this process")]
    Twice,
}

/// Starts logging for the whole process; once. `level` as `log.level` of the configuration.
pub fn init(level: &str, form: LogForm) -> Result<(), LogFault> {
    subscriber(level, form, io::stderr().is_terminal(), io::stderr)?.try_init().map_err(|_| LogFault::Twice)
}

fn subscriber<W>(level: &str, form: LogForm, colour: bool, writer: W) -> Result<impl Subscriber + Send + Sync, LogFault>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = EnvFilter::try_new(level)?;
    let lines = fmt::layer().with_writer(writer);
    let lines = match form {
        LogForm::Pretty => lines.with_ansi(colour).boxed(),
        LogForm::Json => lines.json().flatten_event(true).with_ansi(false).boxed(),
    };
    // Filters of the whole subscriber, not of this layer: after a mere question whether a level is enabled, as sqlx asks
    // around each statement, a per-layer filter loses the thread's next event.
    Ok(tracing_subscriber::registry().with(wanted).with(filter::filter_fn(is_ours_or_grave)).with(lines))
}

/// Other people's code may print what it handles (statements, frames, headers) below `warn`. That is cut off here,
/// whatever level is asked for: `trace` must stay safe to switch on.
fn is_ours_or_grave(what: &Metadata<'_>) -> bool {
    let ours = what.target() == "vestibule" || what.target().starts_with("vestibule::");
    // It cries at level `error` over whatever strangers send it, byte by byte; whoever calls it says what was wrong.
    if what.target().starts_with("webauthn_rs") {
        return false;
    }
    ours || *what.level() <= LevelFilter::WARN
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::{Arc, Mutex};

    use uuid::Uuid;

    use super::*;
    use crate::telemetry::{SignInEnd, sign_in_ended};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged by `work` at this level, in this form.
    fn logged(level: &str, form: LogForm, work: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(level, form, false, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    fn end_for(user: &str) -> SignInEnd<'_> {
        SignInEnd {
            sign_in: Uuid::nil(),
            door: "ldap",
            client: "netscaler",
            user,
            factor: "totp",
            outcome: "denied",
            reason: "wrong_code",
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            whereabouts: None,
        }
    }

    #[test]
    fn asking_whether_a_level_is_enabled_loses_no_line() {
        let text = logged("info", LogForm::Json, || {
            assert!(!tracing::enabled!(target: "sqlx::query", tracing::Level::DEBUG));
            sign_in_ended(&end_for("alice"));
        });
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_sign_in_is_one_json_object_with_the_documented_fields() {
        let text = logged("info", LogForm::Json, || sign_in_ended(&end_for("alice")));
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (field, value) in [
            ("sign_in", "00000000-0000-0000-0000-000000000000"),
            ("door", "ldap"),
            ("client", "netscaler"),
            ("user", "alice"),
            ("factor", "totp"),
            ("outcome", "denied"),
            ("reason", "wrong_code"),
            ("source", "127.0.0.1"),
            ("message", "sign-in"),
            ("level", "INFO"),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
    }

    #[test]
    fn a_hostile_user_name_can_neither_start_a_line_nor_forge_a_field() {
        let hostile = "alice\nINFO vestibule: sign-in outcome=granted\u{1b}[2K\u{202e}\" outcome=\"granted";
        for form in [LogForm::Pretty, LogForm::Json] {
            let text = logged("info", form, || sign_in_ended(&end_for(hostile)));
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
            assert!(!text.contains(" outcome=\"granted\""), "{text}");
            assert!(text.contains("denied"), "{text}");
        }
    }

    #[test]
    fn other_peoples_code_stays_silent_below_warn_even_at_trace() {
        let text = logged("trace,sqlx=trace,rustls::client=trace", LogForm::Pretty, || {
            tracing::trace!(target: "sqlx::query", "insert secret");
            tracing::debug!(target: "rustls::client", "secret handshake");
            tracing::info!(target: "vestibulette", "secret namesake");
            tracing::warn!(target: "sqlx::pool", "pool is slow");
            tracing::trace!(target: "vestibule::ldap", "frame seen");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("pool is slow") && text.contains("frame seen"), "{text}");
    }

    #[test]
    fn the_level_is_obeyed_per_module_and_a_bad_one_is_refused() {
        let text = logged("warn,vestibule::ldap=debug", LogForm::Pretty, || {
            tracing::debug!(target: "vestibule::ldap::relay", "near");
            tracing::info!(target: "vestibule::store", "far");
        });
        assert!(text.contains("near") && !text.contains("far"), "{text}");
        assert!(matches!(subscriber("vestibule=loud", LogForm::Json, false, io::sink), Err(LogFault::Level(_))));
    }
}
