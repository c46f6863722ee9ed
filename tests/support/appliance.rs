//! The appliance as a person runs it: a configuration file, a database, and `vestibule serve` as a process of its own.
//!
//! ```text
//! let appliance = Appliance::before(&slapd).client(netscaler()).user("user0001").with(totp()).await;
//! ```

use std::collections::HashMap;
use std::fs;
use std::future::IntoFuture;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;
use vestibule::ambient::Ambient;
use vestibule::directory::{DirectoryClient, Search, Spawn};
use vestibule::domain::challenge::Reply;
use vestibule::domain::client::radius::RadiusPolicy;
use vestibule::domain::client::{Client, CodeForm, ServiceAccount, ServiceAccounts, UserMatch};
use vestibule::domain::directory::attributes::AttributeMap;
use vestibule::domain::directory::profile::Profile;
use vestibule::domain::directory::state::AccountState;
use vestibule::domain::directory::{Directory, DirectoryKind, PageSize, Server, Transport, UniqueId};
use vestibule::domain::dn::Dn;
use vestibule::domain::factor::Factor;
use vestibule::domain::ids::{ClientId, DirectoryId};
use vestibule::domain::name::fold;
use vestibule::domain::secret::{Password, SharedSecret};
use vestibule::store::challenges::{Answered, Waiting};
use vestibule::store::seal::Keyring;
use vestibule::store::users::{Found, Imported, Listed};
use vestibule::store::{Connect, Store};
use vestibule::wire::filter::Filter;
use vestibule::wire::message::Scope;

use super::people::{Carries, Person, give, tester};
use super::postgres::{TestDatabase, database};
use super::process::{Log, Process};
use super::radius::Nas;
use super::slapd::{self, Slapd, free_port};
use super::{PATIENCE, environment, eventually, in_time};

/// A running appliance. Dropping it kills exactly its process.
pub struct Appliance {
    pub ldap_addr: SocketAddr,
    pub ldaps_addr: SocketAddr,
    pub management_addr: SocketAddr,
    /// UDP.
    pub radius_addr: SocketAddr,
    pub accounting_addr: SocketAddr,
    pub radsec_addr: SocketAddr,
    /// HTTPS.
    pub web_addr: SocketAddr,
    /// The CA of its certificate.
    pub ca_path: PathBuf,
    /// Its configuration file, for commands.
    pub config_path: PathBuf,
    process: Process,
    world: Arc<World>,
}

/// What replicas share.
struct World {
    store: Store,
    people: HashMap<String, Person>,
    settings: Vec<(String, String)>,
    home: Home,
    authority: CertifiedIssuer<'static, KeyPair>,
    database: TestDatabase,
}

/// A directory of files that every account can pass through, gone at the end.
pub struct Home(PathBuf);

/// 32 bytes, base64.
pub const MASTER_KEY: &str = "dGhlIG1hc3RlciBrZXkgb2YgYWxsIHRoZSB0ZXN0cy4=";

/// Where the appliance listens.
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// An appliance in the making; `.await` starts it.
pub struct Arrangement {
    directory: Directory,
    clients: Vec<Client>,
    users: Vec<(Wanted, Vec<Carries>)>,
    settings: Vec<(String, String)>,
}

enum Wanted {
    /// An account of the directory, found there by name.
    Found { name: String, password: String },
    /// One that is only claimed to be there.
    Claimed { name: String, dn: String, unique_id: String },
}

/// The client that most gateways are, over all of loopback: it searches as the service account and may do without TLS,
/// so that tests of anything else need no certificates.
pub fn netscaler() -> Client {
    let service = Dn::parse("cn=svc,ou=service,dc=example,dc=test").unwrap();
    Client {
        id: ClientId(Ambient::system().id()),
        name: "netscaler".into(),
        group: "netscaler".into(),
        directory: DirectoryId(Uuid::nil()),
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        user_match: UserMatch::Refuse,
        factors: Factor::ALL.to_vec(),
        bare_approval: true,
        answer_by: Duration::from_secs(25),
        grace: Duration::ZERO,
        trusted_networks: vec![],
        service_accounts: vec![ServiceAccount { who: ServiceAccounts::Exact(service), from: vec![] }],
        code_form: CodeForm::DEFAULT,
        allow_plaintext: true,
        allow_anonymous: false,
        allow_root_dse: true,
        allow_password_compare: false,
        portal: false,
        first_enrolment: false,
        radius: None,
    }
}

