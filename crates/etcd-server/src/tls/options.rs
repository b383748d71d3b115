//! From flags to what [`etcd_tls`] wants.

use std::net::IpAddr;
use std::path::PathBuf;

use etcd_config::Config;
use etcd_membership::Urls;
use etcd_tls::{CipherSuites, LoadError, Options, Pair, Version};

/// The peer port, and connections to other members. An automatic certificate is not in it yet.
///
/// # Source
/// etcd `server/embed/config.go` `PeerURLsMapAndToken`: members found by DNS in `domain` are verified by that name when
/// the system's certificates are what is trusted, and only at the first start.
pub(super) fn peer(config: &Config, is_first_start: bool) -> Result<Options, LoadError> {
    let flags = &config.peer_tls;
    let mut options = common(config)?;
    options.server = pair(&flags.cert_file, &flags.key_file)?;
    options.client = client_pair(&flags.client_cert_file, &flags.client_key_file)?;
    options.trusted_ca = path(&flags.trusted_ca_file);
    options.client_cert_auth = flags.client_cert_auth;
    options.crl = path(&flags.crl_file);
    options.allowed_cns.clone_from(&flags.allowed_cns);
    options.allowed_hostnames.clone_from(&flags.allowed_hostnames);
    // Members with certificates of their own making cannot verify each other.
    options.skip_verify = peer_is_auto(config) && options.trusted_ca.is_none();
    let domain = &config.discovery.srv;
    if is_first_start && options.trusted_ca.is_none() && !domain.is_empty() {
        options.server_name = Some(domain.clone());
    }
    // Go's peers offer no protocol at all.
    options.server_alpn = vec![b"http/1.1".to_vec()];
    Ok(options)
}

/// The client ports. An automatic certificate is not in it yet.
pub(super) fn client(config: &Config) -> Result<Options, LoadError> {
    let flags = &config.client_tls;
    let mut options = common(config)?;
    options.server = pair(&flags.cert_file, &flags.key_file)?;
    options.client = client_pair(&flags.client_cert_file, &flags.client_key_file)?;
    options.trusted_ca = path(&flags.trusted_ca_file);
    options.client_cert_auth = flags.client_cert_auth;
    options.crl = path(&flags.crl_file);
    options.allowed_hostnames.clone_from(&flags.allowed_hostnames);
    options.server_alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(options)
}

fn common(config: &Config) -> Result<Options, LoadError> {
    let (suites, _) = CipherSuites::parse(&config.cipher_suites)?;
    Ok(Options {
        cipher_suites: suites,
        min_version: version(&config.tls_min_version),
        max_version: version(&config.tls_max_version),
        ..Options::default()
    })
}

/// Names in `--cipher-suites` that are left out.
pub(super) fn weak_suites(config: &Config) -> Vec<String> {
    CipherSuites::parse(&config.cipher_suites).map(|(_, left_out)| left_out.0).unwrap_or_default()
}

pub(super) fn peer_is_auto(config: &Config) -> bool {
    let flags = &config.peer_tls;
    flags.auto_tls && flags.cert_file.is_empty() && flags.key_file.is_empty()
}

pub(super) fn client_is_auto(config: &Config) -> bool {
    let flags = &config.client_tls;
    flags.auto_tls && flags.cert_file.is_empty() && flags.key_file.is_empty()
}

/// Whether a port for clients speaks TLS; otherwise its files are not looked at, as in etcd.
pub(super) fn is_client_secure(config: &Config) -> bool {
    [&config.listen_client_urls, &config.listen_client_http_urls, &config.listen_metrics_urls]
        .into_iter()
        .any(|urls| urls.iter().any(|url| url.scheme().is_tls()))
}

pub(super) fn peer_hosts(config: &Config) -> Vec<String> {
    hosts([&config.listen_peer_urls, &config.initial_advertise_peer_urls])
}

pub(super) fn client_hosts(config: &Config) -> Vec<String> {
    hosts([&config.listen_client_urls, &config.advertise_client_urls])
}

/// Where a member listens and what it advertises; the loopback addresses for one that listens everywhere, and what gRPC
/// takes for the host of a socket in the file system.
fn hosts(urls: [&Urls; 2]) -> Vec<String> {
    let mut hosts = Vec::new();
    for url in urls.into_iter().flat_map(Urls::iter) {
        let everywhere = url.host().parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        let names = match (url.scheme().is_unix(), everywhere) {
            (true, _) => vec!["localhost"],
            (false, true) => vec!["localhost", "127.0.0.1"],
            (false, false) => vec![url.host()],
        };
        for name in names {
            if name.is_ascii() && !name.is_empty() && !hosts.iter().any(|host| host == name) {
                hosts.push(name.to_owned());
            }
        }
    }
    hosts
}

fn version(text: &str) -> Option<Version> {
    match text {
        "TLS1.2" => Some(Version::V1_2),
        "TLS1.3" => Some(Version::V1_3),
        _ => None,
    }
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

fn pair(cert: &str, key: &str) -> Result<Option<Pair>, LoadError> {
    match (path(cert), path(key)) {
        (Some(cert), Some(key)) => Ok(Some(Pair { cert, key })),
        (None, None) => Ok(None),
        _ => Err(LoadError::HalfPair { cert: cert.to_owned(), key: key.to_owned() }),
    }
}

fn client_pair(cert: &str, key: &str) -> Result<Option<Pair>, LoadError> {
    pair(cert, key).map_err(|_| LoadError::HalfClientPair { cert: cert.to_owned(), key: key.to_owned() })
}
