//! What the process asks of the operating system.

use std::net::{Ipv4Addr, UdpSocket};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Descriptors that the server itself needs: log, database, peers.
const RESERVED_DESCRIPTORS: u64 = 150;

/// The process may not open enough files.
#[derive(Debug, thiserror::Error)]
#[error(
    "file descriptor limit of etcd process is too low; please set higher (the limit is {limit}, 150 are reserved)"
)]
pub struct DescriptorLimit {
    /// The limit in force.
    limit: u64,
}

/// Raises the soft limit of open files to the hard one, and says how many of them clients may use.
///
/// # Errors
/// [`DescriptorLimit`] when nothing is left for clients.
pub(crate) fn client_descriptors() -> Result<usize, DescriptorLimit> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            warn!(%error, "cannot raise the limit of open files");
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit <= RESERVED_DESCRIPTORS {
        return Err(DescriptorLimit { limit });
    }
    Ok(usize::try_from(limit - RESERVED_DESCRIPTORS).unwrap_or(usize::MAX))
}

/// Tells systemd that the member serves, when systemd started it.
pub(crate) fn notify_ready() {
    match sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        Ok(()) => info!("notified the init system, if there is one, that the member is ready"),
        Err(error) => warn!(%error, "cannot notify the init system"),
    }
}

/// How the process was started, with what is secret left out.
pub(crate) fn command_line() -> Vec<String> {
    without_secrets(std::env::args())
}

/// Flags whose values carry, or may carry, a password.
const SECRET_FLAGS: [&str; 3] = ["discovery-password", "discovery-user", "discovery-proxy"];

fn without_secrets(arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut is_value = false;
    let hidden = arguments.map(|argument| {
        if std::mem::take(&mut is_value) {
            return "***".to_owned();
        }
        let flag = argument.trim_start_matches('-');
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if !argument.starts_with('-') || !SECRET_FLAGS.contains(&name) {
            return argument;
        }
        is_value = value.is_none();
        value.map_or_else(|| argument.clone(), |_| format!("--{name}=***"))
    });
    hidden.collect()
}

/// The address that this host uses towards the rest of the network, if there is one. Nothing is sent: connecting a
/// datagram socket only asks for the route, here to an address that is reserved for documentation.
pub fn default_host() -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

/// The cores that this process may use, at least one.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn secrets_are_not_in_the_command_line() {
        let given =
            "etcd --name=a --discovery-user=u:p --discovery-password p -discovery-proxy=http://u:p@h data";
        let shown = without_secrets(given.split(' ').map(str::to_owned)).join(" ");
        let expected =
            "etcd --name=a --discovery-user=*** --discovery-password *** --discovery-proxy=*** data";
        assert_eq!(shown, expected);
    }
}
