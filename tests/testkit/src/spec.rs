//! One member of a cluster, and the command line that makes a server be it.

use std::ffi::OsString;
use std::path::PathBuf;

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
}

impl MemberSpec {
    /// The only client URL: listened on and advertised.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    /// The only peer URL: listened on and advertised.
    #[must_use]
    pub fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }

    /// etcd's flags for this member of the cluster `members` with the bootstrap token `token`.
    #[must_use]
    pub fn arguments(&self, members: &[Self], token: &str) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let mut flag = |name: &str, value: OsString| arguments.extend([OsString::from(name), value]);
        flag("--name", self.name.clone().into());
        flag("--data-dir", self.data_dir.clone().into());
        flag("--listen-client-urls", self.client_url().into());
        flag("--advertise-client-urls", self.client_url().into());
        flag("--listen-peer-urls", self.peer_url().into());
        flag("--initial-advertise-peer-urls", self.peer_url().into());
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
