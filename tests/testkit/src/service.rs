//! What members find each other with: an etcd of one member, or our `etcd-discovery-service`.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::process::{Launch, Process, ProcessError};
use crate::wait::{WaitError, wait_until};
use crate::{MemberSpec, ReservedPort, Security, reserve_ports};

/// How long it may take to become healthy.
const DEADLINE: Duration = Duration::from_secs(60);

/// A discovery service, v2 and v3. Killed when dropped.
#[derive(Debug)]
pub struct DiscoveryService {
    _process: Process,
    url: String,
    _ports: Vec<ReservedPort>,
}

/// A discovery service cannot be had, or refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There are no ports.
    #[error("no ports for a discovery service")]
    Ports(#[from] std::io::Error),
    /// It does not start.
    #[error("the discovery service does not start")]
    Process(#[from] ProcessError),
    /// It does not become healthy.
    #[error("{0}")]
    Wait(#[from] WaitError),
    /// It ended by itself.
    #[error("the discovery service ended ({status}):\n{lines}")]
    Ended {
        /// How.
        status: std::process::ExitStatus,
        /// What it said last.
        lines: String,
    },
    /// It gives no token.
    #[error("the discovery service makes no token: {reason}")]
    NoToken {
        /// Why not.
        reason: String,
    },
    /// It refuses a request.
    #[error("the discovery service refuses to set {key}: {reason}")]
    Put {
        /// What was to be set.
        key: String,
        /// Why not.
        reason: String,
    },
}

impl DiscoveryService {
    /// Starts `binary`, an etcd that knows `--enable-v2` when `v2` is set, with data and log in `directory`.
    ///
    /// # Errors
    /// When it is not healthy within a minute.
    pub fn start(binary: &Path, directory: &Path, v2: bool) -> Result<Self, ServiceError> {
        let ports = reserve_ports(2)?;
        let spec = MemberSpec {
            name: "discovery".to_owned(),
            client_port: ports[0].get(),
            peer_port: ports[1].get(),
            data_dir: directory.join("discovery"),
            security: Security::Plain,
        };
        let mut arguments = spec.arguments(std::slice::from_ref(&spec), "discovery");
        if v2 {
            arguments.push(OsString::from("--enable-v2=true"));
        }
        let url = spec.client_url();
        let process = healthy(binary, arguments, directory, &url)?;
        Ok(Self { _process: process, url, _ports: ports })
    }

    /// Its client URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a v2 token, which may have no size yet.
    #[must_use]
    pub fn token(&self, token: &str) -> String {
        format!("{}/v2/keys/discovery/{token}", self.url)
    }

    /// What `curl -X PUT <token>/_config/size -d value=<size>` does; the URL of the token.
    ///
    /// # Errors
    /// When the service does not do it.
    pub fn size_v2(&self, token: &str, size: &str) -> Result<String, ServiceError> {
        let url = self.token(token);
        let key = format!("{url}/_config/size");
        match ureq::put(&key).send_form([("value", size)]) {
            Ok(_) => Ok(url),
            Err(error) => Err(ServiceError::Put { key, reason: error.to_string() }),
        }
    }

    /// What `etcdctl put /_etcd/registry/<token>/_config/size <size>` does.
    ///
    /// # Errors
    /// When the service does not do it.
    pub fn size_v3(&self, token: &str, size: &str) -> Result<(), ServiceError> {
        let key = format!("/_etcd/registry/{token}/_config/size");
        let [encoded, value] = [key.as_str(), size].map(|text| BASE64_STANDARD.encode(text));
        let body = serde_json::json!({"key": encoded, "value": value}).to_string();
        match ureq::post(format!("{}/v3/kv/put", self.url)).send(body) {
            Ok(_) => Ok(()),
            Err(error) => Err(ServiceError::Put { key, reason: error.to_string() }),
        }
    }
}

/// Our `etcd-discovery-service`, which makes tokens itself. Killed when dropped.
#[derive(Debug)]
pub struct TokenService {
    _process: Process,
    url: String,
    _ports: Vec<ReservedPort>,
}

impl TokenService {
    /// Starts `binary`, an `etcd-discovery-service`, with data and log in `directory`.
    ///
    /// # Errors
    /// When it is not healthy within a minute.
    pub fn start(binary: &Path, directory: &Path) -> Result<Self, ServiceError> {
        let ports = reserve_ports(3)?;
        let address = |index: usize| format!("127.0.0.1:{}", ports[index].get());
        let url = format!("http://{}", address(0));
        let mut data = OsString::from("--data-dir=");
        data.push(directory.join("discovery"));
        let flags = [
            format!("--listen={}", address(0)),
            format!("--storage-client-url=http://{}", address(1)),
            format!("--storage-peer-url=http://{}", address(2)),
        ];
        let arguments = flags.into_iter().map(OsString::from).chain([data]).collect();
        let process = healthy(binary, arguments, directory, &url)?;
        Ok(Self { _process: process, url, _ports: ports })
    }

    /// The URL of a new token for a cluster of `size` members.
    ///
    /// # Errors
    /// When the service does not make it.
    pub fn token(&self, size: &str) -> Result<String, ServiceError> {
        let answer = ureq::get(format!("{}/new?size={size}", self.url)).call();
        let url = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        url.map_err(|error| ServiceError::NoToken { reason: error.to_string() })
    }
}

/// Starts a service and waits until it answers under `url`.
fn healthy(
    binary: &Path,
    arguments: Vec<OsString>,
    directory: &Path,
    url: &str,
) -> Result<Process, ServiceError> {
    let launch = Launch { binary: binary.to_owned(), arguments, log: directory.join("discovery.log") };
    let mut process = Process::start(&launch)?;
    wait_until("the discovery service to be healthy", DEADLINE, || {
        if let Ok(Some(status)) = process.exit_status() {
            let lines = crate::last_lines(&launch.log, 5).join("\n");
            return Ok(Err(ServiceError::Ended { status, lines }));
        }
        let answer = ureq::get(format!("{url}/health")).call();
        answer.map(|_| Ok(())).map_err(|error| error.to_string())
    })??;
    Ok(process)
}
