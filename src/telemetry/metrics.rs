//! Every metric: its name, its help, its labels, and the one function that moves it.
//!
//! Labels stay few. A closed set of values is a `&'static str`, which no outside text can become; a name that an
//! administrator chose (client, directory, server) goes through a cap. Users and addresses are never labels
//! (DESIGN: no user name in a metric label). Until `install` has run, all of these do nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use metrics::Gauge;
use metrics::{Counter, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const BUILD_INFO: &str = "vestibule_build_info";
const DATABASE_UP: &str = "vestibule_database_up";
const CONNECTIONS_OPEN: &str = "vestibule_ldap_connections_open";
const CONNECTIONS_REFUSED: &str = "vestibule_ldap_connections_refused_total";
const FRAMES_RELAYED: &str = "vestibule_ldap_frames_relayed_total";
const RADIUS_RECEIVED: &str = "vestibule_radius_packets_total";
const RADIUS_DROPPED: &str = "vestibule_radius_dropped_total";
const RADIUS_RESENT: &str = "vestibule_radius_resends_total";
const RADIUS_REFUSED: &str = "vestibule_radius_refused_total";
const RADIUS_ANSWERS: &str = "vestibule_radius_answers_total";
const RADIUS_UNDER_WAY: &str = "vestibule_radius_requests_under_way";
const RADSEC_OPEN: &str = "vestibule_radius_radsec_connections_open";
const RADSEC_REFUSED: &str = "vestibule_radius_radsec_connections_refused_total";
const SERVICE_BINDS: &str = "vestibule_service_account_binds_total";
const AUTH: &str = "vestibule_auth_total";
const AUTH_SECONDS: &str = "vestibule_auth_duration_seconds";
const AUTH_FAULTS: &str = "vestibule_auth_faults_total";
const CHALLENGE_PENDING: &str = "vestibule_challenge_pending";
const CHALLENGES: &str = "vestibule_challenges_total";
const FRAUD_REPORTS: &str = "vestibule_fraud_reports_total";
const BYPASSES: &str = "vestibule_bypasses_by_people_total";
const SERVER_UP: &str = "vestibule_directory_server_up";
const UPSTREAM_DISCARDED: &str = "vestibule_radius_upstream_discarded_total";
const UPSTREAM_SECONDS: &str = "vestibule_upstream_duration_seconds";
const SYNC_SUCCESS: &str = "vestibule_sync_last_success_timestamp_seconds";
const SYNC_AWAITING: &str = "vestibule_sync_awaiting_approval";
const SYNC_FAILED: &str = "vestibule_sync_failed";
const MAIL_QUEUED: &str = "vestibule_mail_queued_total";
const MAIL_TRIED: &str = "vestibule_mail_tried_total";
const MAIL_WAITING: &str = "vestibule_mail_waiting";
const MAIL_FAILED: &str = "vestibule_mail_failed";
const AUDIT_BATCHES: &str = "vestibule_audit_batches_total";
const AUDIT_BATCH_ROWS: &str = "vestibule_audit_batch_rows";
const AUDIT_APPEND_SECONDS: &str = "vestibule_audit_append_seconds";

enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

/// A sign-in takes milliseconds with a code and up to a minute with a person.
const SIGN_IN_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0];
const REQUEST_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const ROWS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

