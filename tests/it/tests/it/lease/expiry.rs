//! Leases whose owners are gone.

use std::time::{Duration, Instant};

use etcd_client::{Client, Error, GetOptions, LeaseGrantOptions, PutOptions};
use etcd_it::{DEADLINE, TestCluster, cluster, runtime, start};
use etcd_testkit::wait_until;
use tokio::runtime::Runtime;

use crate::load::connect;

/// Keys below `prefix` as this member has them by itself.
pub(super) async fn count(client: &mut Client, prefix: &str) -> i64 {
    let options = GetOptions::new().with_prefix().with_serializable().with_count_only();
    client.get(prefix, Some(options)).await.unwrap().count()
}

/// Waits until no member has a key below `prefix`.
pub(super) fn await_gone(cluster: &TestCluster, runtime: &Runtime, prefix: &str) {
    for url in cluster.client_urls() {
        let mut client = runtime.block_on(connect(&url));
        wait_until(&format!("{url} to have no {prefix}"), DEADLINE, || {
            match runtime.block_on(count(&mut client, prefix)) {
                0 => Ok(()),
                left => Err(format!("{left} keys")),
            }
        })
        .unwrap();
    }
}

/// Puts a key on a new lease of `ttl` seconds, and gives the lease. Once more when the machine was too slow, so that the
/// lease had ended before it got the key.
pub(super) async fn put_leased(client: &mut Client, key: &str, ttl: i64) -> i64 {
    loop {
        let id = client.lease_grant(ttl, None).await.unwrap().id();
        if put_on(client, key, id).await {
            return id;
        }
    }
}

/// Whether the lease was still there to take the key.
async fn put_on(client: &mut Client, key: &str, id: i64) -> bool {
    match client.put(key, "v", Some(PutOptions::new().with_lease(id))).await {
        Ok(_) => true,
        Err(Error::GRpcStatus(status)) if status.message() == "etcdserver: requested lease not found" => {
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// Renews a lease again and again, and tells when one was too late: then, and only then, it may have ended.
pub(super) struct Keeper {
    ttl: Duration,
    /// When the newest renewal was asked for that has succeeded.
    renewed: Instant,
}

impl Keeper {
    /// The lease was there at `renewed`.
    pub(super) fn new(ttl: Duration, renewed: Instant) -> Self {
        Self { ttl, renewed }
    }

    /// Renews through one member. `Err` when the machine was too slow: it has ended, as it had to.
    ///
    /// # Panics
    /// When the lease has ended too early.
    pub(super) async fn renew(&mut self, client: &mut Client, id: i64) -> Result<(), ()> {
        let asked = Instant::now();
        // A member that is away, or has no leader, renews nothing.
        let Ok((mut keeper, mut answers)) = client.lease_keep_alive(id).await else { return Ok(()) };
        if keeper.keep_alive().await.is_err() {
            return Ok(());
        }
        let Ok(Some(answer)) = answers.message().await else { return Ok(()) };
        if answer.ttl() > 0 {
            self.renewed = asked;
            return Ok(());
        }
        assert!(self.may_be_over(), "the lease was lost {:?} after its last renewal", self.renewed.elapsed());
        Err(())
    }

    pub(super) fn may_be_over(&self) -> bool {
        self.renewed.elapsed() >= self.ttl
    }
}

#[test]
fn keys_go_with_their_lease_on_every_member_alike() {
    const LEASES: f64 = 20.0;
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    // How many keys were put, and how many leases had one: each takes its keys away in one revision.
    let (puts, held, ttl) = runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[0]).await;
        client.put("kept", "v", None).await.unwrap();
        let (mut puts, mut held, mut ttl) = (0, 0, 0);
        for id in 1..=LEASES as i64 {
            ttl = client.lease_grant(2, Some(LeaseGrantOptions::new().with_id(id))).await.unwrap().ttl();
            let mut own = 0;
            for key in 0..3 {
                // On a slow machine the lease may be over by now.
                own += i64::from(put_on(&mut client, &format!("lost/{id}/{key}"), id).await);
            }
            (puts, held) = (puts + own, held + i64::from(own > 0));
        }
        (puts, held, ttl)
    });
    let ended = |name: &str| (0..3).map(|member| cluster.metric(member, name)).collect::<Vec<_>>();
    wait_until("all leases to end", DEADLINE, || {
        let ended = ended("etcd_debugging_lease_revoked_total");
        if ended.iter().all(|count| *count == LEASES) { Ok(()) } else { Err(format!("{ended:?}")) }
    })
    .unwrap();
    await_gone(&cluster, &runtime, "lost/");
    let (revision, _) = cluster.equal_hashes(&runtime);
    assert_eq!(revision, 1 + 1 + puts + held, "one revision for each lease");
    let mut client = runtime.block_on(connect(&cluster.client_urls()[1]));
    assert_eq!(runtime.block_on(count(&mut client, "kept")), 1);
    let leader = cluster.wait_for_leader().unwrap();
    // A leader counts when it hears that what it asked for is done, which may be later, or too late to be heard.
    wait_until("the leader to count what it has ended", DEADLINE, || {
        let expired: f64 =
            (0..3).map(|member| cluster.metric(member, "etcd_debugging_server_lease_expired_total")).sum();
        if (1.0..=LEASES).contains(&expired) { Ok(()) } else { Err(expired.to_string()) }
    })
    .unwrap();
    assert_eq!(cluster.metric(leader, "etcd_debugging_lease_granted_total"), LEASES);
    assert_eq!(cluster.metric(leader, "etcd_debugging_lease_ttl_total_sum"), LEASES * ttl as f64);
}

#[test]
fn a_lease_that_is_kept_alive_stays() {
    let (cluster, runtime) = (start(cluster(3)), runtime());
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for (number, url) in cluster.client_urls().into_iter().enumerate() {
            tasks.spawn(async move {
                let mut client = connect(&url).await;
                let key = format!("held/{number}");
                while !keep_for_long(&mut client, &key).await {}
            });
        }
        tasks.join_all().await;
    });
    await_gone(&cluster, &runtime, "held/");
}

/// Keeps a lease with a key for twice its time; `false` when the machine was too slow for it.
async fn keep_for_long(client: &mut Client, key: &str) -> bool {
    let begun = Instant::now();
    let granted = client.lease_grant(2, None).await.unwrap();
    let ttl = Duration::from_secs(granted.ttl().unsigned_abs());
    if !put_on(client, key, granted.id()).await {
        return false;
    }
    let mut keeper = Keeper::new(ttl, begun);
    while begun.elapsed() < 2 * ttl + Duration::from_secs(1) {
        if keeper.renew(client, granted.id()).await.is_err() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await; // between two looks
    }
    let is_there = count(client, key).await == 1;
    assert!(is_there || keeper.may_be_over(), "{key} is gone");
    is_there
}
