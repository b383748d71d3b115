//! Values that follow from others when nobody set them.

use std::path::PathBuf;
use std::time::Duration;

use etcd_membership::{Url, Urls};

use crate::config::Config;
use crate::flags;
use crate::notice::Notice;

const MIN_RAFT_TIMEOUT: Duration = Duration::from_secs(5);
const RECOMMENDED_MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// Before the rules are checked.
pub(crate) fn before_rules(config: &mut Config, from_file: bool) {
    if !from_file && config.is_set("listen-client-urls") && !config.is_set("advertise-client-urls") {
        config.advertise_client_urls = Urls::empty();
    }
    let discovery = &config.discovery;
    let discovers = !discovery.url.is_empty()
        || !discovery.srv.is_empty()
        || !discovery.srv_name.is_empty()
        || !discovery.endpoints.is_empty();
    if discovers && !config.is_set("initial-cluster") {
        config.initial_cluster.clear();
    }
    if config.log_outputs.is_empty() {
        config.log_outputs = vec!["default".to_owned()];
    }
    or_default(&mut config.backend_batch_interval, Duration::from_millis(100));
    or_default(&mut config.backend_batch_limit, 10_000);
    or_default(&mut config.compaction_batch_limit, 1000);
    or_default(&mut config.compaction_sleep_interval, Duration::from_millis(10));
    or_default(&mut config.watch_progress_notify_interval, Duration::from_secs(600));
    or_default(&mut config.warning_unary_request_duration, Duration::from_millis(300));
}

/// After the rules: the data directory, and warnings of settings that are valid and unwise.
pub(crate) fn after_rules(config: &mut Config) -> Vec<Notice> {
    let mut warnings = Vec::new();
    if config.data_dir.as_os_str().is_empty() {
        config.data_dir = PathBuf::from(format!("{}.etcd", config.name));
        warnings.push(format!("no data-dir provided, using default data-dir ./{}.etcd", config.name));
    }
    if config.name == "default" {
        warnings.push(
            "it isn't recommended to use default name, please set a value for --name. Note that etcd might run into \
             issue when multiple members have the same default name"
                .to_owned(),
        );
    }
    warnings.extend(idle_discovery_flags(config));
    if config.raft_read_timeout < MIN_RAFT_TIMEOUT {
        config.raft_read_timeout = MIN_RAFT_TIMEOUT;
        warnings.push("raft-read-timeout increased to minimum value: 5s".to_owned());
    }
    if config.raft_write_timeout < MIN_RAFT_TIMEOUT {
        config.raft_write_timeout = MIN_RAFT_TIMEOUT;
        warnings.push("raft-write-timeout increased to minimum value: 5s".to_owned());
    }
    if config.max_request_bytes > RECOMMENDED_MAX_REQUEST_BYTES {
        warnings.push(format!(
            "exceeded recommended request limit: --max-request-bytes is {}, recommended are at most {}",
            config.max_request_bytes, RECOMMENDED_MAX_REQUEST_BYTES
        ));
    }
    security(config, &mut warnings);
    if config.unsafe_no_fsync {
        warnings.push("fsync is disabled, which can lose acknowledged data when the host crashes".to_owned());
    }
    warnings.into_iter().map(Notice::Warning).collect()
}

/// Certificates that are not used, and checks that are not made.
///
/// # Source
/// etcd `server/embed/etcd.go` `configurePeerListeners`, `configureClientListeners`; `config.go` `ClientSelfCert`.
fn security(config: &Config, warnings: &mut Vec<String>) {
    let (client, peer) = (&config.client_tls, &config.peer_tls);
    let has = |cert: &str, key: &str| !cert.is_empty() || !key.is_empty();
    let client_given = has(&client.cert_file, &client.key_file);
    let peer_given = has(&peer.cert_file, &peer.key_file);
    if peer.auto_tls && peer_given {
        warnings.push("ignoring peer auto TLS since certs given".to_owned());
    }
    if client.auto_tls && client_given {
        warnings.push("ignoring client auto TLS since certs given".to_owned());
    }
    for url in config.listen_peer_urls.iter().filter(|url| !url.scheme().is_tls()) {
        if peer_given || peer.auto_tls {
            warnings.push(format!(
                "scheme is HTTP while key and cert files are present; ignoring key and cert files: {url}"
            ));
        }
        if peer.client_cert_auth {
            warnings.push(format!(
                "scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL: {url}"
            ));
        }
    }
    let clients = config.listen_client_urls.iter().chain(config.listen_client_http_urls.iter());
    for url in clients.filter(|url| !url.scheme().is_tls()) {
        if client_given || client.auto_tls {
            warnings.push(format!(
                "scheme is http or unix while key and cert files are present; ignoring key and cert files: {url}"
            ));
        }
        if client.client_cert_auth {
            warnings.push(format!(
                "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL: {url}"
            ));
        }
    }
    if !peer.allowed_cns.is_empty() || !peer.allowed_hostnames.is_empty() {
        let verifies = peer.client_cert_auth || !peer.trusted_ca_file.is_empty();
        if !verifies {
            warnings.push(
                "--peer-cert-allowed-cn and --peer-cert-allowed-hostname are not checked on connections that other \
                 members open: set --peer-client-cert-auth"
                    .to_owned(),
            );
        }
    }
    let verifies = client.client_cert_auth || !client.trusted_ca_file.is_empty();
    if !verifies && (!client.allowed_hostnames.is_empty() || !client.crl_file.is_empty()) {
        warnings.push(
            "--client-cert-allowed-hostname and --client-crl-file are not checked: set --client-cert-auth"
                .to_owned(),
        );
    }
}

