//! `directory test`: every step of asking a directory, one after another and each server by itself, with what was
//! really seen. It asks as a sign-in would and leaves nothing out: no step is taken as done because another worked.

use jiff::{SignedDuration, Timestamp};
use rustls::ClientConnection;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::client::{DirectoryClient, Shared};
use super::direct::Direct;
use super::fault::DirectoryFault;
use super::peer::Peer;
use super::search::Search;
use super::upstream::UpstreamStream;
use super::{account, connect, trust};
use crate::ambient::Ambient;
use crate::domain::directory::profile::{profile, profile_attributes};
use crate::domain::directory::state::{state, state_attributes};
use crate::domain::directory::{Directory, DirectoryKind, Server, Transport};
use crate::wire::changes::{self, DIR_SYNC, SYNC_REQUEST};
use crate::wire::filter::Filter;
use crate::wire::message::{self, Entry, Scope};

/// One step with one server.
#[derive(Debug, Clone)]
pub struct TestStep {
    pub server: Server,
    pub step: &'static str,
    /// What was seen, in words for the administrator; or why this and every later step with the server failed.
    pub result: Result<String, DirectoryFault>,
}

/// A certificate with less than this left is worth a word.
const RENEWAL: SignedDuration = SignedDuration::from_hours(21 * 24);
/// One time step of a TOTP code (RFC 6238 §5.2): a clock that is off by more makes right codes wrong.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// People shown.
const SAMPLES: u8 = 3;
impl DirectoryClient {
    /// Tries everything a sign-in needs, on each server.
    pub async fn test(&self, ambient: &Ambient) -> Vec<TestStep> {
        let mut steps = vec![];
        for peer in &self.shared().peers {
            let mut report = Report { server: &peer.server, steps: &mut steps };
            // The fault has been noted as the last step.
            let _ = examine(self.shared(), peer, ambient, &mut report).await;
        }
        steps
    }
}

struct Report<'a> {
    server: &'a Server,
    steps: &'a mut Vec<TestStep>,
}

/// The rest of a server's examination is off; why stands in the report.
struct Over;

impl Report<'_> {
    fn saw(&mut self, step: &'static str, seen: String) {
        self.steps.push(TestStep { server: self.server.clone(), step, result: Ok(seen) });
    }

    fn check<T>(&mut self, step: &'static str, result: Result<T, DirectoryFault>) -> Result<T, Over> {
        result.map_err(|fault| {
            self.steps.push(TestStep { server: self.server.clone(), step, result: Err(fault) });
            Over
        })
    }
}

async fn examine(shared: &Shared, peer: &Peer, ambient: &Ambient, report: &mut Report<'_>) -> Result<(), Over> {
    let directory = &shared.directory;
    let stream = reach(peer, ambient, report).await?;

    let until = Instant::now() + peer.operation_timeout;
    let stream = report.check("bind", account::bind_as_ourselves(shared, peer, stream, until).await)?;
    let who = if directory.bind_dn.is_empty() { "nobody (anonymous)" } else { &directory.bind_dn };
    report.saw("bind", format!("bound as {who}"));

    let mut direct = Direct::new(peer.server.clone(), directory.kind, stream);
    let settings = |reason: String| DirectoryFault::Settings { directory: directory.name.clone(), reason };
    let anything = Filter::present("objectClass");
    let root = Search { base: "", scope: Scope::Base, filter: &anything, attributes: &["*", "+"], limit: 1 };
    let root = report.check("root", direct.ask(&root, &[], Instant::now() + peer.operation_timeout).await)?;
    let root = root.entries.into_iter().next();

    let base = Search { base: &directory.base_dn, scope: Scope::Base, ..everything(&anything) };
    let found = report.check("base", direct.ask(&base, &[], Instant::now() + peer.operation_timeout).await)?;
    if found.entries.is_empty() {
        let contexts = root.as_ref().map(|root| texts(root, "namingContexts")).unwrap_or_default();
        let reason =
            format!("its base {:?} is not there, or not for us to see; the server holds {contexts}", directory.base_dn);
        report.check("base", Err(settings(reason)))?;
    }
    report.saw("base", format!("{} is there", directory.base_dn));

    let page = found_people(directory, &mut direct, peer, report).await?;
    groups(directory, &mut direct, peer, report).await?;
    let seen = incremental(directory, &mut direct, peer, root.as_ref(), page.first()).await;
    report.saw("incremental", seen);

    let told = root.as_ref().and_then(|root| trust::generalized_time(root.value("currentTime")?));
    let seen = clock(told, ambient.now()).map_err(settings);
    let seen = report.check("clock", seen)?;
    report.saw("clock", seen);
    Ok(())
}

