//! What the workers of a load do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::Fault;
use crate::connection::{Connection, Target};
use crate::datagrams::{Asker, Server};
use crate::load::Work;
use crate::people::{GATEWAY, Kind, Person};
use crate::radius::Request;

/// A password of the gateway's, which differs from run to run.
pub type Secret = Arc<str>;

/// Who signs in: a kind of people, and how many of them from which number on.
#[derive(Clone, Copy)]
pub struct Crowd {
    pub kind: Kind,
    pub first: usize,
    pub count: usize,
}

impl Crowd {
    pub fn all(kind: Kind) -> Self {
        Self { kind, first: 0, count: kind.count() }
    }
}

/// One worker's share of a crowd: no two workers ever sign the same person in.
pub struct Share {
    crowd: Crowd,
    worker: usize,
    workers: usize,
    random: u64,
    turn: Option<usize>,
}

impl Share {
    /// Somebody of the share at random, again and again.
    pub fn random(crowd: Crowd, worker: usize, workers: usize) -> Self {
        let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(worker as u64 + 1);
        Self { crowd, worker, workers, random, turn: None }
    }

    /// Everybody of the share once, in order.
    pub fn in_order(crowd: Crowd, worker: usize, workers: usize) -> Self {
        Self { turn: Some(0), ..Self::random(crowd, worker, workers) }
    }

    fn next(&mut self) -> Person {
        let size = (self.crowd.count / self.workers).max(1);
        let at = match &mut self.turn {
            Some(turn) => {
                *turn += 1;
                *turn - 1
            }
            None => {
                // xorshift64 (Marsaglia 2003).
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                usize::try_from(self.random >> 1).unwrap_or(0)
            }
        };
        Person { kind: self.crowd.kind, number: self.crowd.first + self.worker + self.workers * (at % size) }
    }
}

/// The next counter of everybody's HOTP token in one database.
#[derive(Clone)]
pub struct Counters(Arc<Vec<AtomicU64>>);

impl Counters {
    pub fn new() -> Self {
        Self(Arc::new((0..Kind::Hotp.count()).map(|_| AtomicU64::new(0)).collect()))
    }
}

/// What goes into the password field.
#[derive(Clone)]
pub enum Proof {
    Password,
    /// `password,code` with the next code of the person's token.
    Hotp(Counters),
    Totp,
}

impl Proof {
    fn field(&self, person: &Person) -> String {
        let password = person.password();
        match self {
            Self::Password => password,
            Self::Hotp(Counters(counters)) => {
                let counter = counters.get(person.number).map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed));
                format!("{password},{}", person.code(counter))
            }
            Self::Totp => format!("{password},{}", person.code_at(Timestamp::now().as_second())),
        }
    }
}

/// Searches for people over a connection that is bound.
pub struct Searches {
    connection: Connection,
    share: Share,
}

impl Searches {
    pub async fn begin(target: &Target, gateway: &str, share: Share) -> Result<Self, Fault> {
        let mut connection = Connection::open(target).await?;
        connection.bind(GATEWAY, gateway).await?;
        Ok(Self { connection, share })
    }
}

impl Work for Searches {
    async fn once(&mut self) -> Result<(), Fault> {
        self.connection.search_person(&self.share.next().uid()).await
    }
}

/// Binds of people, one after the other over one connection.
pub struct Binds {
    connection: Connection,
    share: Share,
}

impl Binds {
    pub async fn begin(target: &Target, share: Share) -> Result<Self, Fault> {
        Ok(Self { connection: Connection::open(target).await?, share })
    }
}

impl Work for Binds {
    async fn once(&mut self) -> Result<(), Fault> {
        let person = self.share.next();
        self.connection.bind(&person.dn(), &person.password()).await
    }
}

/// What a NetScaler does for one login: connect, bind as itself, search the person, bind as the person, unbind.
pub struct Cycles {
    pub target: Target,
    pub gateway: Secret,
    pub share: Share,
    pub proof: Proof,
}

impl Work for Cycles {
    async fn once(&mut self) -> Result<(), Fault> {
        let person = self.share.next();
        let mut connection = Connection::open(&self.target).await?;
        connection.bind(GATEWAY, &self.gateway).await?;
        connection.search_person(&person.uid()).await?;
        connection.bind(&person.dn(), &self.proof.field(&person)).await?;
        connection.leave().await
    }
}

/// Connect, bind as the gateway, unbind.
pub struct Visits {
    pub target: Target,
    pub gateway: Secret,
}

impl Work for Visits {
    async fn once(&mut self) -> Result<(), Fault> {
        let mut connection = Connection::open(&self.target).await?;
        connection.bind(GATEWAY, &self.gateway).await?;
        connection.leave().await
    }
}

/// Reads of an entry of a megabyte.
pub struct LargeReads {
    connection: Connection,
}

impl LargeReads {
    pub async fn begin(target: &Target, gateway: &str) -> Result<Self, Fault> {
        let mut connection = Connection::open(target).await?;
        connection.bind(GATEWAY, gateway).await?;
        Ok(Self { connection })
    }
}

impl Work for LargeReads {
    async fn once(&mut self) -> Result<(), Fault> {
        self.connection.read_large().await.map(drop)
    }
}

/// Sign-ins over RADIUS, one after the other.
pub struct RadiusSignIns {
    asker: Asker,
    share: Share,
    proof: Proof,
}

impl RadiusSignIns {
    pub async fn begin(server: &Server, share: Share, proof: Proof) -> Result<Self, Fault> {
        Ok(Self { asker: Asker::open(server).await?, share, proof })
    }
}

impl Work for RadiusSignIns {
    async fn once(&mut self) -> Result<(), Fault> {
        let person = self.share.next();
        self.asker.sign_in(&person.uid(), &self.proof.field(&person)).await.map(drop)
    }
}

/// Probes (RFC 5997).
pub struct Statuses {
    asker: Asker,
}

impl Statuses {
    pub async fn begin(server: &Server) -> Result<Self, Fault> {
        Ok(Self { asker: Asker::open(server).await? })
    }
}

impl Work for Statuses {
    async fn once(&mut self) -> Result<(), Fault> {
        self.asker.status().await
    }
}

/// The bytes of a sign-in that was answered, again and again. Its code works once, so whoever answers this with an
/// Access-Accept has kept the answer.
pub struct Duplicates {
    asker: Asker,
    request: Request,
}

impl Duplicates {
    pub async fn begin(server: &Server, mut share: Share, proof: &Proof) -> Result<Self, Fault> {
        let mut asker = Asker::open(server).await?;
        let person = share.next();
        let request = asker.sign_in(&person.uid(), &proof.field(&person)).await?;
        Ok(Self { asker, request })
    }
}

impl Work for Duplicates {
    async fn once(&mut self) -> Result<(), Fault> {
        self.asker.accepted(&self.request).await
    }
}
