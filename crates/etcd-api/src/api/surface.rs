//! What one listener serves, and what of it may come from a browser.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tonic::Status;
use tonic_health::ServingStatus;

use super::{Api, Inflight, Work, route};
use crate::grpc::{self, Body};
use crate::serve::Remote;
use crate::{Replica, gateway, http as plain};

/// What HTTP finds where only gRPC is served.
const NO_HTTP_HERE: &str = "HTTP is served at --listen-client-http-urls\n";

/// The part of the API that a listener is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Surface {
    /// gRPC and HTTP: `--listen-client-urls`.
    #[default]
    All,
    /// gRPC alone: `--listen-client-urls` when there are `--listen-client-http-urls`.
    Grpc,
    /// HTTP alone: `--listen-client-http-urls`.
    Http,
    /// Metrics and health alone: `--listen-metrics-urls`.
    Metrics,
}

impl Surface {
    pub(crate) const fn has_grpc(self) -> bool {
        matches!(self, Self::All | Self::Grpc)
    }
}

impl<R: Replica> Api<R> {
    /// The same API for a listener that serves a part of it.
    #[must_use]
    pub fn on(&self, surface: Surface) -> Self {
        let mut api = self.clone();
        api.surface = surface;
        if surface == Surface::Metrics {
            Arc::make_mut(&mut api.parts).http = plain::metrics_router(Arc::clone(&self.shared));
        }
        api
    }

    /// The same API for a listener that speaks TLS, or does not: host names are looked at in plain text only.
    pub(crate) fn over_tls(mut self, is_encrypted: bool) -> Self {
        self.is_encrypted = is_encrypted;
        self
    }

    /// What the gRPC health service tells from now on; at first it tells that the member serves.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.parts.health.set_service_status("", status).await;
    }

    /// What this listener is not for goes no further.
    pub(super) fn admit<B>(&self, request: Request<B>, remote: Remote) -> Work<R, B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if grpc::is_call(&request) {
            return if self.surface.has_grpc() {
                self.sort(request)
            } else {
                Work::Refused(Status::unimplemented("gRPC is not served here, but at --listen-client-urls"))
            };
        }
        match self.surface {
            Surface::Grpc => {
                let answer = plain::text(StatusCode::NOT_FOUND, NO_HTTP_HERE).map(Body::http);
                Work::Elsewhere(Box::pin(std::future::ready(answer)))
            }
            Surface::Metrics => Work::Elsewhere(Box::pin(route(self.parts.http.clone(), request))),
            Surface::All | Surface::Http => Work::Elsewhere(Box::pin(self.clone().web(request, remote))),
        }
    }

    /// Answers what may come from a browser.
    async fn web<B>(self, request: Request<B>, remote: Remote) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if let Some(answer) = self.shared.access.answer(&request, self.is_encrypted) {
            return answer;
        }
        let origin = request.headers().get(http::header::ORIGIN).cloned();
        let shared = Arc::clone(&self.shared);
        let mut response = if shared.options.gateway && gateway::is_gateway_path(request.uri().path()) {
            gateway::answer(self, request, remote).await
        } else {
            route(self.parts.http.clone(), request).await
        };
        shared.access.permit(origin.as_ref(), response.headers_mut());
        response
    }

    /// How many bytes of JSON one request of the gateway may take: base64 and names make it larger than its message.
    pub(crate) fn json_limit(&self) -> usize {
        3 * self.shared.options.receive_limit()
    }

    pub(crate) fn inflight(&self) -> Inflight {
        self.shared.inflight.clone()
    }

    pub(crate) fn request_read_timeout(&self) -> Duration {
        self.shared.options.request_read_timeout
    }
}
