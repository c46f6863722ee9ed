//! Sockets of the portal: HTTPS with the shared certificate, and plain HTTP that sends browsers on to it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::dress::Peer;
use super::house::House;
use super::routes;
use crate::config::{PublicUrl, WebConfig};
use crate::domain::client;
use crate::flows::places::Places;
use crate::flows::throttle::network;
use crate::sockets::{self, proxy_header};
use crate::tasks::{Stop, Tasks};
use crate::telemetry::metrics;

/// Why the portal cannot open.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for web pages: {source}; is the port in use, or does it need more privileges?")]
pub struct ListenFault {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// The door with its sockets bound; nothing is accepted before [`Door::open`].
pub struct Door {
    secure: Vec<TcpListener>,
    plain: Vec<TcpListener>,
}

/// After a failed accept (descriptors used up), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a request under way may take when the process stops.
const LAST_REQUEST: Duration = Duration::from_secs(5);
/// How long an answer that is still streamed may take on a connection that asks for nothing more.
const LAST_STREAM: Duration = Duration::from_secs(75);
/// The head of a request; more is no browser's.
const LARGEST_HEAD: usize = 32 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;

impl Door {
    pub fn bind(settings: &WebConfig) -> Result<Self, ListenFault> {
        let listen = |addresses: &[SocketAddr]| {
            let bound =
                addresses.iter().map(|at| sockets::listen(*at).map_err(|source| ListenFault { address: *at, source }));
            bound.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { secure: listen(&settings.listen)?, plain: listen(&settings.listen_plain)? })
    }