const ALL: [(&str, Kind, &str); 34] = [
    (BUILD_INFO, Kind::Gauge, "Always 1; the version is a label."),
    (DATABASE_UP, Kind::Gauge, "1 while the database answers."),
    (CONNECTIONS_OPEN, Kind::Gauge, "LDAP client connections open now, by listener."),
    (CONNECTIONS_REFUSED, Kind::Counter, "LDAP connections closed before any request, by reason."),
    (FRAMES_RELAYED, Kind::Counter, "LDAP messages passed on unchanged, by direction."),
    (RADIUS_RECEIVED, Kind::Counter, "RADIUS packets received, by port."),
    (RADIUS_DROPPED, Kind::Counter, "RADIUS packets that got no answer, by reason."),
    (RADIUS_RESENT, Kind::Counter, "RADIUS requests that came again, while they waited or after their answer."),
    (RADIUS_REFUSED, Kind::Counter, "Access-Requests rejected before anybody was asked, by reason."),
    (RADIUS_ANSWERS, Kind::Counter, "RADIUS answers, by kind; silence is one."),
    (RADIUS_UNDER_WAY, Kind::Gauge, "RADIUS requests being decided or waiting for a person now."),
    (RADSEC_OPEN, Kind::Gauge, "RadSec connections open now."),
    (RADSEC_REFUSED, Kind::Counter, "RadSec connections closed before any request, by reason."),
    (SERVICE_BINDS, Kind::Counter, "Binds of service accounts, which pass on the password alone."),
    (AUTH, Kind::Counter, "Sign-ins that came to an outcome."),
    (AUTH_SECONDS, Kind::Histogram(SIGN_IN_SECONDS), "From the request to its answer, people's time included."),
    (AUTH_FAULTS, Kind::Counter, "Sign-ins that nobody could decide, by the part that failed."),
    (CHALLENGE_PENDING, Kind::Gauge, "Sign-ins waiting for a person now, in this process."),
    (CHALLENGES, Kind::Counter, "Challenges that ended."),
    (FRAUD_REPORTS, Kind::Counter, "People who said that a sign-in was not theirs."),
    (BYPASSES, Kind::Counter, "One-time bypasses that people started themselves."),
    (SERVER_UP, Kind::Gauge, "1 while the directory server counts as healthy."),
    (UPSTREAM_DISCARDED, Kind::Counter, "Answers of upstream RADIUS servers that were dropped, by reason."),
    (UPSTREAM_SECONDS, Kind::Histogram(REQUEST_SECONDS), "Requests of our own to a directory."),
    (SYNC_SUCCESS, Kind::Gauge, "When a synchronisation of the directory last finished; 0 if never."),
    (SYNC_AWAITING, Kind::Gauge, "1 while a synchronisation has stopped and asks for approval."),
    (SYNC_FAILED, Kind::Gauge, "1 if the last synchronisation of the directory failed."),
    (MAIL_QUEUED, Kind::Counter, "Mails that were to be queued, by what became of them."),
    (MAIL_TRIED, Kind::Counter, "Mails handed to the mail server, by its answer."),
    (MAIL_WAITING, Kind::Gauge, "Mails not sent yet."),
    (MAIL_FAILED, Kind::Gauge, "Mails given up in the last seven days."),
    (AUDIT_BATCHES, Kind::Counter, "Commits of audit events."),
    (AUDIT_BATCH_ROWS, Kind::Histogram(ROWS), "Events in one commit."),
    (AUDIT_APPEND_SECONDS, Kind::Histogram(REQUEST_SECONDS), "From handing in an event to its commit."),
];

/// The recorder of this process, for the management listener.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds observed values into their buckets. Run it every few seconds: without a scraper nothing else does, and
    /// memory would grow.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Starts recording for the whole process; once.
pub fn install() -> Result<Metrics, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    Ok(Metrics(handle))
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    ALL.iter().try_fold(PrometheusBuilder::new(), |builder, (name, kind, _)| match kind {
        Kind::Histogram(buckets) => builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), buckets),
        Kind::Counter | Kind::Gauge => Ok(builder),
    })
}

