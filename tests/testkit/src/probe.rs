//! What a member says about itself over plain HTTP.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::{CertFiles, MemberSpec, Metrics, Security};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks one member; cheap to make, keeps its connection.
#[derive(Debug, Clone)]
pub struct Probe {
    client: ureq::Agent,
    /// Shows another certificate.
    peer: ureq::Agent,
    client_url: String,
    peer_url: String,
}

/// What `/version` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The member's own version.
    pub server: String,
    /// The version the cluster agreed on.
    pub cluster: String,
}

/// One entry of the peer port's `/members`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMember {
    /// Member id.
    pub id: u64,
    /// Empty until the member has published itself.
    pub name: String,
    /// Peer URLs.
    pub peer_urls: Vec<String>,
    /// Empty until the member has published itself.
    pub client_urls: Vec<String>,
    /// Whether it does not vote.
    pub is_learner: bool,
}

/// A question was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// No answer: refused, timed out, or not HTTP.
    #[error("{url}: {source}")]
    NoAnswer {
        /// What was asked.
        url: String,
        /// Why there is no answer.
        source: Box<ureq::Error>,
    },
    /// An answer that is not 200.
    #[error("{url}: HTTP status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The status code.
        status: u16,
    },
    /// An answer that is not what etcd says there.
    #[error("{url}: cannot make sense of {body:?}")]
    Garbled {
        /// What was asked.
        url: String,
        /// The answer.
        body: String,
    },
}

impl Probe {
    /// A probe of the member with these URLs.
    #[must_use]
    pub fn new(client_url: &str, peer_url: &str) -> Self {
        Self::with_security(client_url, peer_url, &Security::Plain)
    }

    /// The same, for a member that speaks TLS.
    #[must_use]
    pub fn with_security(client_url: &str, peer_url: &str, security: &Security) -> Self {
        Self::make(client_url, peer_url, security, TIMEOUT)
    }

    /// A probe of the member that `spec` describes, which waits so long for an answer.
    #[must_use]
    pub fn patient(spec: &MemberSpec, patience: Duration) -> Self {
        Self::make(&spec.client_url(), &spec.peer_url(), &spec.security, patience)
    }

    /// A probe of the member with these URLs, which waits so long for an answer.
    #[must_use]
    pub fn new_patient(client_url: &str, peer_url: &str, security: &Security, patience: Duration) -> Self {
        Self::make(client_url, peer_url, security, patience)
    }

    fn make(client_url: &str, peer_url: &str, security: &Security, patience: Duration) -> Self {
        let (client, peer) = match security {
            Security::Plain => (TlsConfig::default(), TlsConfig::default()),
            Security::Auto => {
                let careless = TlsConfig::builder().disable_verification(true).build();
                (careless.clone(), careless)
            }
            // Files that cannot be read make a probe that is refused, which is what a test then sees.
            Security::Files(files) => (
                trusting(&files.client_ca, &files.user).unwrap_or_default(),
                trusting(&files.peer_ca, &files.peer).unwrap_or_default(),
            ),
        };
        let agent = |tls| {
            ureq::Agent::config_builder()
                .timeout_global(Some(patience))
                .http_status_as_error(false)
                .proxy(None)
                .tls_config(tls)
                .build()
                .new_agent()
        };
        let (client_url, peer_url) = (client_url.to_owned(), peer_url.to_owned());
        Self { client: agent(client), peer: agent(peer), client_url, peer_url }
    }

    /// A probe of the member that `spec` describes.
    #[must_use]
    pub fn of(spec: &MemberSpec) -> Self {
        Self::with_security(&spec.client_url(), &spec.peer_url(), &spec.security)
    }

    /// `/health`: whether the member calls itself healthy (an unhealthy one answers 503, which is an answer here).
    ///
    /// # Errors
    /// When it does not answer, or nothing that etcd would.
    pub fn health(&self) -> Result<bool, ProbeError> {
        let url = format!("{}/health", self.client_url);
        let (_, body) = self.get(&url)?;
        let said = serde_json::from_str::<Value>(&body).ok();
        match said.as_ref().and_then(|json| json["health"].as_str()) {
            Some(word) => Ok(word == "true"),
            None => Err(ProbeError::Garbled { url, body }),
        }
    }

