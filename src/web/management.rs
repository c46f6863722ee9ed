//! The management listener: is it alive, is it ready, and its metrics. On a port of its own, for the operator's network.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::tasks::Stop;
use crate::telemetry::metrics::Metrics;

/// What readiness depends on.
pub trait Readiness: Send + Sync {
    /// `None` when ready, else what is missing, in words.
    fn missing(&self) -> Option<String>;
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for health and metrics: {source}; is the port in use?")]
pub struct ListenFault {
    pub address: SocketAddr,
    pub source: io::Error,
}

struct Shared {
    readiness: Arc<dyn Readiness>,
    metrics: Metrics,
}

/// The listener, bound but not yet answering.
pub struct Management {
    listener: TcpListener,
}

impl Management {
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenFault> {
        let listener = TcpListener::bind(address).await.map_err(|source| ListenFault { address, source })?;
        Ok(Self { listener })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub async fn run(self, readiness: Arc<dyn Readiness>, metrics: Metrics, stop: Stop) -> io::Result<()> {
        let routes = Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(render))
            .with_state(Arc::new(Shared { readiness, metrics }));
        axum::serve(self.listener, routes).with_graceful_shutdown(async move { stop.requested().await }).await
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match shared.readiness.missing() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
    }
}

async fn render(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shared.metrics.render())
}
