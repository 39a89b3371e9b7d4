//! The HTTP server: reads requests, hands them to the gateway, writes what comes back.
//!
//! Nouns: an [`App`] is what all handlers share; a [`HttpError`] is a failure with its status.
//!
//! Invariants:
//! - every answer that is not a success has OpenAI's error body, also for unknown paths, wrong methods, bodies that are
//!   too large, and panics; nothing of the framework's own plain text shows;
//! - status codes are chosen in `error` alone;
//! - a stream commits to status 200 only when generation has begun, so whatever can fail before that is an HTTP error;
//! - after the signal to shut down nothing new is accepted; running answers finish within the grace, or end with an
//!   error event.
//!
//! Handlers are thin: what a request means is decided in `wire`, what happens to it in `gateway`.

mod answer;
mod auth;
mod body;
mod error;
mod metrics;
mod router;

pub use auth::ApiKeys;
pub use error::HttpError;
pub use metrics::Metrics;
pub use router::router;

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot, time::Instant};

use crate::gateway::Gateway;

/// What all handlers share.
pub struct App {
    pub gateway: Gateway,
    pub metrics: Metrics,
    pub keys: ApiKeys,
    /// Bytes of a request's body.
    pub body_limit: usize,
}

/// Serves until `shutdown` is ready and the running answers have ended, at the latest `grace` and two seconds later.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    shutdown: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    let (begin, begun) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // The other end is gone only when the server is, too.
        let _ = begin.send(());
    };
    // Small events shall leave at once.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(signal);
    let drained = async {
        if begun.await.is_err() {
            std::future::pending::<()>().await;
        }
        drain(&app, grace).await;
    };
    tokio::select! {
        ended = async { server.await } => ended,
        () = drained => Ok(()),
    }
}

/// Waits for the running answers. Ends when none is left for a moment (clients may keep silent connections open), or
/// when they had their time.
async fn drain(app: &App, grace: Duration) {
    const STEP: Duration = Duration::from_millis(50);
    const QUIET: Duration = Duration::from_millis(500);
    const FLUSH: Duration = Duration::from_secs(2);
    let begun = Instant::now();
    let mut busy = Instant::now();
    let mut stopped = false;
    tracing::info!(running = app.gateway.load().requests(), "shutting down");
    while begun.elapsed() < grace + FLUSH && busy.elapsed() < QUIET {
        if app.gateway.load().requests() > 0 {
            busy = Instant::now();
        }
        if !stopped && begun.elapsed() >= grace {
            tracing::warn!(running = app.gateway.load().requests(), "ending the answers that still run");
            app.gateway.stop();
            stopped = true;
        }
        tokio::time::sleep(STEP).await;
    }
}
