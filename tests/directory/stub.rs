//! A directory server that does as scripted: any bytes at any time.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
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

/// Answers every request with what `answer` makes of it.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: impl Fn(&Frame) -> Vec<u8>) {
    let mut buffer = BytesMut::new();
    while let Some(frame) = request(&mut stream, &mut buffer).await {
        if stream.write_all(&answer(&frame)).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// The server side of TLS with this certificate, signed by `ca` or by itself.
pub fn acceptor(params: &CertificateParams, ca: Option<&CertifiedIssuer<'static, KeyPair>>) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = match ca {
        Some(ca) => params.signed_by(&key, ca).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A certificate for the stub's address.
pub fn rightly_named() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::IpAddress(address()));
    params
}

/// Waits until the other side closes.
pub async fn until_closed(mut stream: impl AsyncRead + Unpin) {
    let mut rest = vec![];
    let _ = stream.read_to_end(&mut rest).await;
}
