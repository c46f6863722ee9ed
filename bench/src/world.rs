//! Everything that stands around the appliance while it is measured, and the appliance most rows look at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, version};
use sqlx::postgres::PgConnectOptions;
use vestibule::ambient::Ambient;
use vestibule::store::Store;

use crate::appliance::{self, Appliance, Setup};
use crate::connection::Target;
use crate::datagrams::Server;
use crate::load::{Length, Run, Work, closed_loop};
use crate::people::Kind;
use crate::seed::{self, Seed};
use crate::usage::Watched;
use crate::works::{Counters, Secret};
use crate::{Fault, Options};

/// What scripts/bench.sh has started, and how to measure it.
pub struct World {
    pub options: Options,
    pub direct: Target,
    pub haproxy: Target,
    pub haproxy_tls: Target,
    pub back_ldap: Target,
    pub freeradius: Server,
    pub gateway: Secret,
    /// Hex.
    master_key: String,
    /// TLS as the load generator speaks it.
    pub tls: Arc<ClientConfig>,
    peers: Vec<Watched>,
}

/// An appliance in front of the directory, and how it is reached from every side.
pub struct Ours {
    pub appliance: Appliance,
    pub target: Target,
    pub radius: Server,
    pub store: Store,
    pub counters: Counters,
}

/// How large an appliance's database is.
#[derive(Clone, Copy, Default)]
pub struct Books {
    pub hotp_people: usize,
    pub totp_people: usize,
    pub app_people: usize,
    pub others: usize,
    pub audit_rows: usize,
}

impl Books {
    /// Everybody who signs in with a code and nobody else.
    pub fn plain() -> Self {
        Self { hotp_people: Kind::Hotp.count(), totp_people: Kind::Totp.count(), ..Self::default() }
    }
}

const LDAP: u16 = 3389;
const LDAPS: u16 = 3636;

impl World {
    pub fn new(options: Options) -> Result<Self, Fault> {
        let tls = Arc::new(client_tls(&options)?);
        let at = |name, last, port| Ok::<_, Fault>(Target::new(name, SocketAddr::new(options.host(last)?, port)));
        let watched = |name, pid| Watched { name, pid };
        Ok(Self {
            direct: at("slapd", 1, LDAP)?,
            haproxy: at("HAProxy", 2, LDAP)?,
            haproxy_tls: Target { tls: Some(Arc::clone(&tls)), ..at("HAProxy", 2, LDAPS)? },
            back_ldap: at("back-ldap", 3, LDAP)?,
            freeradius: Server { signs: false, ..server("FreeRADIUS", options.host(20)?, &options) },
            master_key: HEXLOWER.encode(&Ambient::system().bytes::<32>()),
            gateway: options.gateway_password.as_str().into(),
            peers: vec![
                watched("slapd", options.slapd_pid),
                watched("HAProxy", options.haproxy_pid),
                watched("back-ldap", options.back_ldap_pid),
                watched("FreeRADIUS", options.freeradius_pid),
                watched("postgres", options.postgres_pid),
                Watched::itself(),
            ],
            tls,
            options,
        })
    }

    pub fn span(&self) -> Length {
        Length::Time(self.span_of(1.0))
    }

    /// So many times the length of a round.
    pub fn span_of(&self, times: f64) -> Duration {
        Duration::from_secs_f64(self.options.seconds * times)
    }

    /// How an appliance of this name is set up, at the address with this last number.
    pub fn setup(&self, name: &'static str, last: u8, database_url: Option<String>) -> Result<Setup, Fault> {
        let Options { program, work, certificate, private_key, .. } = &self.options;
        Ok(Setup {
            name,
            program: program.clone(),
            folder: work.join(name),
            host: self.options.host(last)?,
            database_url,
            certificate: certificate.clone(),
            private_key: private_key.clone(),
            master_key: self.master_key.clone(),
        })
    }

    pub fn seed(&self, database: PgConnectOptions, books: Books, slapd: SocketAddr) -> Seed<'_> {
        let Books { hotp_people, totp_people, app_people, others, audit_rows } = books;
        Seed {
            database,
            master_key: &self.master_key,
            slapd,
            appliance_password: &self.options.appliance_password,
            hotp_people,
            totp_people,
            app_people,
            others,
            audit_rows,
            waits_from: format!("{}.128/25", self.options.network),
            radius_secret: &self.options.radius_secret,
        }
    }

    /// An appliance with a database of its own, filled and ready.
    pub async fn appliance(&self, name: &'static str, last: u8, books: Books) -> Result<Ours, Fault> {
        let url = seed::create_database(&self.options.postgres, &format!("bench_{name}")).await?;
        let store = seed::fill(&self.seed(url.parse()?, books, self.direct.address)).await?;
        let setup = self.setup(name, last, Some(url))?;
        let appliance = setup.start().await?;
        let target = Target::new("vestibule", setup.ldap());
        let radius = server("vestibule", setup.host, &self.options);
        Ok(Ours { appliance, target, radius, store, counters: Counters::new() })
    }

    /// Runs workers while the appliance and its peers are watched.
    pub async fn run<W: Work>(&self, ours: &Ours, workers: Vec<W>, length: Length) -> Result<Run, Fault> {
        let mut watched = self.peers.clone();
        watched.push(ours.appliance.watched());
        closed_loop(workers, length, &watched).await
    }

    /// The addresses that waiting clients speak from.
    pub fn waiting_source(&self, number: usize) -> Result<IpAddr, Fault> {
        self.options.host(u8::try_from(128 + number % 16)?)
    }
}

/// A server that signs its answers, asked by the gateway.
fn server(name: &'static str, host: IpAddr, options: &Options) -> Server {
    Server {
        name,
        address: SocketAddr::new(host, appliance::RADIUS),
        secret: options.radius_secret.as_str().into(),
        signs: true,
        source: Ipv4Addr::LOCALHOST.into(),
        resent: Arc::default(),
    }
}

/// One cipher suite and one group, so that both servers do the same work; every handshake is a full one.
fn client_tls(options: &Options) -> Result<ClientConfig, Fault> {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&options.certificate)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

impl Options {
    /// An address of the network the benchmark keeps to.
    pub fn host(&self, last: u8) -> Result<IpAddr, Fault> {
        Ok(format!("{}.{last}", self.network).parse()?)
    }

    pub fn image(&self) -> Option<&PathBuf> {
        self.image.as_ref().filter(|path| path.exists())
    }
}
