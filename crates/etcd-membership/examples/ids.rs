//! Prints the ids that an initial cluster gets: `ids NAME=URL,NAME=URL [TOKEN]`.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use etcd_membership::{Cluster, UrlsMap};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let map: UrlsMap =
        arguments.next().unwrap_or_else(|| "default=http://localhost:2380".to_owned()).parse()?;
    let token = arguments.next().unwrap_or_else(|| "etcd-cluster".to_owned());
    let cluster = Cluster::from_urls_map(&map, &token)?;
    println!("cluster {}", cluster.id());
    for member in cluster.members() {
        println!("{:>16} {} {}", member.id, member.name, member.peer_urls.join(","));
    }
    Ok(())
}
