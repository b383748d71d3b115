//! Members and names that exist only here.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use etcd_membership::{Cluster, ClusterId, ClusterVersion, Member};

use crate::{HostResolver, MemberVersions, PeerProbe, ProbeError};

/// Members that answer at some URLs.
#[derive(Default)]
pub(crate) struct Peers {
    answers: BTreeMap<String, (ClusterId, Vec<Member>)>,
    silent: Vec<String>,
    version: Option<ClusterVersion>,
    downgrading: bool,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Peers {
    /// All members of `cluster` answer, at all their URLs; the cluster version is 3.7.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let members: Vec<Member> = cluster.members().cloned().collect();
        let urls = cluster.members().flat_map(|member| member.peer_urls.clone());
        let answers = urls.map(|url| (url, (cluster.id(), members.clone()))).collect();
        Self { answers, version: Some(ClusterVersion::new(3, 7)), ..Self::default() }
    }

    pub(crate) fn answer(mut self, url: &str, id: ClusterId, members: Vec<Member>) -> Self {
        self.answers.insert(url.to_owned(), (id, members));
        self
    }

    pub(crate) fn version(mut self, version: Option<ClusterVersion>) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn downgrading(mut self) -> Self {
        self.downgrading = true;
        self
    }

    /// This URL never answers, neither yes nor no.
    pub(crate) fn silent(mut self, url: &str) -> Self {
        self.silent.push(url.to_owned());
        self
    }

    async fn ask(&self, url: &str) -> Result<&(ClusterId, Vec<Member>), ProbeError> {
        self.asked.lock().unwrap().push(url.to_owned());
        if self.silent.iter().any(|silent| silent == url) {
            std::future::pending::<()>().await;
        }
        self.answers.get(url).ok_or_else(|| "connection refused".into())
    }
}

impl PeerProbe for Peers {
    async fn members(&self, url: &str) -> Result<(ClusterId, Vec<Member>), ProbeError> {
        self.ask(url).await.cloned()
    }

    async fn version(&self, url: &str) -> Result<MemberVersions, ProbeError> {
        self.ask(url).await.map(|_| MemberVersions { cluster: self.version })
    }

    async fn downgrade_enabled(&self, url: &str) -> Result<bool, ProbeError> {
        self.ask(url).await.map(|_| self.downgrading)
    }
}

/// Names with addresses; the name `late` is known only from the third question on, `never` makes no answer.
#[derive(Default)]
pub(crate) struct Names {
    known: BTreeMap<String, IpAddr>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn of(names: &[(&str, &str)]) -> Self {
        let known = names.iter().map(|(name, ip)| ((*name).to_owned(), ip.parse().unwrap())).collect();
        Self { known, ..Self::default() }
    }
}

impl HostResolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let times = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(host.to_owned());
            asked.iter().filter(|name| *name == host).count()
        };
        if host == "never" {
            return std::future::pending().await;
        }
        match self.known.get(host) {
            Some(_) if host == "late" && times < 3 => Err(io::Error::other("try again")),
            Some(ip) => Ok(vec![*ip, "192.0.2.1".parse().unwrap()]),
            None => Err(io::Error::other("no such host")),
        }
    }
}
