//! One member of a cluster, and the command line that makes a server be it.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::certs::CertFiles;

/// Name, ports and data directory of one member, on 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpec {
    /// `--name`.
    pub name: String,
    /// Port of the client URL.
    pub client_port: u16,
    /// Port of the peer URL.
    pub peer_port: u16,
    /// `--data-dir`.
    pub data_dir: PathBuf,
    /// What is spoken on both ports.
    pub security: Security,
}

/// What a member speaks on both of its ports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Security {
    /// Plain text.
    #[default]
    Plain,
    /// TLS with certificates of the members' own making, which nobody verifies.
    Auto,
    /// TLS with these certificates; everybody must show one.
    Files(Certificates),
}

/// Certificates of one member, and of whoever asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// Whom clients and members trust.
    pub client_ca: PathBuf,
    /// The same between members.
    pub peer_ca: PathBuf,
    /// Shown to clients.
    pub client: CertFiles,
    /// Shown to members.
    pub peer: CertFiles,
    /// For clients to show.
    pub user: CertFiles,
}

impl MemberSpec {
    /// The only client URL: listened on and advertised.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), self.client_port)
    }

    /// The only peer URL: listened on and advertised.
    #[must_use]
    pub fn peer_url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), self.peer_port)
    }

    const fn scheme(&self) -> &'static str {
        match self.security {
            Security::Plain => "http",
            Security::Auto | Security::Files(_) => "https",
        }
    }

    /// etcd's flags for this member, without those that say how it finds the others.
    #[must_use]
    pub fn own_arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let mut flag = |name: &str, value: OsString| arguments.extend([OsString::from(name), value]);
        flag("--name", self.name.clone().into());
        flag("--data-dir", self.data_dir.clone().into());
        flag("--listen-client-urls", self.client_url().into());
        flag("--advertise-client-urls", self.client_url().into());
        flag("--listen-peer-urls", self.peer_url().into());
        flag("--initial-advertise-peer-urls", self.peer_url().into());
        match &self.security {
            Security::Plain => {}
            Security::Auto => arguments.extend(["--auto-tls".into(), "--peer-auto-tls".into()]),
            Security::Files(files) => {
                flag("--trusted-ca-file", files.client_ca.clone().into());
                flag("--cert-file", files.client.cert.clone().into());
                flag("--key-file", files.client.key.clone().into());
                flag("--peer-trusted-ca-file", files.peer_ca.clone().into());
                flag("--peer-cert-file", files.peer.cert.clone().into());
                flag("--peer-key-file", files.peer.key.clone().into());
                arguments.extend(["--client-cert-auth".into(), "--peer-client-cert-auth".into()]);
            }
        }
        arguments
    }

    /// etcd's flags for this member of the cluster `members` with the bootstrap token `token`.
    #[must_use]
    pub fn arguments(&self, members: &[Self], token: &str) -> Vec<OsString> {
        let mut arguments = self.own_arguments();
        let mut flag = |name: &str, value: OsString| arguments.extend([OsString::from(name), value]);
        flag("--initial-cluster", initial_cluster(members).into());
        flag("--initial-cluster-token", token.into());
        flag("--initial-cluster-state", "new".into());
        arguments
    }
}

/// The value of `--initial-cluster` for `members`: `name=url,…`.
#[must_use]
pub fn initial_cluster(members: &[MemberSpec]) -> String {
    let pairs: Vec<_> = members.iter().map(|m| format!("{}={}", m.name, m.peer_url())).collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_pairs_of_flag_and_value() {
        let member = |name: &str, port| MemberSpec {
            name: name.to_owned(),
            client_port: port,
            peer_port: port + 1,
            data_dir: PathBuf::from("/data").join(name),
            security: Security::Plain,
        };
        let members = [member("a", 1000), member("b", 1010)];
        let arguments: Vec<_> = members[1]
            .arguments(&members, "token-1")
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        assert_eq!(
            arguments.join(" "),
            "--name b --data-dir /data/b \
             --listen-client-urls http://127.0.0.1:1010 --advertise-client-urls http://127.0.0.1:1010 \
             --listen-peer-urls http://127.0.0.1:1011 --initial-advertise-peer-urls http://127.0.0.1:1011 \
             --initial-cluster a=http://127.0.0.1:1001,b=http://127.0.0.1:1011 \
             --initial-cluster-token token-1 --initial-cluster-state new"
        );
    }
}
