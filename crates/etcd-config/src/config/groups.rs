//! Fields that belong together; each is named after its flag, without the prefix of the group.

use std::time::Duration;

use serde::Deserialize;

use super::Secret;
use super::fields::nanos;

/// Flags that begin with `discovery`.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Discovery {
    /// v2: the token's URL.
    #[serde(rename = "discovery")]
    pub url: String,
    /// v2: HTTP proxy.
    #[serde(rename = "discovery-proxy")]
    pub proxy: Secret,
    /// v2: `exit` or `proxy`.
    #[serde(rename = "discovery-fallback")]
    pub fallback: String,
    /// v3: token.
    #[serde(rename = "discovery-token")]
    pub token: String,
    /// v3: gRPC endpoints.
    #[serde(rename = "discovery-endpoints")]
    pub endpoints: Vec<String>,
    /// v3: time limit for connecting.
    #[serde(rename = "discovery-dial-timeout", deserialize_with = "nanos")]
    pub dial_timeout: Duration,
    /// v3: time limit for a request.
    #[serde(rename = "discovery-request-timeout", deserialize_with = "nanos")]
    pub request_timeout: Duration,
    /// v3: time between two pings.
    #[serde(rename = "discovery-keepalive-time", deserialize_with = "nanos")]
    pub keepalive_time: Duration,
    /// v3: time to wait for the answer to a ping.
    #[serde(rename = "discovery-keepalive-timeout", deserialize_with = "nanos")]
    pub keepalive_timeout: Duration,
    /// v3: no TLS.
    #[serde(rename = "discovery-insecure-transport")]
    pub insecure_transport: bool,
    /// v2 and v3: no verification.
    #[serde(rename = "discovery-insecure-skip-tls-verify")]
    pub insecure_skip_tls_verify: bool,
    /// v2 and v3: client certificate.
    #[serde(rename = "discovery-cert")]
    pub cert: String,
    /// v3: its key.
    #[serde(rename = "discovery-key")]
    pub key: String,
    /// v2 and v3: certificates to trust.
    #[serde(rename = "discovery-cacert")]
    pub cacert: String,
    /// v3: `user[:password]`.
    #[serde(rename = "discovery-user")]
    pub user: Secret,
    /// v3: password.
    #[serde(rename = "discovery-password")]
    pub password: Secret,
    /// DNS: domain.
    #[serde(rename = "discovery-srv")]
    pub srv: String,
    /// DNS: suffix of the service.
    #[serde(rename = "discovery-srv-name")]
    pub srv_name: String,
    /// DNS: name server, `host:port`; empty for the system's.
    #[serde(rename = "discovery-srv-nameserver")]
    pub srv_nameserver: String,
}

/// TLS on the client port. Paths are empty when not set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ClientTls {
    /// Certificate.
    pub cert_file: String,
    /// Its key.
    pub key_file: String,
    /// Clients must show a certificate.
    pub client_cert_auth: bool,
    /// Certificate for connecting to the own port.
    pub client_cert_file: String,
    /// Its key.
    pub client_key_file: String,
    /// Revoked certificates.
    #[serde(rename = "client-crl-file")]
    pub crl_file: String,
    /// Host names that clients' certificates may carry.
    #[serde(rename = "client-cert-allowed-hostname")]
    pub allowed_hostnames: Vec<String>,
    /// Certificates to trust.
    pub trusted_ca_file: String,
    /// Make a certificate.
    pub auto_tls: bool,
}

/// TLS on the peer port. Paths are empty when not set.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct PeerTls {
    /// Certificate.
    #[serde(rename = "peer-cert-file")]
    pub cert_file: String,
    /// Its key.
    #[serde(rename = "peer-key-file")]
    pub key_file: String,
    /// Members must show a certificate.
    #[serde(rename = "peer-client-cert-auth")]
    pub client_cert_auth: bool,
    /// Certificate for connecting to members.
    #[serde(rename = "peer-client-cert-file")]
    pub client_cert_file: String,
    /// Its key.
    #[serde(rename = "peer-client-key-file")]
    pub client_key_file: String,
    /// Revoked certificates.
    #[serde(rename = "peer-crl-file")]
    pub crl_file: String,
    /// Common names that members' certificates may carry.
    #[serde(rename = "peer-cert-allowed-cn")]
    pub allowed_cns: Vec<String>,
    /// Host names that members' certificates may carry.
    #[serde(rename = "peer-cert-allowed-hostname")]
    pub allowed_hostnames: Vec<String>,
    /// Certificates to trust.
    #[serde(rename = "peer-trusted-ca-file")]
    pub trusted_ca_file: String,
    /// Make a certificate.
    #[serde(rename = "peer-auto-tls")]
    pub auto_tls: bool,
    /// Do not compare addresses with certificates.
    #[serde(rename = "peer-skip-client-san-verification")]
    pub skip_client_san_verification: bool,
}

/// Flags about distributed tracing.
#[derive(Debug, Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct Tracing {
    /// Send traces.
    #[serde(rename = "enable-distributed-tracing")]
    pub enable: bool,
    /// Address of the collector.
    #[serde(rename = "distributed-tracing-address")]
    pub address: String,
    /// Service name.
    #[serde(rename = "distributed-tracing-service-name")]
    pub service_name: String,
    /// Instance id.
    #[serde(rename = "distributed-tracing-instance-id")]
    pub instance_id: String,
    /// Traces to keep of a million.
    #[serde(rename = "distributed-tracing-sampling-rate")]
    pub sampling_rate: i64,
}

/// Flags of the v2 proxy; times in milliseconds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct V2Proxy {
    /// `off`, `readonly` or `on`.
    #[serde(rename = "proxy")]
    pub mode: String,
    /// Leave out a failed endpoint for so long.
    pub proxy_failure_wait: u64,
    /// Time between two refreshes.
    pub proxy_refresh_interval: u64,
    /// Time to connect.
    pub proxy_dial_timeout: u64,
    /// Time to write.
    pub proxy_write_timeout: u64,
    /// Time to read; 0 is no limit.
    pub proxy_read_timeout: u64,
}
