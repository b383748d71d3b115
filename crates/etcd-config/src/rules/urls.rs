//! URLs to listen on and to advertise.

use std::net::IpAddr;

use etcd_membership::{Quoted, Url, Urls};

use crate::config::Config;

pub(super) fn check(config: &Config, mistakes: &mut Vec<String>) {
    for urls in [
        &config.listen_peer_urls,
        &config.listen_client_urls,
        &config.listen_client_http_urls,
        &config.listen_metrics_urls,
    ] {
        mistakes.extend(
            urls.iter()
                .filter(|url| !can_bind(url))
                .map(|url| format!("expected IP in URL for binding ({url})")),
        );
    }
    if let Some(url) = without_host(&config.initial_advertise_peer_urls) {
        let urls = config.initial_advertise_peer_urls.to_string();
        mistakes.push(format!(
            "--initial-advertise-peer-urls {} must be \"host:port\" (unexpected empty host ({url}))",
            Quoted(&urls)
        ));
    }
    if let Some(url) = without_host(&config.advertise_client_urls) {
        let urls = config.advertise_client_urls.to_string();
        mistakes.push(format!(
            "--advertise-client-urls {} must be in the format \"host:port\", \"unix:/path/to/socket\" or \
             \"unixs:/path/to/socket\" (unexpected empty host ({url}))",
            Quoted(&urls)
        ));
    }
}

fn can_bind(url: &Url) -> bool {
    let host = url.host();
    url.scheme().is_unix() || host == "localhost" || host.parse::<IpAddr>().is_ok()
}

fn without_host(urls: &Urls) -> Option<&Url> {
    urls.iter().find(|url| !url.scheme().is_unix() && url.host().is_empty())
}
