//! Users and roles outlive everything that data outlives, and members agree on them.

use etcd_it::{TestCluster, cluster, is_go_3_4, runtime, start};
use tokio::runtime::Runtime;

use super::{ANN_PASSWORD, ROOT_PASSWORD, connect_as, denied, refusal, set_up};
use crate::load::{await_snapshot, put_many_through};

/// Every member knows ann, what she may do, and that nobody else may do anything.
fn assert_known(cluster: &TestCluster, runtime: &Runtime) {
    runtime.block_on(async {
        for url in cluster.client_urls() {
            let mut ann = connect_as(&url, "ann", ANN_PASSWORD).await.unwrap();
            ann.put("ann/1", "y", None).await.unwrap();
            ann.get("all/1", None).await.unwrap();
            assert_eq!(refusal(ann.put("all/1", "y", None).await), denied());
            assert_eq!(refusal(ann.get("root/1", None).await), denied());
            let mut nobody = crate::load::connect(&url).await;
            assert_eq!(refusal(nobody.get("ann/1", None).await).1, "etcdserver: user name is empty");
        }
    });
}

#[test]
fn users_outlive_kills_and_restarts() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    runtime.block_on(set_up(&cluster.client_urls()[0]));
    assert_known(&cluster, &runtime);
    for index in 0..3 {
        cluster.kill(index).unwrap();
    }
    for index in 0..3 {
        cluster.start(index).unwrap();
    }
    for index in 0..3 {
        cluster.wait_for_health(index).unwrap();
    }
    assert_known(&cluster, &runtime);

    runtime.block_on(async {
        let urls = cluster.client_urls();
        let mut root = connect_as(&urls[1], "root", ROOT_PASSWORD).await.unwrap();
        root.auth_disable().await.unwrap();
        for url in &urls {
            crate::load::connect(url).await.get("root/1", None).await.unwrap();
        }
        crate::load::connect(&urls[2]).await.auth_enable().await.unwrap();
    });
    assert_known(&cluster, &runtime);
}

#[test]
fn users_come_with_a_snapshot() {
    let builder = cluster(3).argument("--snapshot-count=200");
    let builder = if is_go_3_4() { builder } else { builder.argument("--snapshot-catchup-entries=50") };
    let (mut cluster, runtime) = (start(builder), runtime());
    cluster.stop(2).unwrap();
    cluster.wait_for_leader().unwrap();
    let urls = crate::load::urls_without(&cluster, 2);
    runtime.block_on(set_up(&urls[0]));
    let ann = runtime.block_on(connect_as(&urls[0], "ann", ANN_PASSWORD)).unwrap();
    let write = || put_many_through(&runtime, std::slice::from_ref(&ann), "ann", 1100, 1);
    write();
    cluster.start(2).unwrap();
    await_snapshot(&mut cluster, 2, |_| write());
    assert_known(&cluster, &runtime);
    if !is_go_3_4() {
        let revisions: Vec<f64> =
            (0..3).map(|index| cluster.metric(index, "etcd_debugging_auth_revision")).collect();
        assert!(
            revisions.iter().all(|revision| *revision == revisions[0] && *revision > 1.0),
            "{revisions:?}"
        );
    }
}

#[test]
fn a_change_counts_for_requests_that_are_under_way() {
    let (cluster, runtime) = (start(cluster(3)), runtime());
    let urls = cluster.client_urls();
    runtime.block_on(async {
        set_up(&urls[0]).await;
        let mut root = connect_as(&urls[0], "root", ROOT_PASSWORD).await.unwrap();
        let (started, mut writes) = tokio::sync::mpsc::channel(1);
        let writer = {
            let url = urls[1].clone();
            tokio::spawn(async move {
                let mut ann = connect_as(&url, "ann", ANN_PASSWORD).await.unwrap();
                let mut written = 0;
                loop {
                    match ann.put("ann/n", "y", None).await {
                        Ok(_) => {
                            written += 1;
                            let _one_is_enough = started.try_send(());
                        }
                        // Users or roles changed between the check and the log: the client may try again.
                        Err(etcd_client::Error::GRpcStatus(status))
                            if status.message() == "etcdserver: revision of auth store is old" => {}
                        Err(etcd_client::Error::GRpcStatus(status)) => {
                            return (written, status.message().to_owned());
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        };
        writes.recv().await.unwrap();
        for number in 0..20 {
            root.role_add(format!("role{number}")).await.unwrap();
        }
        root.user_revoke_role("ann", "letters").await.unwrap();
        let (written, said) = writer.await.unwrap();
        assert_eq!(said, "etcdserver: permission denied");
        assert!(written > 0);
    });
}
