//! Process ids that cannot be mistaken for their successors.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::procfs::ProcessState;

/// A process, for as long as it lives: its id together with when it was started.
///
/// The kernel reuses process ids; a remembered id alone may name a stranger by the time it is signalled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId {
    /// The kernel's process id.
    pub pid: u32,
    /// Start time in clock ticks after boot, from `/proc/<pid>/stat`.
    pub started: u64,
    /// The boot it counts from (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
}

/// A signal could not be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The process has ended; its id may belong to another one by now.
    #[error("process {pid} is no longer running")]
    Gone {
        /// The id it had.
        pid: u32,
    },
    /// The kernel refused.
    #[error("cannot signal process {pid}")]
    Refused {
        /// The process.
        pid: u32,
        /// Why.
        source: Errno,
    },
}

impl ProcessId {
    /// Identifies the process that has the id `pid` now; `None` when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let started = ProcessState::read(pid)?.started;
        Some(Self { pid, started, boot: boot_id() })
    }

    /// Its state in `/proc`; `None` once it has ended, even if a parent has yet to collect it.
    #[must_use]
    pub fn state(&self) -> Option<ProcessState> {
        let state = ProcessState::read(self.pid)?;
        (state.started == self.started && state.is_alive() && boot_id() == self.boot).then_some(state)
    }

    /// Whether it still runs (or is paused).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.state().is_some()
    }

    /// Whether it is stopped by SIGSTOP, with all of its threads: one that waits for the disk stops only after that.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.state().is_some_and(|state| state.state == 'T')
            && ProcessState::of_threads(self.pid).all(|thread| thread.state == 'T' || !thread.is_alive())
    }

    /// Sends `signal` to this process and to no other.
    ///
    /// # Errors
    /// `Gone` when it has ended; `Refused` when the kernel says no.
    pub fn signal(&self, signal: Signal) -> Result<(), SignalError> {
        let gone = SignalError::Gone { pid: self.pid };
        let refused = |source| match source {
            Errno::SRCH => SignalError::Gone { pid: self.pid },
            source => SignalError::Refused { pid: self.pid, source },
        };
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Err(gone) };
        // The descriptor pins whoever has the id now; only then is it worth asking whether that is the one.
        let pinned = pidfd_open(pid, PidfdFlags::empty()).map_err(refused)?;
        if !self.is_alive() {
            return Err(gone);
        }
        pidfd_send_signal(&pinned, signal).map_err(refused)
    }
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            Self(Command::new("sleep").arg("60").spawn().unwrap())
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn a_recycled_id_is_never_signalled() {
        let sleeper = Sleeper::start();
        let real = ProcessId::of(sleeper.0.id()).unwrap();
        for stranger in [
            ProcessId { started: real.started + 1, ..real.clone() },
            ProcessId { boot: "another boot".into(), ..real.clone() },
        ] {
            assert!(!stranger.is_alive());
            assert!(matches!(stranger.signal(Signal::KILL), Err(SignalError::Gone { .. })));
        }
        assert!(real.is_alive());
    }

    #[test]
    fn a_killed_process_is_gone_before_it_is_collected() {
        let mut sleeper = Sleeper::start();
        let id = ProcessId::of(sleeper.0.id()).unwrap();
        id.signal(Signal::KILL).unwrap();
        sleeper.0.wait().unwrap();
        assert!(!id.is_alive());
        assert!(matches!(id.signal(Signal::KILL), Err(SignalError::Gone { .. })));
    }

    #[test]
    fn ids_that_no_process_can_have() {
        for pid in [0, u32::MAX] {
            let id = ProcessId { pid, started: 0, boot: String::new() };
            assert!(matches!(id.signal(Signal::KILL), Err(SignalError::Gone { .. })));
        }
    }
}
