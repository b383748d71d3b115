//! Starts three members of the server that `ETCD_BIN` names, and shows what they agree on.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

fn main() {
    let mut cluster = etcd_it::start(etcd_it::cluster(3));
    let runtime = etcd_it::runtime();
    let (revision, hash) = cluster.equal_hashes(&runtime);
    println!("{} agree on revision {revision} and hash {hash:08x}", cluster.client_urls().join(", "));
}
