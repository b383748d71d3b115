//! The one way in which the configuration says that the members are to be found.

use std::path::PathBuf;
use std::sync::Arc;

use etcd_bootstrap::Mechanism;
use etcd_config::{Config, Discovery};
use etcd_discovery::{Password, V2Options, V3Options};
use etcd_dns::Resolver;

use crate::start_error::StartError;

/// Which mechanism is set; flags that exclude each other were refused before.
///
/// # Errors
/// When certificates or a name server for it cannot be used.
pub(crate) async fn mechanism(config: &Config) -> Result<Mechanism, StartError> {
    let discovery = &config.discovery;
    if !discovery.url.is_empty() {
        return v2(discovery).map(Mechanism::DiscoveryV2);
    }
    if !discovery.endpoints.is_empty() {
        return v3(discovery).map(Mechanism::DiscoveryV3);
    }
    if discovery.srv.is_empty() {
        return Ok(Mechanism::Static);
    }
    let urls = config.initial_advertise_peer_urls.clone();
    let mut options = etcd_dns::Options::new(&config.name, &discovery.srv, urls);
    options.suffix.clone_from(&discovery.srv_name);
    let resolver = match discovery.srv_nameserver.as_str() {
        "" => Resolver::system()?,
        server => Resolver::at(server).await?,
    };
    Ok(Mechanism::Dns { options, resolver })
}

fn v2(discovery: &Discovery) -> Result<V2Options, StartError> {
    let mut options = V2Options::new(&discovery.url);
    options.proxy = Password::new(discovery.proxy.expose());
    if discovery.url.starts_with("https:") {
        options.tls = Some(tls(discovery)?);
    }
    Ok(options)
}

/// # Source
/// etcd `client/v3/config.go`, `newTLSConfig`: any file for TLS means TLS.
fn v3(discovery: &Discovery) -> Result<V3Options, StartError> {
    let mut options = V3Options::new(&discovery.token, discovery.endpoints.iter().cloned());
    options.dial_timeout = discovery.dial_timeout;
    options.request_timeout = discovery.request_timeout;
    options.keepalive_time = discovery.keepalive_time;
    options.keepalive_timeout = discovery.keepalive_timeout;
    let has_file = [&discovery.cert, &discovery.key, &discovery.cacert].iter().any(|file| !file.is_empty());
    let has_https = discovery.endpoints.iter().any(|endpoint| endpoint.starts_with("https://"));
    if has_file || has_https || !discovery.insecure_transport {
        options.tls = Some(tls(discovery)?);
    }
    let (user, password) = match discovery.user.expose().split_once(':') {
        Some((user, password)) if discovery.password.is_empty() => (user, password),
        _ => (discovery.user.expose(), discovery.password.expose()),
    };
    options.user = user.to_owned();
    options.password = Password::new(password);
    Ok(options)
}

fn tls(discovery: &Discovery) -> Result<Arc<etcd_tls::rustls::ClientConfig>, StartError> {
    let file = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
    let pair = match (file(&discovery.cert), file(&discovery.key)) {
        (Some(cert), Some(key)) => Some(etcd_tls::Pair { cert, key }),
        (None, None) => None,
        _ => return Err(StartError::HalfDiscoveryPair),
    };
    let options = etcd_tls::Options {
        client: pair,
        trusted_ca: file(&discovery.cacert),
        skip_verify: discovery.insecure_skip_tls_verify,
        ..etcd_tls::Options::default()
    };
    Ok(Arc::new(etcd_tls::client_config(&options).map_err(StartError::DiscoveryTls)?))
}
