//! What a unary call costs the server: ours on worker threads, ours on one multi-threaded runtime, and tonic's own
//! generated server, each in a process of its own under the same load.
//!
//! `cargo run --release -p etcd-api --example echo_load -- [connections] [in flight on each] [seconds]`

#![expect(clippy::print_stdout, reason = "a table for the terminal is what it makes")]

mod client;
mod server;

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// How often each kind is measured; the kinds take turns, so that a busy moment hits them alike.
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    if let Some("serve") = std::env::args().nth(1).as_deref() {
        return server::serve(&arguments.nth(1).unwrap_or_default());
    }
    let mut number = |default: usize| match arguments.next() {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let load = client::Load { connections: number(100)?, in_flight: number(10)?, seconds: number(3)? as u64 };
    println!(
        "{} connections x {} calls in flight, {} s each",
        load.connections, load.in_flight, load.seconds
    );
    println!("{:<14} {:>10} {:>14} {:>10} {:>10}", "server", "calls/s", "server us/call", "p50 ms", "p99 ms");
    for _ in 0..ROUNDS {
        for kind in server::KINDS {
            let server = Served::start(kind)?;
            client::run(server.address, &client::Load { seconds: 1, ..load })?;
            let before = server.cpu_seconds()?;
            let seen = client::run(server.address, &load)?;
            let cpu = (server.cpu_seconds()? - before) / seen.calls as f64 * 1e6;
            let rate = seen.calls as f64 / load.seconds as f64;
            println!("{kind:<14} {rate:>10.0} {cpu:>14.1} {:>10.2} {:>10.2}", seen.p50_ms, seen.p99_ms);
        }
    }
    Ok(())
}

/// A server in a process of its own.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(kind: &str) -> Result<Self, Box<dyn Error>> {
        let mut child =
            Command::new(std::env::current_exe()?).args(["serve", kind]).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()? })
    }

    /// User and system time of the process, from `/proc`, where a second has 100 ticks.
    fn cpu_seconds(&self) -> Result<f64, Box<dyn Error>> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, rest) = stat.rsplit_once(')').ok_or("unexpected /proc format")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A server that has ended already is as good.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