/// The first people there are, each with what a sign-in and a sync make of it.
async fn found_people(
    directory: &Directory,
    direct: &mut Direct,
    peer: &Peer,
    report: &mut Report<'_>,
) -> Result<Vec<Entry>, Over> {
    let settings = |reason: String| DirectoryFault::Settings { directory: directory.name.clone(), reason };
    let text = directory.people_filter();
    let people = Filter::parse(text).map_err(|fault| settings(format!("its people filter: {fault}")));
    let people = report.check("people", people)?;
    let mut attributes = vec![directory.unique_id_attribute(), change_attribute(directory.kind)];
    attributes.extend(directory.user_name_attributes());
    attributes.extend(directory.at_attributes());
    attributes.extend(directory.groups_attribute());
    attributes.extend(profile_attributes(directory));
    attributes.extend(state_attributes(directory.kind));
    attributes.sort_unstable();
    attributes.dedup();
    let sample =
        Search { base: &directory.base_dn, attributes: &attributes, limit: SAMPLES.into(), ..everything(&people) };
    let page = [message::paged(SAMPLES.into(), &[])];
    let found = report.check("people", direct.ask(&sample, &page, Instant::now() + peer.operation_timeout).await)?;
    if found.entries.is_empty() {
        let reason = format!("nobody under {} matches {text}", directory.base_dn);
        report.check("people", Err(settings(reason)))?;
    }
    for entry in &found.entries {
        let seen = report.check("people", sample_text(directory, entry).map_err(settings))?;
        report.saw("people", seen);
    }
    Ok(found.entries)
}

/// Groups are no need of every directory's, so that none is worth a word but no failure.
async fn groups(directory: &Directory, direct: &mut Direct, peer: &Peer, report: &mut Report<'_>) -> Result<(), Over> {
    let settings = |reason: String| DirectoryFault::Settings { directory: directory.name.clone(), reason };
    let text = directory.group_filter();
    let filter = Filter::parse(text).map_err(|fault| settings(format!("its group filter: {fault}")));
    let filter = report.check("groups", filter)?;
    let search = Search { base: &directory.base_dn, ..everything(&filter) };
    let page = [message::paged(1, &[])];
    let found = report.check("groups", direct.ask(&search, &page, Instant::now() + peer.operation_timeout).await)?;
    report.saw(
        "groups",
        match found.entries.first() {
            Some(group) => format!("for example {}", group.dn),
            None => format!("none: nothing under {} matches {text}, or nothing we may see", directory.base_dn),
        },
    );
    Ok(())
}

/// What a sync can use to ask for changes only. Without it every run reads everything, which is slower and no failure.
async fn incremental(
    directory: &Directory,
    direct: &mut Direct,
    peer: &Peer,
    root: Option<&Entry>,
    sample: Option<&Entry>,
) -> String {
    let announced = |oid: &str| {
        root.is_some_and(|root| root.values("supportedControl").iter().any(|value| value.as_slice() == oid.as_bytes()))
    };
    let change = change_attribute(directory.kind);
    let has_change = sample.is_some_and(|entry| entry.value(change).is_some());
    let change = if has_change { format!("{change} can be read") } else { format!("no {change} we may read") };
    let (is_possible, control) = match directory.kind {
        DirectoryKind::OpenLdap if announced(SYNC_REQUEST) => (true, "syncprov is announced".to_owned()),
        DirectoryKind::OpenLdap => (false, "no syncprov is announced".to_owned()),
        DirectoryKind::ActiveDirectory if !announced(DIR_SYNC) => (false, "no DirSync is announced".to_owned()),
        DirectoryKind::ActiveDirectory => match root.and_then(|root| root.text("defaultNamingContext")) {
            None => (false, "the server does not name its domain".to_owned()),
            Some(domain) => dir_sync(direct, peer, domain).await,
        },
    };
    let then = if is_possible || has_change { "" } else { "; every sync reads everything" };
    format!("{control}, {change}{then}")
}

/// Asks for the domain's own entry in the way that shows what our account may see (MS-ADTS §3.1.1.3.4.1.3).
async fn dir_sync(direct: &mut Direct, peer: &Peer, domain: &str) -> (bool, String) {
    let head = Filter::equal("objectClass", "domainDNS");
    let search = Search { base: domain, limit: 100, attributes: &["objectGUID"], ..everything(&head) };
    match direct.ask(&search, &[changes::dir_sync(true, &[])], Instant::now() + peer.operation_timeout).await {
        Ok(found) if found.controls.iter().any(|control| control.oid == DIR_SYNC) => {
            (true, "DirSync with object security works".to_owned())
        }
        Ok(_) => (false, "DirSync gives no cookie".to_owned()),
        Err(DirectoryFault::Unavailable { code, diagnostic, .. }) => {
            (false, format!("DirSync is refused with {code}, {diagnostic:?}"))
        }
        Err(fault) => (false, format!("DirSync: {fault}")),
    }
}

/// What tells that an entry has changed since.
fn change_attribute(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "uSNChanged",
        DirectoryKind::OpenLdap => "modifyTimestamp",
    }
}

