//! What to say about a discovery service, or about DNS.

use etcd_discovery::DiscoveryError;
use etcd_dns::DnsError;
use etcd_membership::Quoted;

/// The guide's words, where it has some.
pub(super) fn guide_line(name: &str, token: &str, cause: &DiscoveryError) -> Option<String> {
    Some(match cause {
        DiscoveryError::SizeMissing { config, .. } => {
            format!("etcd: error: the cluster doesn't have a size configuration value in {config}")
        }
        DiscoveryError::DuplicateId { .. } => {
            format!(
                "etcd: member {} has previously registered with discovery service token ({token})",
                Quoted(name)
            )
        }
        DiscoveryError::DuplicateName { .. } => {
            format!("etcd: member with duplicated name has registered with discovery service token({token})")
        }
        DiscoveryError::Full { .. } => "etcd: discovery cluster is full".to_owned(),
        _ => return None,
    })
}

pub(super) fn hint(token: &str, cause: &DiscoveryError) -> String {
    match cause {
        DiscoveryError::SizeMissing { config, .. } if config.starts_with('/') => {
            format!("say how many members the cluster shall have: etcdctl put {config} 3")
        }
        DiscoveryError::SizeMissing { config, .. } => {
            format!("say how many members the cluster shall have: curl -X PUT {config}/size -d value=3")
        }
        DiscoveryError::BadSize { .. } => {
            "set the size of the token to the number of members, such as 3".to_owned()
        }
        DiscoveryError::DuplicateId { .. } => {
            "there is no valid log in --data-dir: check its path if the member has run before, or use a new token if \
             its first start failed"
                .to_owned()
        }
        DiscoveryError::DuplicateName { name } => {
            format!("{} is the --name of two members: give each its own, and make a new token", Quoted(name))
        }
        DiscoveryError::Full { size } => format!(
            "{size} members have registered before this one: add it to their cluster with 'etcdctl member add', or \
             make a new token"
        ),
        DiscoveryError::InvalidEntry { .. } => format!("look at what is registered under {token}, and make a new token"),
        DiscoveryError::InvalidProxy { .. } => {
            "set --discovery-proxy to the proxy's address, such as http://10.0.1.1:3128".to_owned()
        }
        DiscoveryError::InvalidLocal { .. } => "correct --name or --initial-advertise-peer-urls".to_owned(),
        DiscoveryError::Refused { .. } => {
            "see what the service says; for v3 discovery, check --discovery-user and --discovery-password".to_owned()
        }
        DiscoveryError::Timeout => {
            "the service takes the connection and does not answer: check that it is healthy, and start again".to_owned()
        }
        _ => "check --discovery: it is the URL of a token, such as http://host:2379/v2/keys/discovery/<token>; or \
              --discovery-endpoints: host:port of an etcd cluster"
            .to_owned(),
    }
}

pub(super) fn dns_hint(cause: &DnsError) -> String {
    match cause {
        DnsError::OwnAddress { .. } => {
            "the host in --initial-advertise-peer-urls must have an address; write the address itself if it has none"
                .to_owned()
        }
        DnsError::NothingFound { .. } => {
            "publish the records, or correct --discovery-srv, --discovery-srv-name or --discovery-srv-nameserver"
                .to_owned()
        }
        DnsError::Target { cause, .. } => format!("publish an address of {}, or remove its SRV record", cause.name),
        DnsError::LocalMissing { mismatch: Some(mismatch), .. } => mismatch.clone(),
        DnsError::LocalMissing { .. } => {
            "one record must lead to the address and port of --initial-advertise-peer-urls".to_owned()
        }
        _ => "check the records and the name server".to_owned(),
    }
}