    /// `/version` on the client port.
    ///
    /// # Errors
    /// When it does not answer, or nothing that etcd would.
    pub fn version(&self) -> Result<Version, ProbeError> {
        let url = format!("{}/version", self.client_url);
        let body = self.get_ok(&url)?;
        let json = serde_json::from_str::<Value>(&body).unwrap_or_default();
        let word = |key: &str| json[key].as_str().map(str::to_owned);
        match (word("etcdserver"), word("etcdcluster")) {
            (Some(server), Some(cluster)) => Ok(Version { server, cluster }),
            _ => Err(ProbeError::Garbled { url, body }),
        }
    }

    /// `/metrics` on the client port.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn metrics(&self) -> Result<Metrics, ProbeError> {
        self.get_ok(&format!("{}/metrics", self.client_url)).map(Metrics::new)
    }

    /// `/members` on the peer port: the membership as this member knows it.
    ///
    /// # Errors
    /// When it does not answer, or nothing that etcd would.
    pub fn members(&self) -> Result<Vec<PeerMember>, ProbeError> {
        let url = format!("{}/members", self.peer_url);
        let body = self.get_ok(&url)?;
        parse_members(&body).ok_or(ProbeError::Garbled { url, body })
    }

    fn get_ok(&self, url: &str) -> Result<String, ProbeError> {
        match self.get(url)? {
            (200, body) => Ok(body),
            (status, _) => Err(ProbeError::Status { url: url.to_owned(), status }),
        }
    }

    fn get(&self, url: &str) -> Result<(u16, String), ProbeError> {
        let ask = || {
            let agent = if url.starts_with(&self.peer_url) && !self.peer_url.is_empty() {
                &self.peer
            } else {
                &self.client
            };
            let mut response = agent.get(url).call()?;
            let body = response.body_mut().read_to_string()?;
            Ok((response.status().as_u16(), body))
        };
        ask().map_err(|source| ProbeError::NoAnswer { url: url.to_owned(), source: Box::new(source) })
    }
}

/// Shows a certificate, and trusts an authority.
fn trusting(authority: &Path, own: &CertFiles) -> Option<TlsConfig> {
    let certificate = |path: &Path| Certificate::from_pem(&std::fs::read(path).ok()?).ok();
    let key = PrivateKey::from_pem(&std::fs::read(&own.key).ok()?).ok()?;
    let own = ClientCert::new_with_certs(&[certificate(&own.cert)?], key);
    let trusted = RootCerts::new_with_certs(&[certificate(authority)?]);
    let tls = TlsConfig::builder().root_certs(trusted).client_cert(Some(own));
    Some(tls.build())
}

fn parse_members(body: &str) -> Option<Vec<PeerMember>> {
    let json: Value = serde_json::from_str(body).ok()?;
    let urls = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|url| url.as_str().map(str::to_owned)).collect()
    };
    let member = |member: &Value| {
        Some(PeerMember {
            id: member["id"].as_u64()?,
            name: member["name"].as_str().unwrap_or_default().to_owned(),
            peer_urls: urls(&member["peerURLs"]),
            client_urls: urls(&member["clientURLs"]),
            is_learner: member["isLearner"].as_bool().unwrap_or(false),
        })
    };
    json.as_array()?.iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_with_and_without_optional_fields() {
        let body = r#"[{"id":10276657743932975437,"peerURLs":["http://127.0.0.1:2380"],"name":"a",
            "clientURLs":["http://127.0.0.1:2379"]},{"id":1,"peerURLs":["http://h:1"],"isLearner":true}]"#;
        let members = parse_members(body).unwrap();
        assert_eq!(members[0].id, 0x8e9e_05c5_2164_694d);
        assert_eq!(members[0].client_urls, ["http://127.0.0.1:2379"]);
        assert_eq!((members[1].name.as_str(), members[1].is_learner), ("", true));
    }

    #[test]
    fn what_is_not_a_member_list() {
        for body in ["", "{}", "[{}]", r#"[{"id":"1"}]"#, "404 page not found"] {
            assert_eq!(parse_members(body), None, "{body}");
        }
    }
}