/// Name, connection and TLS, each by itself.
async fn reach(peer: &Peer, ambient: &Ambient, report: &mut Report<'_>) -> Result<UpstreamStream, Over> {
    let server = &peer.server;
    let until = Instant::now() + peer.connect_timeout;
    let addresses = report.check("resolve", connect::resolve(server, until).await)?;
    let list = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    report.saw(
        "resolve",
        if list == server.host { format!("the address {list}") } else { format!("{} is {list}", server.host) },
    );

    let start = Instant::now();
    let mut stream = report.check("connect", connect::tcp(server, &addresses, until).await)?;
    let address = stream.peer_addr().map_or_else(|_| server.to_string(), |address| address.to_string());
    report.saw("connect", format!("{address} in {:.1} ms", start.elapsed().as_secs_f64() * 1e3));

    if server.transport == Transport::StartTls {
        report.check("start-tls", connect::start_tls(server, &mut stream, until).await)?;
        report.saw("start-tls", "accepted".to_owned());
    }
    let Some((connector, name)) = peer.trust() else {
        report.saw("tls", "none: passwords cross the network in the clear".to_owned());
        return Ok(UpstreamStream::Plain(stream));
    };
    let connector = TlsConnector::from(trust::without_resumption(connector.config()));
    let stream = report.check("tls", connect::tls(server, &connector, name.clone(), stream, until).await)?;
    report.saw("tls", tls_text(server, stream.get_ref().1, ambient.now()));
    Ok(UpstreamStream::Tls(Box::new(stream)))
}

fn everything(filter: &Filter) -> Search<'_> {
    Search { base: "", scope: Scope::Subtree, filter, attributes: &["1.1"], limit: 1 }
}

fn tls_text(server: &Server, session: &ClientConnection, now: Timestamp) -> String {
    let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let suite = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("");
    let chain = session.peer_certificates().unwrap_or_default();
    let until = chain.first().and_then(|certificate| trust::not_after(certificate));
    let validity = until.map_or(String::new(), |until| {
        let left = until.duration_since(now);
        let word = if left < RENEWAL { ": renew it soon" } else { "" };
        format!(", valid until {} ({} days{word})", until.strftime("%Y-%m-%d"), left.as_hours() / 24)
    });
    let trusted = if chain.len() == 1 { "certificate".to_owned() } else { format!("chain of {}", chain.len()) };
    format!("{version} {suite}, {trusted} trusted for {}{validity}", server.host)
}

/// What an entry is to us; what a sign-in cannot do without must be there.
fn sample_text(directory: &Directory, entry: &Entry) -> Result<String, String> {
    let id = directory.unique_id_attribute();
    let id_text = entry
        .value(id)
        .and_then(|value| directory.unique_id(value))
        .ok_or_else(|| format!("{} has no {id} we can read; is this the right kind of directory?", entry.dn))?;
    let mut seen = vec![format!("{id}={}", id_text.0)];
    for name in directory.user_name_attributes().into_iter().chain(directory.at_attributes()) {
        seen.push(entry.text(name).map_or_else(|| format!("no {name}"), |value| format!("{name}={value}")));
    }
    let (person, warnings) = profile(directory, |name| entry.values(name));
    for (field, value) in [("first", &person.first), ("last", &person.last), ("language", &person.language)] {
        seen.push(value.as_ref().map_or_else(|| format!("no {field}"), |value| format!("{field}={value}")));
    }
    if person.phones.is_empty() {
        seen.push("no phone".to_owned());
    }
    seen.extend(person.phones.iter().map(|it| format!("phone.{}={}", it.label, it.phone)));
    if let Some(groups) = directory.groups_attribute() {
        seen.push(format!("{} in {groups}", entry.values(groups).len()));
    }
    let state = state(directory.kind, |name| entry.values(name));
    seen.push(match state.disabled {
        Some(true) => "disabled there".to_owned(),
        Some(false) => "enabled there".to_owned(),
        None => {
            let names = state_attributes(directory.kind).join(", ");
            format!("whether it is disabled cannot be told from {names}, as far as we may read them")
        }
    });
    seen.extend(state.until.map(|until| format!("expires {until}")));
    seen.extend(warnings.iter().map(ToString::to_string));
    Ok(format!("for example {}: {}", entry.dn, seen.join(", ")))
}

fn clock(told: Option<Timestamp>, now: Timestamp) -> Result<String, String> {
    let Some(told) = told else { return Ok("the server does not tell its time".to_owned()) };
    let ahead = told.duration_since(now);
    let text = match ahead.as_secs() {
        0 => "the same as ours".to_owned(),
        1.. => format!("{} s ahead of ours", ahead.as_secs()),
        _ => format!("{} s behind ours", -ahead.as_secs()),
    };
    if ahead.abs() > SKEW {
        return Err(format!(
            "its server's clock is {text}; one of the two makes right codes wrong, so set both by NTP"
        ));
    }
    Ok(text)
}

fn texts(entry: &Entry, name: &str) -> String {
    let values: Vec<_> = entry.values(name).iter().map(|value| String::from_utf8_lossy(value)).collect();
    if values.is_empty() { "no naming context we can see".to_owned() } else { values.join("; ") }
}
