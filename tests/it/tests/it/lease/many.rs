//! Very many leases that end at the same moment.

use std::time::{Duration, Instant};

use etcd_it::{cluster, runtime, start};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::lease_client::LeaseClient;
use etcd_proto::etcdserverpb::{LeaseGrantRequest, LeaseLeasesRequest, PutRequest};
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// How many; `ETCD_IT_LEASES` chooses another number.
fn count() -> i64 {
    let named = std::env::var("ETCD_IT_LEASES").ok();
    named.map_or(5000, |text| text.parse().expect("ETCD_IT_LEASES is a number"))
}

/// Grants every `step`th lease from `first` on, with a key each, so that all of them end at `end`; gives the number of
/// keys. On a machine that is too slow for it, some leases end before they get their key.
async fn grant(channel: Channel, first: i64, step: usize, count: i64, end: Instant) -> i64 {
    let mut put = 0;
    let (mut leases, mut keys) = (LeaseClient::new(channel.clone()), KvClient::new(channel));
    for id in (first..=count).step_by(step) {
        let left = end.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
        leases.lease_grant(LeaseGrantRequest { id, ttl: left as i64 }).await.unwrap();
        let key = format!("many/{id}").into();
        match keys.put(PutRequest { key, lease: id, ..PutRequest::default() }).await {
            Ok(_) => put += 1,
            Err(status) => assert_eq!(status.message(), "etcdserver: requested lease not found"),
        }
    }
    put
}

async fn left(url: &str) -> Result<usize, String> {
    let mut client = LeaseClient::connect(url.to_owned()).await.map_err(|error| error.to_string())?;
    let answer = client.lease_leases(LeaseLeasesRequest {}).await.map_err(|error| error.to_string())?;
    Ok(answer.into_inner().leases.len())
}

#[test]
fn leases_that_end_together_are_gone_soon() {
    const CLIENTS: usize = 200;
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let count = count();
    // Granting takes its time, the more so in a build for debugging.
    let end = Instant::now() + Duration::from_secs(10 + count.unsigned_abs() / 1000);
    let urls = cluster.client_urls();
    let keys: i64 = runtime.block_on(async {
        let mut channels = Vec::new();
        for number in 0..12 {
            let endpoint = Channel::from_shared(urls[number % 3].clone()).unwrap();
            channels.push(endpoint.connect().await.unwrap());
        }
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            let channel = channels[client % channels.len()].clone();
            let first = i64::try_from(client).unwrap() + 1;
            tasks.spawn(grant(channel, first, CLIENTS, count, end));
        }
        tasks.join_all().await.into_iter().sum()
    });
    eprintln!("{count} leases end in {:?}", end.saturating_duration_since(Instant::now()));
    let mut begun = None;
    cluster
        .wait("all leases to end", |members| {
            let mut total = 0;
            for member in members {
                total += runtime.block_on(left(&member.spec().client_url()))?;
            }
            if total < members.len() * usize::try_from(count).unwrap() {
                begun.get_or_insert_with(Instant::now);
            }
            if total == 0 { Ok(()) } else { Err(format!("{total} leases on all members")) }
        })
        .unwrap();
    eprintln!("all gone {:?} after the first", begun.map(|begun| begun.elapsed()).unwrap_or_default());
    let (revision, _) = cluster.equal_hashes(&runtime);
    assert_eq!(revision, 1 + 2 * keys, "each key came and went in revisions of its own");
}
