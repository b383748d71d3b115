//! Ports for parallel tests, without races.
//!
//! Binding port 0 and letting go invites another process to take the port before the server binds it. Here a
//! port is *reserved* instead: an exclusive lock on a file named after it, which every user of this crate honours
//! and the kernel drops when the process ends. The ports lie below Linux's ephemeral range (32768–60999), so that
//! no outgoing connection takes one by chance.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

const RANGE: Range<u16> = 20_000..30_000;

/// A port that is ours until this value is dropped.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    _lock: File,
}

impl ReservedPort {
    /// The number.
    #[must_use]
    pub const fn get(&self) -> u16 {
        self.port
    }
}

/// Reserves `count` ports on loopback that nobody listens on.
///
/// # Errors
/// When the lock directory cannot be used, or the range is exhausted.
pub fn reserve_ports(count: usize) -> io::Result<Vec<ReservedPort>> {
    let directory = lock_directory()?;
    // Processes start at different places, so that they seldom meet.
    let span = RANGE.end - RANGE.start;
    let first = u16::try_from(std::process::id() * 37 % u32::from(span)).unwrap_or(0);
    let mut ports = Vec::with_capacity(count);
    for step in 0..span {
        if ports.len() == count {
            break;
        }
        let port = RANGE.start + (first + step) % span;
        if let Some(lock) = try_lock(directory.join(port.to_string()))?
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            ports.push(ReservedPort { port, _lock: lock });
        }
    }
    if ports.len() < count {
        return Err(io::Error::other(format!("no {count} free ports in {RANGE:?}")));
    }
    Ok(ports)
}

fn lock_directory() -> io::Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let directory = std::env::temp_dir().join(format!("etcd-testkit-ports-{user}"));
    DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    Ok(directory)
}

fn try_lock(path: PathBuf) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ports_are_distinct_while_held() {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| reserve_ports(6).unwrap())).collect();
        let held: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let numbers: BTreeSet<_> = held.iter().map(ReservedPort::get).collect();
        assert_eq!(numbers.len(), 48);
    }

    #[test]
    fn a_port_that_is_listened_on_is_skipped() {
        let port = reserve_ports(1).unwrap().remove(0).get();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let next = reserve_ports(1).unwrap().remove(0).get();
        assert!(listener.is_err() || next != port, "{port} was given out while in use");
    }
}
