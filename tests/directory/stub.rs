//! A directory server that does as scripted: any bytes at any time.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use vestibule::wire::frame::{self, Frame};

/// Listens until dropped. Each connection is handed to the script, numbered from 0.
pub struct Stub {
    pub addr: SocketAddr,
    _running: JoinSet<()>,
}

impl Stub {
    pub async fn start<F, Fut>(script: F) -> Self
    where
        F: Fn(TcpStream, usize) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::on(TcpListener::bind((address(), 0)).await.unwrap(), script)
    }

    pub fn on<F, Fut>(listener: TcpListener, script: F) -> Self
    where
        F: Fn(TcpStream, usize) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let addr = listener.local_addr().unwrap();
        let counter = AtomicUsize::new(0);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut scripts = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                scripts.spawn(script(stream, counter.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self { addr, _running: running }
    }
}

pub fn address() -> IpAddr {
    IpAddr::from([127, 0, 4, 2])
}

/// The next whole message, or `None` when the client has gone.
pub async fn request<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> Option<Frame> {
    loop {
        if let Some(frame) = frame::split(buffer, 1 << 20).unwrap() {
            return Some(frame);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Answers every bind and every search with what `answer` makes of it.
pub async fn converse(mut stream: TcpStream, answer: impl Fn(&Frame) -> Vec<u8>) {
    let mut buffer = BytesMut::new();
    while let Some(frame) = request(&mut stream, &mut buffer).await {
        if stream.write_all(&answer(&frame)).await.is_err() {
            return;
        }
    }
}

/// Waits until the other side closes.
pub async fn until_closed(mut stream: impl AsyncRead + Unpin) {
    let mut rest = vec![];
    let _ = stream.read_to_end(&mut rest).await;
}
