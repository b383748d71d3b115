//! A program with an etcd member inside: starts it, writes a key through its own client port, stops it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::ffi::OsString;

use etcd_config::Invocation;
use etcd_proto::etcdserverpb::PutRequest;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_server::Member;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let data_dir = OsString::from(format!("--data-dir={}", dir.path().join("embedded.etcd").display()));
    let Invocation::Run(config, _notices) = etcd_config::parse([data_dir], [])? else { return Ok(()) };
    let member = Member::start(&config).await?;
    println!("member {} of cluster {}", member.id(), member.cluster_id());

    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(member.run(async move { _ = stopped.await }));
    let mut kv = loop {
        match KvClient::connect("http://127.0.0.1:2379").await {
            Ok(kv) => break kv,
            Err(_not_yet) => tokio::task::yield_now().await,
        }
    };
    let put = PutRequest { key: "foo".into(), value: "bar".into(), ..PutRequest::default() };
    let header = kv.put(put).await?.into_inner().header.unwrap_or_default();
    println!("written at revision {}", header.revision);

    _ = stop.send(());
    println!("{:?}", running.await?);
    Ok(())
}