/// What [`vpn`] and its server share.
pub const RADIUS_SECRET: &str = "a secret of the tests";

/// A gateway that speaks RADIUS, over all of loopback.
pub fn vpn() -> Client {
    let radius = RadiusPolicy::new(SharedSecret::new(RADIUS_SECRET.as_bytes()));
    Client { name: "vpn".into(), group: "vpn".into(), radius: Some(radius), ..netscaler() }
}

/// The same with its RADIUS side changed.
pub fn vpn_with(change: impl FnOnce(&mut RadiusPolicy)) -> Client {
    let mut client = vpn();
    change(client.radius.as_mut().unwrap());
    client
}

/// A client by another name that speaks from one address only.
pub fn client_at(name: &str, address: &str) -> Client {
    let addresses = vec![address.parse().unwrap()];
    Client { name: name.into(), group: name.into(), addresses, ..netscaler() }
}

/// The directory that a slapd is, without TLS.
pub fn directory_of(slapd: &Slapd) -> Directory {
    let server = Server { host: slapd.addr.ip().to_string(), port: slapd.addr.port(), transport: Transport::Plain };
    directory_at(vec![server])
}

/// A directory with slapd's names, at these servers. Times are short enough for a test and long enough for a busy
/// machine.
pub fn directory_at(servers: Vec<Server>) -> Directory {
    Directory {
        id: DirectoryId(Ambient::system().id()),
        name: "corp".into(),
        kind: DirectoryKind::OpenLdap,
        servers,
        base_dn: "dc=example,dc=test".into(),
        bind_dn: "cn=svc,ou=service,dc=example,dc=test".into(),
        bind_password: Password::new(*b"svc-secret"),
        ca_pem: None,
        domain: None,
        attributes: AttributeMap::default(),
        page_size: PageSize::default(),
        connect_timeout: Duration::from_secs(2),
        operation_timeout: Duration::from_secs(5),
    }
}

pub fn plain_server(address: SocketAddr) -> Server {
    Server { host: address.ip().to_string(), port: address.port(), transport: Transport::Plain }
}

impl Arrangement {
    /// Without any, [`netscaler`] is there.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// An account of the directory that the appliance knows, with the password that [`Slapd::password_of`] gives it.
    pub fn user(self, name: &str) -> Self {
        let password = Slapd::password_of(name);
        self.user_with_password(name, &password)
    }

    pub fn user_with_password(mut self, name: &str, password: &str) -> Self {
        self.users.push((Wanted::Found { name: name.into(), password: password.into() }, vec![]));
        self
    }

    /// An account that the directory is not asked about, for directories that answer as scripted.
    pub fn claimed_user(mut self, name: &str, dn: &str, unique_id: &str) -> Self {
        let (name, dn, unique_id) = (name.into(), dn.into(), unique_id.into());
        self.users.push((Wanted::Claimed { name, dn, unique_id }, vec![]));
        self
    }

    /// What the last user carries.
    pub fn with(mut self, carries: Carries) -> Self {
        self.users.last_mut().expect("a user comes first").1.push(carries);
        self
    }

    /// One setting of the configuration file, its value as TOML.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    async fn start(mut self) -> Appliance {
        if self.clients.is_empty() {
            self.clients.push(netscaler());
        }
        let database = database().await;
        let store = open_store(&database).await;
        store.add_directory(&self.directory, &tester()).await.unwrap();
        for client in &mut self.clients {
            client.directory = self.directory.id;
            store.add_client(client, &tester()).await.unwrap();
        }
        let people = introduce(&store, &self.directory, &self.users).await;
        let home = Home::new();
        let authority = certificate(&home);
        let world = Arc::new(World { store, people, settings: self.settings, home, authority, database });
        Appliance::run(world).await
    }
}

