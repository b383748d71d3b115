//! A program that goes on printing.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use etcd_testkit::{ProcessId, Signal};

use crate::DEADLINE;

/// A program that runs until it is dropped; its output is read as it comes.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: ChildStdin,
    pieces: Receiver<Vec<u8>>,
    /// Printed, and not yet given to the caller.
    rest: String,
}

impl Running {
    /// Takes over a program whose standard input and output are pipes.
    ///
    /// # Panics
    /// When they are not.
    #[must_use]
    pub fn new(mut child: Child) -> Self {
        let stdin = child.stdin.take().expect("its input is a pipe");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let (sender, pieces) = channel();
        std::thread::spawn(move || copy(stdout, |piece| sender.send(piece).is_ok()));
        Self { child, stdin, pieces, rest: String::new() }
    }

    /// Interrupts it, as Ctrl-C does.
    ///
    /// # Panics
    /// When it has ended.
    pub fn interrupt(&self) {
        let process = ProcessId::of(self.child.id()).expect("it runs");
        process.signal(Signal::INT).expect("it runs");
    }

    /// Types something.
    ///
    /// # Panics
    /// When it no longer reads.
    pub fn input(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).expect("it reads its input");
        self.stdin.flush().expect("it reads its input");
    }

    /// The next `length` bytes that it prints.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn output(&mut self, length: usize) -> String {
        self.read(|rest| (rest.len() >= length).then_some(length))
    }

    /// What it prints up to and with `end`.
    ///
    /// # Panics
    /// When that does not come in time.
    pub fn output_until(&mut self, end: &str) -> String {
        self.read(|rest| rest.find(end).map(|at| at + end.len()))
    }

    /// Waits until it ends by itself; its exit code, and what else it has printed.
    ///
    /// # Panics
    /// When it has not ended after `limit`.
    pub fn wait(mut self, limit: Duration) -> (Option<i32>, String) {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.rest += &String::from_utf8_lossy(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error}; so far it has printed {:?}", self.rest),
            }
        }
        // It has closed its output, and ends.
        let status = self.child.wait().expect("it is a child of this process");
        (status.code(), std::mem::take(&mut self.rest))
    }

    fn read(&mut self, enough: impl Fn(&str) -> Option<usize>) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(length) = enough(&self.rest) {
                let rest = self.rest.split_off(length);
                return std::mem::replace(&mut self.rest, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.rest += &String::from_utf8_lossy(&piece),
                Err(error) => panic!("{error}; so far it has printed {:?}", self.rest),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn copy(mut stdout: ChildStdout, mut take: impl FnMut(Vec<u8>) -> bool) {
    let mut buffer = [0; 4096];
    while let Ok(count) = stdout.read(&mut buffer) {
        if count == 0 || !take(buffer[..count].to_vec()) {
            return;
        }
    }
}
