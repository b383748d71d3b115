//! Shows the client endpoints of a domain: `lookup example.com [name server as host:port]`.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::error::Error;

use etcd_dns::{Resolver, find_endpoints};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let domain = arguments.next().ok_or("usage: lookup <domain> [name server]")?;
    let resolver = match arguments.next() {
        Some(server) => Resolver::at(&server).await?,
        None => Resolver::system()?,
    };
    for endpoint in find_endpoints(&domain, "", &resolver).await? {
        println!("{endpoint}");
    }
    Ok(())
}
