//! One running service.

use std::ffi::OsString;
use std::path::Path;

use etcd_it::{DEADLINE, Scratch};
use etcd_testkit::{Launch, Process, ReservedPort, reserve_ports, wait_until};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) scratch: Scratch,
    process: Option<Process>,
    tls: TlsConfig,
    arguments: Vec<OsString>,
    _ports: Vec<ReservedPort>,
}

/// What the service said.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

impl Service {
    /// Starts the service with a member within, and further flags.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_as("http", TlsConfig::default(), more)
    }

    /// The same, for flags that make it speak TLS; this authority vouches for it.
    pub(crate) fn start_secure(authority: &Path, more: &[&str]) -> Self {
        let authority = Certificate::from_pem(&std::fs::read(authority).unwrap()).unwrap();
        let trusted = RootCerts::new_with_certs(&[authority]);
        Self::start_as("https", TlsConfig::builder().root_certs(trusted).build(), more)
    }

    fn start_as(scheme: &str, tls: TlsConfig, more: &[&str]) -> Self {
        let ports = reserve_ports(3).unwrap();
        let scratch = Scratch::new();
        let address = |at: usize| format!("127.0.0.1:{}", ports[at].get());
        let mut arguments: Vec<OsString> = [
            format!("--listen={}", address(0)),
            format!("--storage-client-url=http://{}", address(1)),
            format!("--storage-peer-url=http://{}", address(2)),
            format!("--data-dir={}", scratch.text("data")),
        ]
        .map(OsString::from)
        .to_vec();
        arguments.extend(more.iter().map(OsString::from));
        let url = format!("{scheme}://{}", address(0));
        let mut service = Self { url, scratch, process: None, tls, arguments, _ports: ports };
        service.run();
        service
    }

    fn run(&mut self) {
        let binary = env!("CARGO_BIN_EXE_etcd-discovery-service").into();
        let log = self.scratch.join("service.log");
        let launch = Launch { binary, arguments: self.arguments.clone(), log: log.clone() };
        self.process = Some(Process::start(&launch).unwrap());
        let ready = wait_until("the service to be healthy", DEADLINE, || {
            match self.try_send("GET", "/health", None, None) {
                Ok(reply) if reply.status == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        ready
            .unwrap_or_else(|error| panic!("{error}\n{}", std::fs::read_to_string(&log).unwrap_or_default()));
    }

    /// Stops it in order, and starts it again on its data.
    pub(crate) fn restart(&mut self) {
        let status = self.process.take().unwrap().terminate(DEADLINE).unwrap();
        assert_eq!(status.code(), Some(0));
        self.run();
    }

    pub(crate) fn send(&self, method: &str, path: &str, form: Option<&str>) -> Reply {
        self.try_send(method, path, form, None).unwrap()
    }

    /// As a browser.
    pub(crate) fn page(&self, path: &str) -> Reply {
        self.try_send("GET", path, None, Some("text/html,application/xhtml+xml")).unwrap()
    }

    /// Makes a token; its path.
    pub(crate) fn token(&self, query: &str) -> String {
        let reply = self.send("GET", &format!("/new{query}"), None);
        assert_eq!(reply.status, 200, "{reply:?}");
        let path = reply.body.strip_prefix(&self.url).unwrap_or_else(|| panic!("{reply:?}"));
        path.to_owned()
    }

    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        form: Option<&str>,
        accept: Option<&str>,
    ) -> Result<Reply, ureq::Error> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(self.tls.clone());
        let agent = agent.build().new_agent();
        let mut builder = http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(accept) = accept {
            builder = builder.header("accept", accept);
        }
        let mut response = match form {
            Some(form) => {
                let typed = builder.header("content-type", "application/x-www-form-urlencoded");
                agent.run(typed.body(form.to_owned())?)?
            }
            None => agent.run(builder.body(())?)?,
        };
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers =
            response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        Ok(Reply { status: response.status().as_u16(), body: response.body_mut().read_to_string()?, headers })
    }
}
