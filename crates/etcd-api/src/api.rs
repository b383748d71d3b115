//! The API of one member: where every request of the client port arrives.

mod dispatch;
mod inflight;
mod options;
mod shared;
mod surface;

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use prometheus_client::registry::Registry;
use tonic_health::server::HealthReporter;

use crate::auth::{CommonName, Credentials};
use crate::grpc::{self, Body};
use crate::metrics::Metrics;
use crate::serve::Remote;
use crate::trace::{Traced, Tracer};
use crate::{Error, Replica, WatchStream, http as plain, watch};

pub(crate) use dispatch::unknown;
use dispatch::{Work, route, with_trace};
pub(crate) use inflight::{Inflight, Reserved};
pub use options::Options;
use shared::Common;
pub(crate) use shared::Shared;
pub use surface::Surface;

/// Answers every request of the client port. A cheap handle.
pub struct Api<R> {
    shared: Arc<Shared<R>>,
    parts: Arc<Parts>,
    surface: Surface,
    is_encrypted: bool,
}

/// What others answer, whoever calls.
#[derive(Clone)]
struct Parts {
    /// gRPC services that tonic serves.
    streams: Router,
    /// HTTP.
    http: Router,
    health: HealthReporter,
    tracer: Option<Arc<dyn Tracer>>,
}

impl<R> Clone for Api<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), parts: Arc::clone(&self.parts), ..*self }
    }
}

impl<R: Replica> Api<R> {
    /// The API of `replica`, counted by `metrics`; `registry` is what `/metrics` shows.
    pub fn new(replica: R, options: Options, metrics: Metrics, registry: Arc<Registry>) -> Self {
        let (reporter, health) = tonic_health::server::health_reporter();
        let shared = Arc::new(Shared::new(replica, Common::new(options, metrics, registry)));
        let parts = Parts {
            streams: tonic::service::Routes::new(health).prepare().into_axum_router(),
            http: plain::router(Arc::clone(&shared)),
            health: reporter,
            tracer: None,
        };
        Self { shared, parts: Arc::new(parts), surface: Surface::All, is_encrypted: false }
    }

    /// Opens a watch stream that does not come over the network, on behalf of a call with these headers: the same rules
    /// hold for it. Needs a Tokio runtime.
    ///
    /// # Errors
    /// The call is not admitted.
    pub fn watch(&self, headers: &HeaderMap) -> Result<WatchStream<R>, Error> {
        match Credentials::of(headers, &Extensions::new()) {
            Some(credentials) => watch::open(&Arc::new(self.shared.acting_for(credentials)), headers),
            None => watch::open(&self.shared, headers),
        }
    }

    /// Tells `tracer` of each gRPC call, those of the JSON gateway included.
    #[must_use]
    pub fn with_tracer(mut self, tracer: Arc<dyn Tracer>) -> Self {
        Arc::make_mut(&mut self.parts).tracer = Some(tracer);
        self
    }

    /// Serves these paths too. Panics when one of them is served already.
    #[must_use]
    pub fn with_http(mut self, more: Router) -> Self {
        let parts = Arc::make_mut(&mut self.parts);
        parts.http = std::mem::take(&mut parts.http).merge(more);
        self
    }

    /// Ends every stream, with `etcdserver: server stopped`: they would not end by themselves when connections drain.
    pub fn close_streams(&self) {
        self.shared.closing.cancel();
    }

    /// Answers one request.
    ///
    /// What can be decided at once is decided outside the future, which stays small that way.
    pub(crate) fn respond<B>(
        &self,
        request: Request<B>,
        remote: Remote,
    ) -> impl Future<Output = Response<Body>> + Send + use<R, B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let traced = if grpc::is_call(&request) { self.trace(&request) } else { None };
        let work = self.admit(request, remote);
        async move { with_trace(work.answer(remote).await, traced) }
    }

    /// The gRPC call of a request that has been let in already.
    pub(crate) async fn call(&self, request: Request<axum::body::Body>, remote: Remote) -> Response<Body> {
        let traced = self.trace(&request);
        with_trace(self.sort(request).answer(remote).await, traced)
    }

    fn trace<B>(&self, request: &Request<B>) -> Option<Box<Traced>> {
        let span = self.parts.tracer.as_ref()?.begin(request.uri().path(), request.headers())?;
        Some(Traced::new(span))
    }

    /// Whether the client has shown a certificate that would say who it is if it spoke gRPC. Through the gateway it
    /// does not.
    pub(crate) fn ignores_common_name(&self, extensions: &Extensions) -> bool {
        extensions.get::<CommonName>().is_some_and(|name| !name.0.is_empty())
            && self.shared.replica.takes_common_names()
            && self.shared.replica.auth_enabled()
    }
}

#[cfg(test)]
mod tests;