    /// Begins to accept. Connections run until they end or `tasks` stops.
    pub fn open(self, house: &Arc<House>, tls: &ServerConfig, tasks: &Tasks) {
        let mut tls = tls.clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let secure = Arc::new(Way {
            router: routes::router(Arc::clone(house)),
            tls: Some(TlsAcceptor::from(Arc::new(tls))),
            connections: Semaphore::new(house.settings.max_connections),
            by_source: Places::default(),
            settings: house.settings.clone(),
            tasks: tasks.clone(),
        });
        let plain = Arc::new(Way {
            router: onward(house.url.clone()),
            tls: None,
            connections: Semaphore::new(house.settings.max_connections),
            by_source: Places::default(),
            settings: house.settings.clone(),
            tasks: tasks.clone(),
        });
        for listener in self.secure {
            let way = Arc::clone(&secure);
            tasks.spawn("web-listener", move |stop| accept(listener, way, stop));
        }
        for listener in self.plain {
            let way = Arc::clone(&plain);
            tasks.spawn("web-plain-listener", move |stop| accept(listener, way, stop));
        }
    }
}

/// A way in: what is spoken on its connections and how many there may be.
struct Way {
    router: Router,
    /// `None`: plain HTTP.
    tls: Option<TlsAcceptor>,
    connections: Semaphore,
    /// Connections by where they come from.
    by_source: Places<IpAddr>,
    settings: WebConfig,
    tasks: Tasks,
}

async fn accept(listener: TcpListener, way: Arc<Way>, stop: Stop) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (serving, stop) = (Arc::clone(&way), stop.clone());
                way.tasks.spawn_many("web-connection", async move { serving.serve(stream, peer.ip(), stop).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                metrics::connection_refused("accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Way {
    async fn serve(&self, mut stream: TcpStream, peer: IpAddr, stop: Stop) {
        let Ok(_permit) = self.connections.try_acquire() else {
            metrics::connection_refused("full");
            return;
        };
        let _open = metrics::connection_opened(if self.tls.is_some() { "https" } else { "http" });
        let _ = stream.set_nodelay(true);
        let peer = peer.to_canonical();
        let limit = self.settings.request_timeout;
        let source = if client::contains(&self.settings.proxy_protocol_from, peer) {
            let Ok(Ok(named)) = timeout(limit, proxy_header(&mut stream)).await else {
                metrics::connection_refused("proxy_header");
                tracing::warn!(%peer, "a balancer's connection without a usable PROXY header refused");
                return;
            };
            named.unwrap_or(peer).to_canonical()
        } else {
            peer
        };
        // One source leaves room for others. A proxy that is trusted speaks for many.
        let limit_of_one = self.settings.max_connections.div_ceil(4);
        let is_proxy = client::contains(&self.settings.trusted_proxies, source);
        let place = self.by_source.take(network(source), if is_proxy { usize::MAX } else { limit_of_one });
        let Some(_place) = place else {
            metrics::connection_refused("source_full");
            return;
        };
        match &self.tls {
            None => Box::pin(self.converse(stream, source, stop)).await,
            Some(acceptor) => match timeout(limit, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Box::pin(self.converse(stream, source, stop)).await,
                Ok(Err(error)) => {
                    metrics::connection_refused("tls");
                    tracing::debug!(%source, %error, "TLS handshake failed");
                }
                Err(_) => metrics::connection_refused("tls"),
            },
        }
    }

    /// HTTP/1.1 or 2, until the browser leaves, is too slow, or the process stops.
    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, source: IpAddr, stop: Stop) {
        let pulse = Arc::new(Pulse::default());
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(source));
            let (beat, router) = (pulse.beat(), self.router.clone());
            async move {
                let _beat = beat;
                router.oneshot(request).await
            }
        });
        let mut builder = auto::Builder::new(OnTasks(self.tasks.clone()));
        let limit = self.settings.request_timeout;
        builder.http1().timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(LARGEST_HEAD);
        let http2 = &mut builder.http2();
        http2.timer(TokioTimer::new()).keep_alive_interval(limit).keep_alive_timeout(limit);
        http2.max_concurrent_streams(STREAMS).max_header_list_size(32 * 1024);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let patience = tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%source, %error, "connection ended");
                }
                return;
            }
            () = stop.requested() => LAST_REQUEST,
            () = pulse.idle(limit) => LAST_STREAM,
        };
        connection.as_mut().graceful_shutdown();
        let ended = tokio::select! {
            ended = timeout(patience, connection.as_mut()) => ended.unwrap_or(Ok(())),
            ended = async {
                stop.requested().await;
                timeout(LAST_REQUEST, std::future::pending()).await.unwrap_or(Ok(()))
            } => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%source, %error, "connection ended");
        }
    }
}

/// The requests of a connection. One without any, whatever else it says, is closed: places are few, and neither HTTP/2's pings
/// nor a silent TLS connection may keep one.
#[derive(Default)]
struct Pulse {
    begun: AtomicUsize,
    under_way: AtomicUsize,
}

struct Beat(Arc<Pulse>);

impl Pulse {
    fn beat(self: &Arc<Self>) -> Beat {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Beat(Arc::clone(self))
    }

    /// Completes after a time without a request; at the latest after twice that.
    async fn idle(&self, limit: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(limit).await;
            if self.under_way.load(Ordering::Relaxed) == 0 && self.begun.load(Ordering::Relaxed) == begun {
                return;
            }
        }
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs what HTTP/2 does beside its connection.
#[derive(Clone)]
struct OnTasks(Tasks);

impl<F> hyper::rt::Executor<F> for OnTasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        self.0.spawn_many("web-stream", async move {
            future.await;
        });
    }
}

/// Sends browsers on to HTTPS. What is posted in the clear is not repeated: the person should see that it was in the clear.
fn onward(url: PublicUrl) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let response = redirect(&url, &request);
        async move { response }
    })
}

fn redirect(url: &PublicUrl, request: &Request<Body>) -> Response<Body> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    if !host.eq_ignore_ascii_case(url.host()) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return (StatusCode::FORBIDDEN, format!("use {}\n", url.origin())).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Redirect::permanent(&url.link(path)).into_response()
}
