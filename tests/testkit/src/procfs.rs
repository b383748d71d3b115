//! What `/proc` knows: states, start times, CPU and memory of processes, and who listens on a port.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// The fields of `/proc/<pid>/stat` that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessState {
    /// Name of the program, as the kernel cuts it (15 bytes).
    pub name: String,
    /// `R`, `S`, `D`: alive; `T`: paused; `Z`, `X`: dead.
    pub state: char,
    /// Process id of the parent.
    pub parent: u32,
    /// User and system time so far, in clock ticks.
    pub cpu_ticks: u64,
    /// Start time in clock ticks after boot: with the process id, it identifies a process.
    pub started: u64,
}

impl ProcessState {
    /// Reads the state of process `pid`; `None` when there is none.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads the states of the threads of process `pid`, those that have ended meanwhile left out.
    pub fn of_threads(pid: u32) -> impl Iterator<Item = Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.filter_map(|thread| Self::parse(&fs::read_to_string(thread.path().join("stat")).ok()?))
    }

    /// Whether it is more than a corpse that waits for its parent.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }

    /// The name stands in brackets and may hold brackets and blanks itself, so the last `)` ends it.
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some(Self {
            name,
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            cpu_ticks: number(11)? + number(12)?,
            started: number(19)?,
        })
    }
}

/// CPU time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// User and system time so far, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory now, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// Reads the usage of process `pid`; `None` when there is none.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        let ticks = ProcessState::read(pid)?.cpu_ticks;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            resident_bytes: resident_bytes(&status)?,
        })
    }
}

/// The command line of process `pid`, words joined by blanks; empty when it cannot be read.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = raw.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    words.join(" ").trim_end().to_owned()
}

/// The processes whose parent is `pid`.
#[must_use]
pub fn children_of(pid: u32) -> Vec<u32> {
    processes().filter(|child| ProcessState::read(*child).is_some_and(|s| s.parent == pid)).collect()
}

/// Who listens on TCP `port`: the process, or `Err(uid)` with the owner's user id when the process is hidden.
/// `None` when nobody listens.
#[must_use]
pub fn listener_on(port: u16) -> Option<Result<u32, u32>> {
    let socket = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_socket(&table, port))?;
    let link = PathBuf::from(format!("socket:[{}]", socket.inode));
    Some(processes().find(|pid| holds(*pid, &link)).ok_or(socket.uid))
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    inode: u64,
    uid: u32,
}

/// Finds the socket in state LISTEN (0A) whose local port is `port`, on an address that loopback reaches.
fn listening_socket(table: &str, port: u16) -> Option<Socket> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, local_port) = fields.get(1)?.rsplit_once(':')?;
        let matches = *fields.get(3)? == "0A"
            && u16::from_str_radix(local_port, 16).ok()? == port
            && reaches_loopback(address);
        let socket = Socket { inode: fields.get(9)?.parse().ok()?, uid: fields.get(7)?.parse().ok()? };
        matches.then_some(socket)
    })
}

/// Whether a listener on the kernel's hexadecimal `address` takes connections to 127.0.0.1.
fn reaches_loopback(address: &str) -> bool {
    match address.len() {
        8 => u32::from_str_radix(address, 16).is_ok_and(|word| {
            let ip = Ipv4Addr::from(word.to_be());
            ip.is_unspecified() || ip.is_loopback() || Ipv4Addr::from(word).is_loopback()
        }),
        _ => u128::from_str_radix(address, 16).is_ok_and(|word| {
            let ip = Ipv6Addr::from(word);
            ip.is_unspecified() || address.ends_with("0100007F")
        }),
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn holds(pid: u32, link: &Path) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == link))
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_stat_line_with_an_awkward_name() {
        let line = "42 (a (b) c) T 7 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 9 0 123456 1 2 3";
        let state = ProcessState::parse(line).unwrap();
        let expected =
            ProcessState { name: "a (b) c".into(), state: 'T', parent: 7, cpu_ticks: 200, started: 123_456 };
        assert_eq!(state, expected);
        assert!(state.is_alive());
    }

    #[test]
    fn cut_stat_lines_are_no_state() {
        for line in ["", "42", "42 (x", "42 (x) S", "42 (x) S 1 2 3"] {
            assert_eq!(ProcessState::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn listening_sockets_are_told_from_the_rest() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x\n\
             1: 0100007F:1F90 0100007F:094B 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 x\n\
             2: 0200000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 x\n";
        assert_eq!(listening_socket(table, 2379), Some(Socket { inode: 4711, uid: 1000 }));
        assert_eq!(listening_socket(table, 8080), None, "a connection is no listener");
        assert_eq!(listening_socket(table, 80), None, "another address does not matter");
    }

    #[test]
    fn our_own_listener_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listener_on(port), Some(Ok(std::process::id())));
        drop(listener);
        assert_ne!(listener_on(port), Some(Ok(std::process::id())));
    }

    #[test]
    fn our_own_usage_is_plausible() {
        let usage = Usage::read(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(resident_bytes("VmHWM:\t 9 kB\nVmRSS:\t   1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident_bytes("Name: kthreadd\n"), None);
    }
}
