//! The appliance under measurement: its configuration, its process, its end.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Fault;
use crate::usage::Watched;

/// How one appliance is set up.
#[derive(Clone)]
pub struct Setup {
    pub name: &'static str,
    pub program: PathBuf,
    /// A folder of its own, which the database's user can pass through.
    pub folder: PathBuf,
    pub host: IpAddr,
    /// `None`: the embedded one.
    pub database_url: Option<String>,
    pub certificate: PathBuf,
    pub private_key: PathBuf,
    /// Hex.
    pub master_key: String,
}

pub const LDAP: u16 = 3389;
pub const LDAPS: u16 = 3636;
pub const RADIUS: u16 = 1812;
const MANAGEMENT: u16 = 8389;
/// The appliance's word for being busy with its end; longer means that it hangs.
const END: Duration = Duration::from_secs(40);
const READY: Duration = Duration::from_secs(60);

impl Setup {
    pub fn ldap(&self) -> SocketAddr {
        SocketAddr::new(self.host, LDAP)
    }

    pub fn ldaps(&self) -> SocketAddr {
        SocketAddr::new(self.host, LDAPS)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("vestibule.toml")
    }

    /// Writes the configuration. It departs from the defaults only in addresses and in limits that would stop the
    /// load itself: connections, and prompts to one person.
    pub fn write(&self) -> Result<(), Fault> {
        use std::io::Write as _;
        fs::create_dir_all(&self.folder)?;
        let Self { folder, host, certificate, private_key, master_key, .. } = self;
        let database = self.database_url.as_ref().map_or(String::new(), |url| format!("[database]\nurl = \"{url}\"\n"));
        let (folder, certificate, key) = (folder.display(), certificate.display(), private_key.display());
        let text = format!(
            "state_dir = \"{folder}\"\n\
             [ldap]\nlisten = [\"{host}:{LDAP}\"]\nlisten_tls = [\"{host}:{LDAPS}\"]\n\
             max_connections = 19000\nmax_connections_per_client = 19000\n\
             [web]\nlisten = []\nlisten_plain = []\n[radius]\nlisten = [\"{host}:{RADIUS}\"]\nlisten_accounting = []\nlisten_radsec = []\n\
             max_waiting = 60000\n\
             [management]\nlisten = \"{host}:{MANAGEMENT}\"\n\
             {database}\
             [master_key]\nkey = \"{master_key}\"\n\
             [tls]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"\n\
             [log]\nformat = \"json\"\n\
             [sign_in]\nprompts_per_hour = 1000\n"
        );
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(self.config())?;
        Ok(file.write_all(text.as_bytes())?)
    }

    /// The program with its configuration, to be told what to do.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.config());
        command
    }

    /// Starts the process; it may not be ready yet.
    pub fn spawn(&self) -> Result<Appliance, Fault> {
        let log = File::options().create(true).append(true).open(self.folder.join("vestibule.log"))?;
        let child = self
            .command()
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", self.program.display()))?;
        let pid = child.id().ok_or("the appliance ended at once")?;
        // Whoever cleans up after a measurement that broke off finds the process by this file.
        fs::write(self.folder.join("vestibule.pid"), format!("{pid}\n"))?;
        Ok(Appliance { setup: self.clone(), child, pid })
    }

    /// Starts the process and waits until it says that it is ready.
    pub async fn start(&self) -> Result<Appliance, Fault> {
        self.write()?;
        let mut appliance = self.spawn()?;
        appliance.ready().await?;
        Ok(appliance)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.join("vestibule.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// An appliance that runs.
pub struct Appliance {
    pub setup: Setup,
    child: Child,
    pid: u32,
}

impl Appliance {
    pub fn watched(&self) -> Watched {
        Watched { name: "vestibule", pid: self.pid }
    }

    /// Waits until /readyz says so.
    pub async fn ready(&mut self) -> Result<(), Fault> {
        let began = Instant::now();
        let management = SocketAddr::new(self.setup.host, MANAGEMENT);
        while began.elapsed() < READY {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.ended(status));
            }
            if readyz(management).await.is_ok_and(|ready| ready) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err(format!("the appliance {} was not ready within {READY:?}: {}", self.setup.name, self.setup.last_words())
            .into())
    }

    /// Asks it to end and waits until it has.
    pub async fn stop(mut self) -> Result<(), Fault> {
        self.ask_to_stop()?;
        let status = tokio::time::timeout(END, self.child.wait()).await;
        let status = status.map_err(|_| format!("the appliance {} did not end within {END:?}", self.setup.name))??;
        if status.success() { Ok(()) } else { Err(self.ended(status)) }
    }

    pub fn ask_to_stop(&self) -> Result<(), Fault> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or("no process id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    fn ended(&self, status: ExitStatus) -> Fault {
        format!("the appliance {} ended with {status}: {}", self.setup.name, self.setup.last_words()).into()
    }
}

async fn readyz(address: SocketAddr) -> Result<bool, Fault> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

/// The binary's size in bytes.
pub fn size(program: &Path) -> Result<u64, Fault> {
    Ok(fs::metadata(program)?.len())
}