impl IntoFuture for Arrangement {
    type Output = Appliance;
    type IntoFuture = Pin<Box<dyn Future<Output = Appliance>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

impl Appliance {
    /// In front of a slapd.
    pub fn before(slapd: &Slapd) -> Arrangement {
        Self::before_directory(directory_of(slapd))
    }

    pub fn before_directory(directory: Directory) -> Arrangement {
        Arrangement { directory, clients: vec![], users: vec![], settings: vec![] }
    }

    /// Another process on the same database.
    pub async fn replica(&self) -> Self {
        Self::run(Arc::clone(&self.world)).await
    }

    async fn run(world: Arc<World>) -> Self {
        for _ in 0..5 {
            let ports = [(); 7].map(|()| free_port(HERE));
            let [ldap_addr, ldaps_addr, management_addr, radius_addr, accounting_addr, radsec_addr, web_addr] = ports;
            let config_path = world.home.0.join(format!("{}.toml", management_addr.port()));
            fs::write(&config_path, configuration(&world, ports)).unwrap();
            let mut process = Process::spawn(command(&config_path).arg("serve"));
            let ca_path = world.home.0.join("ca.pem");
            if begun(&mut process).await {
                let world = Arc::clone(&world);
                let appliance = Self {
                    ldap_addr,
                    ldaps_addr,
                    management_addr,
                    radius_addr,
                    accounting_addr,
                    radsec_addr,
                    web_addr,
                    ca_path,
                    config_path,
                    process,
                    world,
                };
                appliance.ready().await;
                return appliance;
            }
            // Somebody else took a port between our look and its start.
            let log = process.log().text();
            assert!(log.contains("in use"), "`vestibule serve` does not start:\n{log}");
        }
        panic!("no free ports")
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        eventually("ready", async || self.get("/readyz").await.is_some_and(|page| page.starts_with("HTTP/1.1 200")))
            .await;
    }

