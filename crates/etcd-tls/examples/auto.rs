//! Makes a certificate as `--auto-tls` does, and says what is in use and until when.
#![expect(clippy::print_stdout, reason = "an example")]

use std::path::PathBuf;
use std::time::SystemTime;

use etcd_tls::{Options, Tls, auto};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let directory = PathBuf::from(words.next().ok_or("usage: auto DIRECTORY HOST…")?);
    let hosts: Vec<String> = words.collect();
    let now = SystemTime::now();
    let pair = auto::ensure(&directory, &hosts, 1, now)?;
    let tls = Tls::load(Options { server: Some(pair), ..Options::default() })?;
    for certificate in tls.certificates() {
        let days = certificate.not_after.duration_since(now)?.as_secs() / 86_400;
        println!("{:?} {} ends in {days} days", certificate.role, certificate.path.display());
    }
    Ok(())
}