/// Flags that say how to use a service which no flag names.
fn idle_discovery_flags(config: &Config) -> Vec<String> {
    let discovery = &config.discovery;
    let has_service = !discovery.url.is_empty() || !discovery.endpoints.is_empty();
    let idle = [
        (discovery.url.is_empty(), "discovery-proxy", "--discovery"),
        (discovery.srv.is_empty(), "discovery-srv-nameserver", "--discovery-srv"),
        (!has_service, "discovery-cacert", "--discovery or --discovery-endpoints"),
        (!has_service, "discovery-cert", "--discovery or --discovery-endpoints"),
        (!has_service, "discovery-key", "--discovery or --discovery-endpoints"),
        (discovery.endpoints.is_empty(), "discovery-user", "--discovery-endpoints"),
    ];
    let idle = idle.into_iter().filter(|(is_idle, flag, _)| *is_idle && config.is_set(flag));
    idle.map(|(_, flag, needs)| format!("--{flag} has no effect without {needs}")).collect()
}

impl Config {
    /// Completes addresses that nobody set. Call it once, after parsing and before bootstrapping.
    ///
    /// - A member that listens on `0.0.0.0` and advertises the default gets `default_host` (the address of the
    ///   default route, when there is one) into what it advertises, with the port on which it listens.
    /// - A member with a name and without an initial cluster gets a cluster of its own.
    ///
    /// Returns the host, when it was used.
    ///
    /// # Source
    /// etcd `server/embed/config.go`, `UpdateDefaultClusterFromName`.
    pub fn update_default_cluster_from_name(&mut self, default_host: Option<&str>) -> Option<String> {
        let mut used = None;
        if let Some(host) = default_host.filter(|host| !host.is_empty()) {
            for (listen, advertise, flag) in [
                (
                    &self.listen_peer_urls,
                    &mut self.initial_advertise_peer_urls,
                    "initial-advertise-peer-urls",
                ),
                (&self.listen_client_urls, &mut self.advertise_client_urls, "advertise-client-urls"),
            ] {
                if let Some(url) = detected(listen, advertise, flag, host) {
                    *advertise = [url].into_iter().collect();
                    used = Some(host.to_owned());
                }
            }
        }
        let untouched =
            Some(self.initial_cluster.as_str()) == flags::by_name("initial-cluster").map(|flag| flag.default);
        if self.name != "default" && untouched {
            let name = if self.name.is_empty() { "default" } else { &self.name };
            let pairs: Vec<String> =
                self.initial_advertise_peer_urls.iter().map(|url| format!("{name}={url}")).collect();
            self.initial_cluster = pairs.join(",");
        }
        used
    }
}

/// What to advertise instead of the default, when the member listens everywhere.
fn detected(listen: &Urls, advertise: &Urls, flag: &str, host: &str) -> Option<Url> {
    let default = flags::by_name(flag)?.default;
    let listens = listen.first().filter(|url| url.host() == "0.0.0.0")?;
    let url = advertise.first().filter(|url| advertise.len() == 1 && url.as_str() == default)?;
    let port = listens.port()?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Some(url.with_authority(&format!("{host}:{port}")))
}

fn or_default<T: Default + PartialEq>(value: &mut T, default: T) {
    if *value == T::default() {
        *value = default;
    }
}
