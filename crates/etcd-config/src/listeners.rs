//! What listeners need, checked after the cluster is known.

use crate::config::Config;
use crate::parse::Failure;

impl Config {
    /// Whether every listen URL can be served with the certificates that are configured.
    ///
    /// etcd finds this out when it binds. Here it is a step of its own, to be taken after the initial cluster has been
    /// checked, so that a mistake in the cluster is reported first.
    ///
    /// # Errors
    /// etcd's text for each URL.
    /// # Source
    /// etcd `client/pkg/transport/listener_tls.go`, `server/embed/etcd.go` `configureClientListeners`.
    pub fn check_listeners(&self) -> Result<(), Failure> {
        let mut mistakes = Vec::new();
        let peer = &self.peer_tls;
        if !peer.auto_tls && peer.cert_file.is_empty() && peer.key_file.is_empty() {
            mistakes.extend(self.listen_peer_urls.iter().filter(|url| url.scheme().is_tls()).map(|url| {
                format!(
                    "cannot listen on TLS for {}: KeyFile and CertFile are not presented",
                    url.authority()
                )
            }));
        }
        let client = &self.client_tls;
        if !client.auto_tls && client.cert_file.is_empty() && client.key_file.is_empty() {
            let urls = self.listen_client_urls.iter().chain(self.listen_client_http_urls.iter());
            mistakes.extend(urls.filter(|url| url.scheme().is_tls()).map(|url| {
                format!("TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS scheme")
            }));
            if self.listen_metrics_urls.iter().any(|url| url.scheme().is_tls()) {
                mistakes.push(
                    "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"
                        .to_owned(),
                );
            }
        }
        if mistakes.is_empty() {
            return Ok(());
        }
        Err(Failure { mistakes, exit_code: 1, usage: false })
    }
}
