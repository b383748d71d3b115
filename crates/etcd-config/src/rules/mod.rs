//! What must hold between values, in etcd's order and with its texts.
//!
//! Source: etcd `server/embed/config.go`, `Validate`; `server/etcdmain/config.go`, `validate`.

mod urls;

use etcd_membership::Quoted;

use crate::config::Config;
use crate::{duration, gates};

/// A word that a flag does not know, by flag.
pub(crate) type LateWords = [(&'static str, String)];

/// All mistakes, the one that etcd would report first.
pub(crate) fn check(config: &Config, late: &LateWords) -> Vec<String> {
    let mut mistakes = Vec::new();
    discovery_fallback(config, &mut mistakes);
    logging(config, late, &mut mistakes);
    urls::check(config, &mut mistakes);
    bootstrap(config, late, &mut mistakes);
    timers(config, &mut mistakes);
    if config.is_set("listen-client-urls") && config.advertise_client_urls.is_empty() {
        mistakes.push(
            "--advertise-client-urls is required when --listen-client-urls is set explicitly".to_owned(),
        );
    }
    match word(late, "auto-compaction-mode") {
        Some("") => mistakes.push("undefined auto-compaction-mode".to_owned()),
        Some(mode) => mistakes.push(format!("unknown auto-compaction-mode {}", Quoted(mode))),
        None => mistakes.extend(config.auto_compaction().err()),
    }
    features(config, &mut mistakes);
    tls(config, late, &mut mistakes);
    mistakes
}

fn word<'a>(late: &'a LateWords, flag: &str) -> Option<&'a str> {
    late.iter().find(|(name, _)| *name == flag).map(|(_, word)| word.as_str())
}

fn discovery_fallback(config: &Config, mistakes: &mut Vec<String>) {
    if config.discovery.fallback == "proxy" {
        mistakes.push(
            "v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\"".to_owned(),
        );
    }
}

fn logging(config: &Config, late: &LateWords, mistakes: &mut Vec<String>) {
    if let Some(logger) = word(late, "logger") {
        mistakes.push(format!("unknown logger option {}", Quoted(logger)));
    }
    let outputs = &config.log_outputs;
    if outputs.len() > 1 && outputs.iter().any(|output| output == "default") {
        mistakes.push("multi logoutput for \"default\" is not supported yet".to_owned());
    }
    if outputs.iter().any(String::is_empty) {
        mistakes.push("--log-outputs must not contain an empty target".to_owned());
    }
    let is_file =
        |output: &&String| !matches!(output.as_str(), "default" | "stderr" | "stdout" | "systemd/journal");
    if config.enable_log_rotation && outputs.iter().filter(is_file).count() != 1 {
        mistakes.push(
            "--log-outputs requires a single file path when --enable-log-rotation is set: only files are rotated"
                .to_owned(),
        );
    }
    if let Some(level) = word(late, "log-level") {
        mistakes.push(format!("unrecognized level: {}", Quoted(level)));
    }
    if let Some(format) = word(late, "log-format") {
        mistakes.push(format!("unknown log format: {format}, supported values json, console"));
    }
}

fn bootstrap(config: &Config, late: &LateWords, mistakes: &mut Vec<String>) {
    if let Some(state) = word(late, "initial-cluster-state") {
        mistakes.push(format!("unexpected clusterState {}", Quoted(state)));
    }
    let discovery = &config.discovery;
    let ways = [
        !config.initial_cluster.is_empty(),
        !discovery.url.is_empty(),
        !discovery.srv.is_empty(),
        !discovery.endpoints.is_empty(),
    ];
    if ways.into_iter().filter(|&way| way).count() > 1 {
        let names = ["initial-cluster", "discovery", "discovery-srv", "discovery-endpoints"];
        let set = names.iter().zip(ways).filter(|(_, way)| *way).map(|(name, _)| format!("--{name}"));
        mistakes.push(format!(
            "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery\", \
             \"discovery-endpoints\" or \"discovery-srv\" (set are {})",
            set.collect::<Vec<_>>().join(" and ")
        ));
    }
    if discovery.token.is_empty() != discovery.endpoints.is_empty() {
        mistakes.push("both --discovery-token and --discovery-endpoints must be set".to_owned());
    }
    if discovery.endpoints.iter().any(|endpoint| endpoint.trim().is_empty()) {
        mistakes.push("--discovery-endpoints must not contain empty endpoints".to_owned());
    }
    if config.name.contains([',', '=']) {
        let name = Quoted(&config.name);
        mistakes
            .push(format!("--name {name} must not contain ',' or '=', which --initial-cluster is split at"));
    }
}

fn timers(config: &Config, mistakes: &mut Vec<String>) {
    const LONGEST_ELECTION_MS: u128 = 50_000;
    let (heartbeat, election) = (config.heartbeat_interval.as_millis(), config.election_timeout.as_millis());
    if heartbeat == 0 {
        mistakes.push("--heartbeat-interval must be >0 (set to 0ms)".to_owned());
    }
    if election == 0 {
        mistakes.push("--election-timeout must be >0 (set to 0ms)".to_owned());
    }
    if heartbeat != 0 && election != 0 && 5 * heartbeat > election {
        mistakes.push(format!(
            "--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]"
        ));
    }
    if election > LONGEST_ELECTION_MS {
        mistakes.push(format!(
            "--election-timeout[{election}ms] is too long, and should be set less than {LONGEST_ELECTION_MS}ms"
        ));
    }
}

fn features(config: &Config, mistakes: &mut Vec<String>) {
    if config.tracing.enable && !(0..=1_000_000).contains(&config.tracing.sampling_rate) {
        mistakes.push(format!(
            "distributed tracing configurition is not valid: (sampling rate must be between 0 and 1000000, not {})",
            config.tracing.sampling_rate
        ));
    }
    match gates::parse(&config.feature_gates) {
        Err(mistake) => mistakes.push(mistake),
        Ok(gates) if gates["LeaseCheckpointPersist"] && !gates["LeaseCheckpoint"] => mistakes.push(
            "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint"
                .to_owned(),
        ),
        Ok(_) => {}
    }
    if config.compact_hash_check_time.is_zero() {
        let set = duration::show(config.compact_hash_check_time);
        mistakes.push(format!("--compact-hash-check-time must be >0 (set to {set})"));
    }
}

fn tls(config: &Config, late: &LateWords, mistakes: &mut Vec<String>) {
    for flag in ["tls-min-version", "tls-max-version"] {
        if let Some(version) = word(late, flag) {
            let version = Quoted(version);
            mistakes.push(format!("unexpected TLS version {version} (must be one of: TLS1.2, TLS1.3)"));
        }
    }
    let (min, max) = (&config.tls_min_version, &config.tls_max_version);
    if !max.is_empty() && min > max {
        mistakes.push(format!("min version ({min}) is greater than max version ({max})"));
    }
    if min == "TLS1.3" && !config.cipher_suites.is_empty() {
        mistakes.push("cipher suites cannot be configured when only TLS1.3 is enabled".to_owned());
    }
    let made = config.client_tls.auto_tls || config.peer_tls.auto_tls;
    if made && config.self_signed_cert_validity == 0 {
        mistakes.push("selfSignedCertValidity is invalid,it should be greater than 0".to_owned());
    }
}
