//! Writes a key to a running etcd and reads it back: `put_and_get http://127.0.0.1:2379`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: put_and_get http://host:port")?;
    let mut kv = KvClient::connect(endpoint).await?;
    let put = PutRequest { key: "foo".into(), value: "bar".into(), ..PutRequest::default() };
    let written = kv.put(put).await?.into_inner();
    println!("written at revision {}", written.header.unwrap_or_default().revision);

    let get = RangeRequest { key: "foo".into(), ..RangeRequest::default() };
    for pair in kv.range(get).await?.into_inner().kvs {
        println!("{} = {}", String::from_utf8_lossy(&pair.key), String::from_utf8_lossy(&pair.value));
    }
    Ok(())
}
