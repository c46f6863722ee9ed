//! What an appliance finds in its database: the directory, the gateways, the people with their authenticators; and, for
//! the measure of growth, as many other people and as long an audit trail as asked for.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool};
use uuid::Uuid;
use vestibule::ambient::Ambient;
use vestibule::domain::client::radius::RadiusPolicy;
use vestibule::domain::client::{Client, CodeForm, ServiceAccount, ServiceAccounts, UserMatch};
use vestibule::domain::directory::attributes::AttributeMap;
use vestibule::domain::directory::{Directory, DirectoryKind, PageSize, Server, Transport};
use vestibule::domain::dn::Dn;
use vestibule::domain::factor::Factor;
use vestibule::domain::ids::{ClientId, DirectoryId};
use vestibule::domain::secret::{Password, SharedSecret};
use vestibule::store::audit::Actor;
use vestibule::store::seal::{Keyring, Place};
use vestibule::store::{Connect, Store};

use crate::Fault;
use crate::people::{APPLIANCE, EXEMPT_BASE, GATEWAY, Kind, Person, SUFFIX};

/// What to put into a database.
pub struct Seed<'a> {
    pub database: PgConnectOptions,
    pub master_key: &'a str,
    pub slapd: std::net::SocketAddr,
    pub appliance_password: &'a str,
    /// How many of the people of each kind.
    pub hotp_people: usize,
    pub totp_people: usize,
    pub app_people: usize,
    /// People who never sign in.
    pub others: usize,
    pub audit_rows: usize,
    /// The network whose sign-ins may wait for a person for ten minutes.
    pub waits_from: String,
    pub radius_secret: &'a str,
}

/// Where the gateway speaks from.
const GATEWAY_NETWORK: &str = "127.0.0.0/8";

/// Creates the database `name` on the server of `admin` and returns its URL.
pub async fn create_database(admin: &str, name: &str) -> Result<String, Fault> {
    let pool = PgPool::connect(admin).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&pool).await?;
    pool.close().await;
    let (server, _) = admin.rsplit_once('/').ok_or("the database URL names no database")?;
    Ok(format!("{server}/{name}"))
}

/// Opens the store of an appliance from beside it, for answers to prompts.
pub async fn open(database: PgConnectOptions, master_key: &str) -> Result<Store, Fault> {
    let connect = Connect { options: database, max_connections: 2, acquire_timeout: Duration::from_secs(10) };
    Ok(Store::open(connect, Keyring::parse(master_key)?, Ambient::system()).await?)
}

/// Brings the schema up and fills it.
pub async fn fill(seed: &Seed<'_>) -> Result<Store, Fault> {
    let store = open(seed.database.clone(), seed.master_key).await?;
    let by = Actor("benchmark".to_owned());
    let directory = directory(seed, store.ambient().id());
    store.add_directory(&directory, &by).await?;
    for (name, network, answer_by) in
        [("gateway", GATEWAY_NETWORK, Duration::from_secs(55)), ("waits", &*seed.waits_from, Duration::from_mins(10))]
    {
        let client = client(&store, directory.id, name, network, answer_by)?;
        let radius = RadiusPolicy::new(SharedSecret::new(seed.radius_secret.as_bytes()));
        store.add_client(&Client { radius: Some(radius), ..client }, &by).await?;
    }
    // On connections of its own: an appliance's end a statement that takes as long as these may.
    let pool = PgPool::connect_with(seed.database.clone()).await?;
    people(&pool, &store, directory.id, seed).await?;
    audit(&pool, seed.audit_rows).await?;
    for table in ["users", "user_names", "authenticators", "audit_events"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("vacuum analyze {table}"))).execute(&pool).await?;
    }
    // The embedded database's role may not ask for one (insufficient_privilege); there it comes when it comes.
    if let Err(fault) = sqlx::query("checkpoint").execute(&pool).await
        && fault.as_database_error().and_then(|fault| fault.code()).as_deref() != Some("42501")
    {
        return Err(fault.into());
    }
    pool.close().await;
    Ok(store)
}

fn directory(seed: &Seed<'_>, id: Uuid) -> Directory {
    let server = Server { host: seed.slapd.ip().to_string(), port: seed.slapd.port(), transport: Transport::Plain };
    Directory {
        id: DirectoryId(id),
        name: "bench".to_owned(),
        kind: DirectoryKind::OpenLdap,
        servers: vec![server],
        base_dn: SUFFIX.to_owned(),
        bind_dn: APPLIANCE.to_owned(),
        bind_password: Password::new(seed.appliance_password.as_bytes()),
        ca_pem: None,
        domain: None,
        attributes: AttributeMap::default(),
        page_size: PageSize::default(),
        connect_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(10),
    }
}

fn client(
    store: &Store,
    directory: DirectoryId,
    name: &str,
    network: &str,
    answer_by: Duration,
) -> Result<Client, Fault> {
    let exempt = |who| ServiceAccount { who, from: vec![] };
    Ok(Client {
        id: ClientId(store.ambient().id()),
        name: name.to_owned(),
        group: name.to_owned(),
        directory,
        addresses: vec![network.parse()?],
        user_match: UserMatch::Refuse,
        factors: vec![Factor::App, Factor::Totp, Factor::Hotp],
        bare_approval: true,
        answer_by,
        grace: Duration::ZERO,
        trusted_networks: vec![],
        service_accounts: vec![
            exempt(ServiceAccounts::Exact(Dn::parse(GATEWAY)?)),
            exempt(ServiceAccounts::Subtree(Dn::parse(EXEMPT_BASE)?)),
        ],
        code_form: CodeForm::DEFAULT,
        allow_plaintext: true,
        allow_anonymous: false,
        allow_root_dse: true,
        allow_password_compare: false,
        portal: false,
        first_enrolment: false,
        radius: None,
    })
}