    /// A page of the management listener, status line and headers with it.
    pub async fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.management_addr).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut page = String::new();
        in_time("a page", stream.read_to_string(&mut page)).await.ok()?;
        Some(page)
    }

    /// A gateway at 127.0.0.1 that speaks RADIUS to this appliance.
    pub async fn nas(&self) -> Nas {
        Nas::at(HERE, self.radius_addr, RADIUS_SECRET).await
    }

    /// Its accounting.
    pub async fn accounting(&self) -> Nas {
        Nas::at(HERE, self.accounting_addr, RADIUS_SECRET).await
    }

    /// A certificate from the CA that the appliance trusts RadSec clients by, and its key, as PEM.
    pub fn radsec_identity(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.world.authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The value of one line of `/metrics`; 0 if it is not there.
    pub async fn metric(&self, line: &str) -> f64 {
        let page = self.get("/metrics").await.expect("/metrics answers");
        let value = page.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// A counter of `/metrics`; 0 if it is not there.
    pub async fn count(&self, line: &str) -> u64 {
        let page = self.get("/metrics").await.expect("/metrics answers");
        let value = page.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    pub fn store(&self) -> &Store {
        &self.world.store
    }

    pub fn database_url(&self) -> &str {
        &self.world.database.url
    }

    pub fn log(&self) -> &Log {
        self.process.log()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn person(&self, name: &str) -> &Person {
        &self.world.people[name]
    }

    /// A command on this appliance's configuration.
    pub fn command(&self) -> Command {
        command(&self.config_path)
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// As `systemctl stop` would: SIGTERM, and then whatever time it takes.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// As a crash or a lost machine would.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// Prompts that wait for an answer now.
    pub async fn prompts(&self) -> Vec<Waiting> {
        self.store().waiting_challenges().await.unwrap()
    }

    /// Waits for exactly one prompt to be out.
    pub async fn prompt(&self) -> Waiting {
        eventually("a prompt", async || !self.prompts().await.is_empty()).await;
        let mut prompts = self.prompts().await;
        assert_eq!(prompts.len(), 1, "one prompt: {prompts:?}");
        prompts.remove(0)
    }

    /// Taps "approve" on the phone.
    pub async fn approve(&self, prompt: &Waiting) -> Answered {
        self.answer(prompt, Reply::Approve { number: None }).await
    }

    /// Taps "refuse" on the phone.
    pub async fn refuse(&self, prompt: &Waiting) -> Answered {
        self.answer(prompt, Reply::Refuse).await
    }

    pub async fn answer(&self, prompt: &Waiting, reply: Reply) -> Answered {
        self.store().answer_challenge(prompt.id, reply, &tester()).await.unwrap()
    }

    /// The reasons of all recorded sign-ins, oldest first: `totp`, `wrong-code`, ….
    pub async fn recorded(&self) -> Vec<String> {
        let events = self.events("sign-in").await;
        events.iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
    }

    /// All recorded events of this kind, oldest first.
    pub async fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let rows: Vec<String> = sqlx::query_scalar("select body from audit_events order by at, seq")
            .fetch_all(self.store().pool())
            .await
            .unwrap();
        let mut events: Vec<serde_json::Value> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        events.retain(|event| event["event"] == kind);
        events
    }

    /// Failures that count against a user now.
    pub async fn failures(&self, name: &str) -> i32 {
        sqlx::query_scalar("select failures from users where name = $1")
            .bind(name)
            .fetch_one(self.store().pool())
            .await
            .unwrap()
    }

    /// Adds a client to the running appliance and waits until it has heard of it.
    pub async fn add_client(&self, mut client: Client) {
        client.directory = self.store().directories().await.unwrap()[0].id;
        self.store().add_client(&client, &tester()).await.unwrap();
    }
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    // No setting of whoever runs the tests may reach it.
    command
        .env_clear()
        .env("PATH", environment("PATH").unwrap_or_default())
        .env("RUST_BACKTRACE", "1")
        .arg("--config")
        .arg(config);
    command
}

/// Waits until the process says that it is ready; false if it ended instead.
async fn begun(process: &mut Process) -> bool {
    let start = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    let is_ready = |line: &String| line.contains("\"ready\"") || line.contains(": ready");
    while !process.log().lines().iter().any(is_ready) {
        if process.has_ended() {
            process.log().closed().await;
            return false;
        }
        assert!(start.elapsed() < PATIENCE, "`vestibule serve` does not get ready:\n{}", process.log().text());
        looks.tick().await;
    }
    true
}

fn configuration(world: &World, ports: [SocketAddr; 7]) -> String {
    let [ldap, ldaps, management, radius, accounting, radsec, web] = ports;
    let home = world.home.0.display();
    let mut settings = vec![
        ("state_dir".to_owned(), format!("\"{home}/state\"")),
        ("ldap.listen".to_owned(), format!("[\"{ldap}\"]")),
        ("ldap.listen_tls".to_owned(), format!("[\"{ldaps}\"]")),
        ("radius.listen".to_owned(), format!("[\"{radius}\"]")),
        ("radius.listen_accounting".to_owned(), format!("[\"{accounting}\"]")),
        ("radius.listen_radsec".to_owned(), format!("[\"{radsec}\"]")),
        ("radius.radsec_client_ca".to_owned(), format!("\"{home}/ca.pem\"")),
        ("web.listen".to_owned(), format!("[\"{web}\"]")),
        ("web.listen_plain".to_owned(), "[]".to_owned()),
        ("web.public_url".to_owned(), format!("\"https://localhost:{}\"", web.port())),
        ("management.listen".to_owned(), format!("\"{management}\"")),
        ("database.url".to_owned(), format!("\"{}\"", world.database.url)),
        ("master_key.key".to_owned(), format!("\"{MASTER_KEY}\"")),
        ("tls.certificate".to_owned(), format!("\"{home}/cert.pem\"")),
        ("tls.private_key".to_owned(), format!("\"{home}/key.pem\"")),
        ("log.format".to_owned(), "\"json\"".to_owned()),
    ];
    for (key, value) in &world.settings {
        settings.retain(|(known, _)| known != key);
        // A setting without a value is left out.
        if !value.is_empty() {
            settings.push((key.clone(), value.clone()));
        }
    }
    settings.iter().fold(String::new(), |text, (key, value)| format!("{text}{key} = {value}\n"))
}

async fn open_store(database: &TestDatabase) -> Store {
    let connect = Connect { options: database.options(), max_connections: 3, acquire_timeout: PATIENCE };
    Store::open(connect, Keyring::parse(MASTER_KEY).unwrap(), Ambient::system()).await.unwrap()
}

/// Background work of a directory client; it ends with the test's runtime.
#[derive(Default)]
pub struct Background(Mutex<Vec<JoinHandle<()>>>);

impl Spawn for Background {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.lock().unwrap().push(tokio::runtime::Handle::current().spawn(future));
    }
}

async fn introduce(store: &Store, directory: &Directory, users: &[(Wanted, Vec<Carries>)]) -> HashMap<String, Person> {
    let client = DirectoryClient::new(directory.clone(), &Background::default()).unwrap();
    let mut people = HashMap::new();
    for (wanted, carries) in users {
        let (found, password) = match wanted {
            Wanted::Found { name, password } => (find(&client, name).await, password.clone()),
            Wanted::Claimed { name, dn, unique_id } => {
                let names = vec![fold(name).unwrap()];
                let (name, dn, unique_id) = (name.clone(), dn.clone(), UniqueId(unique_id.clone()));
                let found = Found {
                    unique_id,
                    name,
                    dn,
                    profile: Profile::default(),
                    state: AccountState::default(),
                    member_of: vec![],
                    primary_group: None,
                    names,
                };
                (found, "geheim".to_owned())
            }
        };
        let listed = import(store, directory.id, found).await;
        for carries in carries {
            give(store, &listed, *carries).await;
        }
        people.insert(listed.name.clone(), Person::new(listed, password));
    }
    people
}

/// Takes one account into the books.
pub async fn import(store: &Store, directory: DirectoryId, found: Found) -> Listed {
    let name = found.names[0].clone();
    let imported = store.import_users(directory, &[found], &tester()).await.unwrap();
    assert_eq!(imported, [Imported::Added]);
    store.find_users(&name).await.unwrap().remove(0)
}

/// An account by its name, as an import would find it.
pub async fn find(client: &DirectoryClient, name: &str) -> Found {
    let directory = client.directory();
    let (account, unique_id) = (directory.account_attribute(), directory.unique_id_attribute());
    let (filter, attributes) = (Filter::equal(account, name), [unique_id, account, "mail"]);
    let (base, scope) = (directory.base_dn.as_str(), Scope::Subtree);
    let search = Search { base, scope, filter: &filter, attributes: &attributes, limit: 2 };
    let entries = client.search(&search, Instant::now() + PATIENCE).await.unwrap();
    let [entry] = entries.as_slice() else { panic!("{name} is no one account: {entries:?}") };
    let mail = entry.text("mail").map(str::to_owned);
    let names = [Some(name), mail.as_deref()].into_iter().flatten().map(|name| fold(name).unwrap()).collect();
    let unique_id = directory.unique_id(entry.value(unique_id).unwrap()).unwrap();
    Found {
        unique_id,
        name: name.to_owned(),
        dn: entry.dn.clone(),
        profile: Profile { mail, ..Profile::default() },
        member_of: vec![],
        primary_group: None,
        state: AccountState::default(),
        names,
    }
}

impl Home {
    pub fn new() -> Self {
        let home = Path::new("/tmp").join(format!("vestibule-it-{}", Ambient::system().id()));
        fs::create_dir(&home).unwrap();
        Self(home)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A CA, and a certificate of it for where the appliance listens.
fn certificate(home: &Home) -> CertifiedIssuer<'static, KeyPair> {
    let ca = slapd::authority("Test appliance CA");
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.subject_alt_names.push(SanType::IpAddress(HERE));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    for (name, text) in [("ca.pem", ca.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())] {
        fs::write(home.0.join(name), text).unwrap();
    }
    ca
}
