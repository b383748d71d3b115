//! `--enable-distributed-tracing`: a span for each gRPC call, sent to an OpenTelemetry collector.
//!
//! Spans wait in a bounded queue and leave in batches, on a thread of their own; with a collector that is away or slow
//! they are lost, and no call waits.

use std::sync::Arc;
use std::time::Duration;

use etcd_api::Tracer as ApiTracer;
use etcd_config::Tracing;
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use tonic::Code;
use tracing::{info, warn};

/// Spans that are waiting when the member stops may take so long to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// `--distributed-tracing-sampling-rate` is of so many.
const MILLION: f64 = 1_000_000.0;

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The collector's address is none.
    #[error("--distributed-tracing-address: cannot send traces to {address:?}")]
    Address {
        /// As it was given.
        address: String,
        /// Why.
        source: ExporterBuildError,
    },
}

/// Where spans go.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to collect spans when the flags ask for it. Connects when there are some to be sent; needs a Tokio runtime.
    ///
    /// # Errors
    /// [`TracesError`] when the address is none.
    /// # Source
    /// etcd `server/embed/config_tracing.go`.
    pub(crate) fn start(flags: &Tracing) -> Result<Option<Self>, TracesError> {
        if !flags.enable {
            return Ok(None);
        }
        let address = flags.address.as_str();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{address}"))
            .build()
            .map_err(|source| TracesError::Address { address: address.to_owned(), source })?;
        let mut resource = Resource::builder_empty().with_service_name(flags.service_name.clone());
        if !flags.instance_id.is_empty() {
            resource =
                resource.with_attribute(KeyValue::new("service.instance.id", flags.instance_id.clone()));
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .with_sampler(Sampler::ParentBased(Box::new(root_sampler(flags.sampling_rate))))
            .build();
        info!(
            address,
            service_name = flags.service_name,
            instance_id = flags.instance_id,
            sampling_rate = flags.sampling_rate,
            "distributed tracing is enabled"
        );
        Ok(Some(Self(provider)))
    }

    /// Makes spans of calls.
    pub(crate) fn tracer(&self) -> Arc<dyn ApiTracer> {
        Arc::new(Calls { tracer: self.0.tracer("etcd"), propagator: TraceContextPropagator::new() })
    }

    /// Sends what waits, for a while.
    pub(crate) async fn stop(self) {
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FAREWELL)).await;
        if let Ok(Err(error)) = stopped {
            warn!(%error, "the last traces were not sent");
        }
    }
}

/// Which calls are kept that belong to no trace.
fn root_sampler(per_million: i64) -> Sampler {
    match per_million {
        // Checked with the rest of the configuration.
        ..=0 => Sampler::AlwaysOff,
        rate => Sampler::TraceIdRatioBased(rate as f64 / MILLION),
    }
}

struct Calls {
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl ApiTracer for Calls {
    fn begin(&self, path: &str, headers: &HeaderMap) -> Option<Box<dyn etcd_api::Span>> {
        let name = path.trim_start_matches('/').to_owned();
        let (service, method) = name.split_once('/').unwrap_or((&name, ""));
        let attributes = [
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", method.to_owned()),
        ];
        let parent = self.propagator.extract_with_context(&Context::new(), &Headers(headers));
        let builder = self.tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
        let span = self.tracer.build_with_context(builder, &parent);
        if span.is_recording() { Some(Box::new(Call(span))) } else { None }
    }
}

struct Call(Span);

impl etcd_api::Span for Call {
    fn end(mut self: Box<Self>, code: Code) {
        self.0.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)));
        if is_failure_of_server(code) {
            self.0.set_status(Status::error(code.description()));
        }
        self.0.end();
    }
}

/// # Source
/// OpenTelemetry's semantic conventions for gRPC servers.
const fn is_failure_of_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
