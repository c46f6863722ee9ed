//! A way between two programs that a test can shut: cut, or fallen silent.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::in_time;

/// Open until told otherwise; gone when dropped.
pub struct Gate {
    pub addr: SocketAddr,
    state: watch::Sender<State>,
    /// Bytes that have gone towards the target.
    passed: watch::Receiver<usize>,
    _running: JoinSet<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Connections are reset, new ones too.
    Cut,
    /// Connections stay and nothing comes through, as behind a firewall that forgot them. They never come back to life.
    Silent,
}

#[derive(Clone)]
enum Target {
    Tcp(SocketAddr),
    Socket(PathBuf),
}

impl Gate {
    pub async fn to(address: IpAddr, target: SocketAddr) -> Self {
        Self::open(address, Target::Tcp(target)).await
    }

    /// Leads to a test's database, at this URL.
    pub async fn to_database(address: IpAddr, database: &str) -> (Self, String) {
        let options: sqlx::postgres::PgConnectOptions = database.parse().unwrap();
        let socket = options.get_socket().expect("the throwaway PostgreSQL has a socket only");
        let target = Target::Socket(socket.join(format!(".s.PGSQL.{}", options.get_port())));
        let gate = Self::open(address, target).await;
        let url = format!(
            "postgres://{}@{}/{}",
            options.get_username(),
            gate.addr,
            options.get_database().expect("a test has a database of its own")
        );
        (gate, url)
    }

    async fn open(address: IpAddr, target: Target) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Open);
        let (count, passed) = watch::channel(0);
        let count = Arc::new(count);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                pairs.spawn(pair(stream, target.clone(), seen.clone(), Arc::clone(&count)));
            }
        });
        Self { addr, state, passed, _running: running }
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    pub fn silence(&self) {
        self.state.send_replace(State::Silent);
    }

    pub fn restore(&self) {
        self.state.send_replace(State::Open);
    }

    /// Bytes so far, towards the target.
    pub fn passed(&self) -> usize {
        *self.passed.borrow()
    }

    /// Waits until more has gone towards the target than `before`.
    pub async fn passes_more_than(&self, before: usize) {
        let mut passed = self.passed.clone();
        in_time("bytes through the gate", passed.wait_for(|count| *count > before)).await.unwrap();
    }
}

async fn pair(near: TcpStream, target: Target, mut state: watch::Receiver<State>, count: Arc<watch::Sender<usize>>) {
    // Closing it resets the connection.
    socket2::SockRef::from(&near).set_linger(Some(Duration::ZERO)).unwrap();
    let begun = *state.borrow_and_update();
    match begun {
        State::Cut => return,
        State::Silent => {
            let _ = state.wait_for(|state| *state == State::Cut).await;
            return;
        }
        State::Open => {}
    }
    let (near_in, near_out) = near.into_split();
    match target {
        Target::Tcp(address) => {
            let Ok(far) = TcpStream::connect(address).await else { return };
            let (far_in, far_out) = far.into_split();
            run((near_in, near_out), (far_in, far_out), state, &count).await;
        }
        Target::Socket(path) => {
            let Ok(far) = UnixStream::connect(path).await else { return };
            let (far_in, far_out) = far.into_split();
            run((near_in, near_out), (far_in, far_out), state, &count).await;
        }
    }
}

async fn run(
    mut near: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    mut far: (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    mut state: watch::Receiver<State>,
    count: &watch::Sender<usize>,
) {
    let shut = {
        let there = copy(&mut near.0, &mut far.1, |bytes| count.send_modify(|count| *count += bytes));
        let back = copy(&mut far.0, &mut near.1, |_| {});
        tokio::select! {
            () = there => return,
            () = back => return,
            shut = async { state.wait_for(|state| *state != State::Open).await.map(|state| *state) } => shut,
        }
    };
    // Both sides are still held, and nobody reads them.
    if matches!(shut, Ok(State::Silent)) {
        let _ = state.wait_for(|state| *state == State::Cut).await;
    }
}

async fn copy(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), passed: impl Fn(usize)) {
    let mut chunk = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
        passed(count);
    }
}
