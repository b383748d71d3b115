//! Fifty members register at once for a cluster of five: the index decides who is in.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use etcd_v2store::{Error, Expiry, Limits, Store};

fn main() -> Result<(), Error> {
    let mut store = Store::new(Limits::default());
    store.set("/discovery/token/_config/size", false, "5", Expiry::NEVER)?;
    for member in 0..50 {
        let url = format!("infra{member}=http://10.0.1.{member}:2380");
        store.create(
            &format!("/discovery/token/{:x}", 0x9000 - member),
            false,
            &url,
            false,
            Expiry::NEVER,
        )?;
    }
    let mut members = store.view().get("/discovery/token", false)?.node.nodes;
    members.sort_by_key(|member| member.created);
    for member in &members[..5] {
        println!("{} {}", member.created, member.value.as_deref().unwrap_or_default());
    }
    Ok(())
}
