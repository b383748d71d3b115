//! Gives the bytes of standard input to one target: `… --example one -- wal < file`.

use std::io::Read as _;

fn main() {
    let name = std::env::args().nth(1).expect("the name of a target");
    let mut data = Vec::new();
    std::io::stdin().read_to_end(&mut data).expect("standard input can be read");
    etcd_fuzz::target(&name)(&data);
}