fn describe() {
    for (name, kind, help) in ALL {
        match kind {
            Kind::Counter => describe_counter!(name, help),
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Histogram(_) => describe_histogram!(name, help),
        }
    }
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Raises a gauge by one for as long as it is held.
pub struct Held(Gauge);

impl Held {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A client connection on `listener` (`ldap`, `ldaps`), open while held.
pub fn connection_opened(listener: &'static str) -> Held {
    Held::new(gauge!(CONNECTIONS_OPEN, "listener" => listener))
}

pub fn connection_refused(reason: &'static str) {
    counter!(CONNECTIONS_REFUSED, "reason" => reason).increment(1);
}

/// The two counters of the relay, taken once and kept, since they move with every message.
#[derive(Clone)]
pub struct FramesRelayed {
    pub to_directory: Counter,
    pub to_client: Counter,
}

pub fn frames_relayed() -> FramesRelayed {
    FramesRelayed {
        to_directory: counter!(FRAMES_RELAYED, "direction" => "to_directory"),
        to_client: counter!(FRAMES_RELAYED, "direction" => "to_client"),
    }
}

/// A packet that came to `port`: `access`, `accounting`, `radsec`.
pub fn radius_received(port: &'static str) {
    counter!(RADIUS_RECEIVED, "port" => port).increment(1);
}

pub fn radius_dropped(reason: &'static str) {
    counter!(RADIUS_DROPPED, "reason" => reason).increment(1);
}

/// A request that came again, when it was `waiting` or `answered`.
pub fn radius_resent(when: &'static str) {
    counter!(RADIUS_RESENT, "when" => when).increment(1);
}

pub fn radius_refused(reason: &'static str) {
    counter!(RADIUS_REFUSED, "reason" => reason).increment(1);
}

pub fn radius_answered(kind: &'static str) {
    counter!(RADIUS_ANSWERS, "kind" => kind).increment(1);
}

/// Taken once and kept, since it moves with every request.
pub fn radius_under_way() -> Gauge {
    gauge!(RADIUS_UNDER_WAY)
}

/// A RadSec connection, open while held.
pub fn radsec_opened() -> Held {
    Held::new(gauge!(RADSEC_OPEN))
}

pub fn radsec_refused(reason: &'static str) {
    counter!(RADSEC_REFUSED, "reason" => reason).increment(1);
}

/// A bind of a service account; `outcome` is `granted` or `denied`.
pub fn service_account_bound(client: &str, outcome: &'static str) {
    counter!(SERVICE_BINDS, "client" => CLIENTS.label(client), "outcome" => outcome).increment(1);
}

/// A sign-in with an outcome.
pub struct SignIn<'a> {
    /// The door: `ldap`.
    pub front: &'static str,
    pub client: &'a str,
    /// The factor that decided, or `none`.
    pub method: &'static str,
    /// `granted` or `denied`.
    pub outcome: &'static str,
    pub reason: &'static str,
    pub took: Duration,
}

pub fn sign_in_ended(end: &SignIn<'_>) {
    let client = CLIENTS.label(end.client);
    counter!(
        AUTH,
        "front" => end.front, "client" => client, "method" => end.method, "outcome" => end.outcome, "reason" => end.reason
    )
    .increment(1);
    histogram!(AUTH_SECONDS, "front" => end.front, "method" => end.method).record(end.took);
}

/// A sign-in that nobody could decide. `part` is what failed: `directory`, `database`, ….
pub fn sign_in_faulted(front: &'static str, part: &'static str) {
    counter!(AUTH_FAULTS, "front" => front, "part" => part).increment(1);
}

/// A sign-in that waits for a person, while held.
pub fn challenge_pending() -> Held {
    Held::new(gauge!(CHALLENGE_PENDING))
}

pub fn challenge_ended(method: &'static str, outcome: &'static str) {
    counter!(CHALLENGES, "method" => method, "outcome" => outcome).increment(1);
}

pub fn fraud_reported() {
    counter!(FRAUD_REPORTS).increment(1);
}

pub fn bypass_started() {
    counter!(BYPASSES).increment(1);
}

pub fn directory_server_is_up(directory: &str, server: &str, up: bool) {
    let (directory, server) = (DIRECTORIES.label(directory), SERVERS.label(server));
    gauge!(SERVER_UP, "directory" => directory, "server" => server).set(f64::from(up));
}

/// A request of our own to a directory; `op` is `bind` or `search`.
pub fn directory_answered(directory: &str, op: &'static str, took: Duration) {
    histogram!(UPSTREAM_SECONDS, "directory" => DIRECTORIES.label(directory), "op" => op).record(took);
}

/// An upstream RADIUS server sent what does not count as an answer.
pub fn upstream_discarded(server: &str, reason: &'static str) {
    counter!(UPSTREAM_DISCARDED, "server" => SERVERS.label(server), "reason" => reason).increment(1);
}

/// A mail was to be queued: `queued`, or why it was not.
pub fn mail_queued(outcome: &'static str) {
    counter!(MAIL_QUEUED, "outcome" => outcome).increment(1);
}

/// A mail was handed over: `sent`, `later`, `refused`, or `server` if the server itself did not work.
pub fn mail_tried(outcome: &'static str) {
    counter!(MAIL_TRIED, "outcome" => outcome).increment(1);
}

pub fn outbox_stands(waiting: u64, failed: u64) {
    let exact = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    gauge!(MAIL_WAITING).set(exact(waiting));
    gauge!(MAIL_FAILED).set(exact(failed));
}

/// One commit of `rows` audit events.
pub fn audit_batch_committed(rows: u32) {
    counter!(AUDIT_BATCHES).increment(1);
    histogram!(AUDIT_BATCH_ROWS).record(f64::from(rows));
}

/// A batch is durable, `took` after it was begun.
pub fn audit_appended(took: Duration) {
    histogram!(AUDIT_APPEND_SECONDS).record(took);
}

/// How the synchronisation of a directory stands. `success`: seconds since 1970.
pub fn directory_is_followed(directory: &str, success: Option<i64>, awaits_approval: bool, failed: bool) {
    let directory = DIRECTORIES.label(directory);
    // Exact up to the year 285 million.
    let success = success.and_then(|at| u32::try_from(at / 2).ok().map(|half| f64::from(half) * 2.0));
    gauge!(SYNC_SUCCESS, "directory" => directory.clone()).set(success.unwrap_or(0.0));
    gauge!(SYNC_AWAITING, "directory" => directory.clone()).set(f64::from(awaits_approval));
    gauge!(SYNC_FAILED, "directory" => directory).set(f64::from(failed));
}

pub fn database_is_up(up: bool) {
    gauge!(DATABASE_UP).set(f64::from(up));
}

static CLIENTS: Names = Names::at_most(500);
static DIRECTORIES: Names = Names::at_most(50);
static SERVERS: Names = Names::at_most(200);

/// The names seen so far. Once there are too many, new ones share the label `other`: each label value is memory here
/// and in Prometheus for as long as the process runs.
struct Names {
    most: usize,
    seen: Mutex<BTreeSet<String>>,
}

impl Names {
    const fn at_most(most: usize) -> Self {
        Self { most, seen: Mutex::new(BTreeSet::new()) }
    }

    fn label(&self, name: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(name) {
            return name.to_owned();
        }
        if seen.len() >= self.most {
            return "other".to_owned();
        }
        seen.insert(name.to_owned());
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `work` leaves to be scraped.
    fn scraped(work: impl FnOnce()) -> String {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            work();
        });
        recorder.handle().render()
    }

    fn move_everything() {
        frames_relayed().to_client.increment(2);
        connection_refused("unknown_client");
        radius_received("access");
        radius_dropped("wrong_secret");
        radius_resent("waiting");
        radius_refused("method");
        upstream_discarded("nps", "wrong_authenticator");
        radius_answered("reject");
        radius_under_way().increment(1.0);
        radsec_refused("tls");
        drop(radsec_opened());
        service_account_bound("netscaler", "granted");
        sign_in_ended(&SignIn {
            front: "ldap",
            client: "netscaler",
            method: "totp",
            outcome: "denied",
            reason: "wrong_code",
            took: Duration::from_millis(30),
        });
        sign_in_faulted("ldap", "directory");
        challenge_ended("app", "approved");
        fraud_reported();
        bypass_started();
        directory_server_is_up("main", "ldap://ds1", false);
        directory_answered("main", "bind", Duration::from_millis(3));
        mail_queued("no_address");
        mail_tried("later");
        outbox_stands(2, 1);
        audit_batch_committed(3);
        audit_appended(Duration::from_millis(2));
        directory_is_followed("main", Some(1_764_000_000), false, false);
        database_is_up(true);
        drop((connection_opened("ldaps"), challenge_pending()));
    }

    #[test]
    fn every_metric_is_described_and_scraped_and_no_other() {
        let text = scraped(move_everything);
        for (name, _, help) in ALL {
            assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name} in\n{text}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name} in\n{text}");
        }
        assert_eq!(text.matches("# TYPE ").count(), ALL.len(), "{text}");
    }

    #[test]
    fn a_sign_in_is_counted_with_its_labels_and_its_time_falls_into_a_bucket() {
        let text = scraped(move_everything);
        for line in [
            "vestibule_auth_total{front=\"ldap\",client=\"netscaler\",method=\"totp\",outcome=\"denied\",reason=\"wrong_code\"} 1",
            "vestibule_auth_duration_seconds_bucket{front=\"ldap\",method=\"totp\",le=\"0.025\"} 0",
            "vestibule_auth_duration_seconds_bucket{front=\"ldap\",method=\"totp\",le=\"0.05\"} 1",
            "vestibule_ldap_frames_relayed_total{direction=\"to_client\"} 2",
            "vestibule_ldap_frames_relayed_total{direction=\"to_directory\"} 0",
            "vestibule_directory_server_up{directory=\"main\",server=\"ldap://ds1\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_connection_counts_as_open_while_it_is_held() {
        let line = |count| format!("vestibule_ldap_connections_open{{listener=\"ldap\"}} {count}");
        let two = scraped(|| std::mem::forget((connection_opened("ldap"), connection_opened("ldap"))));
        assert!(two.contains(&line(2)), "{two}");
        let one = scraped(|| {
            std::mem::forget(connection_opened("ldap"));
            drop(connection_opened("ldap"));
        });
        assert!(one.contains(&line(1)), "{one}");
    }

    #[test]
    fn names_past_the_cap_share_one_label_and_known_names_keep_theirs() {
        let names = Names::at_most(2);
        let labels = ["a", "b", "c", "a", "d"].map(|name| names.label(name));
        assert_eq!(labels, ["a", "b", "other", "a", "other"]);
    }

    #[test]
    fn the_documentation_lists_every_metric() {
        let page = include_str!("../../docs/logging.md");
        for (name, _, _) in ALL {
            assert!(page.contains(&format!("`{name}")), "docs/logging.md says nothing of {name}");
        }
    }
}
