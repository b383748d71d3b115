//! A program of its own that finds its peers.
//!
//! Start an etcd with the v2 keys API, and say how many programs there will be:
//!
//! ```sh
//! curl -X PUT http://127.0.0.1:2379/v2/keys/discovery/workers/_config/size -d value=2
//! cargo run -p etcd-discovery --example peers -- http://127.0.0.1:2379/v2/keys/discovery/workers a http://127.0.0.1:9001 &
//! cargo run -p etcd-discovery --example peers -- http://127.0.0.1:2379/v2/keys/discovery/workers b http://127.0.0.1:9002
//! ```
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::error::Error;

use etcd_discovery::{V2Options, join_v2};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [service, name, own_url] = arguments.as_slice() else {
        return Err("usage: peers <token's URL> <name> <own URL>".into());
    };
    println!("registering as {name}, and waiting for the others");
    let found = join_v2(&V2Options::new(service), name, &own_url.parse()?).await?;
    for (peer, urls) in found.members.iter() {
        println!("{peer} is at {urls}{}", if peer == name { " (this program)" } else { "" });
    }
    Ok(())
}