/// Rows on their way into the database, column by column.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    users: Vec<Uuid>,
    factors: Vec<&'static str>,
    seeds: Vec<Option<Vec<u8>>>,
    digits: Vec<Option<i16>>,
    positions: Vec<Option<i64>>,
}

async fn people(pool: &PgPool, store: &Store, directory: DirectoryId, seed: &Seed<'_>) -> Result<(), Fault> {
    let of = |kind, count| Person::all(kind).take(count);
    let known =
        of(Kind::Hotp, seed.hotp_people).chain(of(Kind::Totp, seed.totp_people)).chain(of(Kind::App, seed.app_people));
    let (mut ids, mut unique_ids, mut names, mut dns) = (vec![], vec![], vec![], vec![]);
    let mut tokens = Columns::default();
    for person in known {
        ids.push(person.user_id());
        unique_ids.push(person.unique_id().to_string());
        names.push(person.uid());
        dns.push(person.dn());
        tokens.add(store, &person);
    }
    let mut tx = pool.begin().await?;
    // Everybody stands among the others as if they had come one by one.
    sqlx::query("create temporary table arrivals (id uuid, unique_id text, name text, dn text) on commit drop")
        .execute(&mut *tx)
        .await?;
    sqlx::query("insert into arrivals select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[])")
        .bind(&ids)
        .bind(&unique_ids)
        .bind(&names)
        .bind(&dns)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "insert into arrivals
         select gen_random_uuid(), gen_random_uuid()::text, 'o' || n, 'uid=o' || n || ',ou=others,dc=bench,dc=test'
         from generate_series(1, $1) n",
    )
    .bind(i64::try_from(seed.others)?)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into users (id, directory_id, unique_id, name, dn, mail, created_at)
         select id, $1, unique_id, name, dn, name || '@bench.test', now() from arrivals order by random()",
    )
    .bind(directory.0)
    .execute(&mut *tx)
    .await?;
    sqlx::query("insert into user_names (directory_id, folded, user_id) select $1, name, id from arrivals")
        .bind(directory.0)
        .execute(&mut *tx)
        .await?;
    tokens.write(&mut tx).await?;
    // The others' seeds are never opened.
    sqlx::query(
        "insert into authenticators (id, user_id, factor, label, seed_sealed, hash, digits, period, position, created_at, proven_at)
         select gen_random_uuid(), id, 'hotp', 'token', decode(repeat('5a', 66), 'hex'), 'SHA1', 6, 30, 0, now(), now()
         from arrivals where name like 'o%' order by random()",
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

impl Columns {
    fn add(&mut self, store: &Store, person: &Person) {
        if person.kind == Kind::App {
            self.push(person.drawn("app"), person, "app", None, None, None);
            return;
        }
        let id = person.drawn("token");
        // The row's place is part of what the seal covers (store::authenticators).
        let place = Place::new("authenticators", "seed_sealed", id.as_bytes());
        let sealed = store.keyring().seal(&place, &person.seed(), store.ambient().bytes());
        let (factor, position) = match person.kind {
            Kind::Hotp => ("hotp", Some(0)),
            Kind::Totp => ("totp", None),
            Kind::Exempt | Kind::App => return,
        };
        let digits = i16::try_from(person.kind.digits()).ok();
        self.push(id, person, factor, Some(sealed), digits, position);
        self.push(person.drawn("app"), person, "app", None, None, None);
    }

    fn push(
        &mut self,
        id: Uuid,
        person: &Person,
        factor: &'static str,
        seed: Option<Vec<u8>>,
        digits: Option<i16>,
        position: Option<i64>,
    ) {
        self.ids.push(id);
        self.users.push(person.user_id());
        self.factors.push(factor);
        self.seeds.push(seed);
        self.digits.push(digits);
        self.positions.push(position);
    }

    async fn write(&self, tx: &mut sqlx::PgConnection) -> Result<(), Fault> {
        sqlx::query(
            "insert into authenticators (id, user_id, factor, label, seed_sealed, hash, digits, period, position, created_at, proven_at)
             select id, user_id, factor, 'token', seed, case when seed is null then null else 'SHA1' end, digits,
                    case when seed is null then null else 30 end, position, now(), now()
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::smallint[], $6::bigint[])
                  as t(id, user_id, factor, seed, digits, position)",
        )
        .bind(&self.ids)
        .bind(&self.users)
        .bind(&self.factors)
        .bind(&self.seeds)
        .bind(&self.digits)
        .bind(&self.positions)
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// A trail as another process would have left it over a year. Its chain is not to be verified.
async fn audit(pool: &PgPool, rows: usize) -> Result<(), Fault> {
    if rows == 0 {
        return Ok(());
    }
    sqlx::query(
        "insert into audit_events (writer, seq, at, user_id, body, mac)
         select '00000000-0000-0000-0000-0000000000be', n, now() - interval '1 year' * ($1 - n) / $1, u.id,
                '{\"event\":\"sign_in\",\"sign_in\":\"' || gen_random_uuid() || '\",\"door\":\"ldap\",\"client\":\"'
                || gen_random_uuid() || '\",\"client_name\":\"gateway\",\"user\":\"' || u.id || '\",\"name\":\"' || u.name
                || '\",\"source\":\"127.0.0.1\",\"outcome\":\"granted\",\"reason\":\"hotp\"}', decode(repeat('5a', 32), 'hex')
         from (select row_number() over () as n, users.id, users.name
               from users, generate_series(1, 1 + $1 / (select count(*) from users)) limit $1) u",
    )
    .bind(i64::try_from(rows)?)
    .execute(pool)
    .await?;
    Ok(())
}
