//! Ports that are taken, and by whom.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::bail;
use etcd_testkit::{ProcessState, command_line, listener_on};

use super::state::Member;

const LONGEST_COMMAND: usize = 80;

/// Fails when a port of one of `members` is taken, naming every such port and who has it.
pub(super) fn check_free<'a>(members: impl Iterator<Item = &'a Member>) -> anyhow::Result<()> {
    let mut taken = Vec::new();
    for member in members {
        for (what, port) in [("client", member.client_port), ("peer", member.peer_port)] {
            if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                taken.push(format!(
                    "  port {port} ({what} port of {}): {}",
                    member.name,
                    reason(port, &error)
                ));
            }
        }
    }
    if !taken.is_empty() {
        bail!(
            "cannot listen on every port:\n{}\nstop what has them, or choose others with --base-port",
            taken.join("\n")
        );
    }
    Ok(())
}

fn reason(port: u16, error: &std::io::Error) -> String {
    match listener_on(port) {
        Some(Ok(pid)) => {
            let name = ProcessState::read(pid).map_or_else(String::new, |state| state.name);
            format!("taken by {name}, process {pid} ({})", shortened(&command_line(pid)))
        }
        Some(Err(uid)) => format!("taken by a process of the user with id {uid}"),
        None => error.to_string(),
    }
}

fn shortened(command: &str) -> String {
    if command.chars().count() <= LONGEST_COMMAND {
        return command.to_owned();
    }
    let start: String = command.chars().take(LONGEST_COMMAND).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::state::State;

    #[test]
    fn a_taken_port_is_reported_with_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State::new("etcd".into(), 1, port, vec![]).unwrap();
        let error = check_free(state.members.iter()).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(error.contains(&format!("port {port} (client port of infra0): taken by")), "{error}");
        assert!(error.contains(&format!("process {pid} (")), "{error}");
    }

    #[test]
    fn long_command_lines_are_cut() {
        assert_eq!(shortened("etcd --name a"), "etcd --name a");
        assert_eq!(shortened(&"x".repeat(100)).chars().count(), LONGEST_COMMAND + 1);
    }
}
