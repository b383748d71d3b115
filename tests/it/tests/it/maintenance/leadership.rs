//! Moving the leader, and going down a version.

use etcd_client::{Client, DowngradeOptions, Error};
use etcd_it::{Ctl, cluster, is_go_3_4, runtime, start};
use tonic::Code;

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, String) {
    match outcome {
        Err(Error::GRpcStatus(status)) => (status.code(), status.message().to_owned()),
        other => panic!("not a gRPC status: {other:?}"),
    }
}

#[test]
fn leadership_moves_to_a_voter_on_the_leaders_word() {
    let mut cluster = start(cluster(3));
    let urls = cluster.client_urls();
    let Some(ctl) = Ctl::new(&urls) else { return };
    let leader = cluster.wait_for_leader().unwrap();
    let target = (leader + 1) % 3;
    let id = |member: usize| {
        cluster.member(member).probe().metrics().unwrap().server_id().expect("an id").to_owned()
    };
    let (from, to) = (id(leader), id(target));
    let target_id = u64::from_str_radix(&to, 16).unwrap();
    runtime().block_on(async {
        let mut follower = Client::connect([&urls[target]], None).await.unwrap();
        let not_leader = (Code::FailedPrecondition, "etcdserver: not leader".to_owned());
        assert_eq!(refusal(follower.move_leader(target_id).await), not_leader);
        let mut client = Client::connect([&urls[leader]], None).await.unwrap();
        let bad = (Code::FailedPrecondition, "etcdserver: bad leader transferee".to_owned());
        assert_eq!(refusal(client.move_leader(77).await), bad);
    });
    let said = ctl.ok(&["move-leader", &to]);
    assert_eq!(said, format!("Leadership transferred from {from} to {to}\n"));
    assert_eq!(cluster.wait_for_leader().unwrap(), target);
    assert_eq!(ctl.ok(&["put", "k", "v"]), "OK\n");
}

#[test]
fn a_downgrade_is_checked_begun_and_cancelled() {
    if is_go_3_4() {
        return;
    }
    let mut cluster = start(cluster(3));
    let versions = cluster.wait("the cluster's version", |members| {
        let versions: Vec<_> = members.iter().filter_map(|member| member.probe().version().ok()).collect();
        let known = versions.len() == 3 && versions.iter().all(|version| version.cluster == "3.7.0");
        if known { Ok(()) } else { Err(format!("{versions:?}")) }
    });
    versions.unwrap();
    let urls = cluster.client_urls();
    let validate = |version: &str| DowngradeOptions::Validate(version.to_owned());
    let enable = || DowngradeOptions::Enable("3.6.0".to_owned());
    runtime().block_on(async {
        let client = Client::connect([&urls[0]], None).await.unwrap();
        let other = Client::connect([&urls[1]], None).await.unwrap();
        for (version, code, text) in [
            ("3", Code::InvalidArgument, "etcdserver: wrong downgrade target version format"),
            ("3.5.0", Code::InvalidArgument, "etcdserver: invalid downgrade target version"),
            ("3.7.0", Code::InvalidArgument, "etcdserver: invalid downgrade target version"),
        ] {
            let outcome = client.maintenance_client().downgrade(validate(version)).await;
            assert_eq!(refusal(outcome), (code, text.to_owned()), "{version}");
        }
        let nothing = (Code::FailedPrecondition, "etcdserver: no inflight downgrade job".to_owned());
        assert_eq!(refusal(client.maintenance_client().downgrade(DowngradeOptions::Cancel).await), nothing);
        let valid = client.maintenance_client().downgrade(validate("3.6.0")).await.unwrap();
        assert_eq!(valid.version(), "3.7");
        client.maintenance_client().downgrade(enable()).await.unwrap();
        let running =
            (Code::FailedPrecondition, "etcdserver: cluster has a downgrade job in progress".to_owned());
        let again = other.maintenance_client().downgrade(enable()).await;
        let refused = refusal(again);
        // The leader may have made the first step by now.
        assert!(refused == running || refused.1.ends_with("invalid downgrade target version"), "{refused:?}");
    });
    let asked = |member: usize| {
        let url = cluster.member(member).spec().peer_url();
        let mut answer = ureq::get(&format!("{url}/downgrade/enabled")).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    };
    assert_eq!([asked(0), asked(1), asked(2)], ["true", "true", "true"]);
    let lowered = cluster.wait("the cluster to be at 3.6", |members| {
        let versions: Vec<_> = members.iter().filter_map(|member| member.probe().version().ok()).collect();
        let low = versions.len() == 3 && versions.iter().all(|version| version.cluster == "3.6.0");
        if low { Ok(()) } else { Err(format!("{versions:?}")) }
    });
    lowered.unwrap();
    runtime().block_on(async {
        let client = Client::connect([&urls[2]], None).await.unwrap();
        let cancelled = client.maintenance_client().downgrade(DowngradeOptions::Cancel).await.unwrap();
        assert_eq!(cancelled.version(), "3.6");
    });
    // Nobody has gone down: the cluster's version rises again.
    let raised = cluster.wait("the cluster to be at 3.7", |members| {
        let version = members[0].probe().version().map_err(|error| error.to_string())?;
        if version.cluster == "3.7.0" { Ok(()) } else { Err(version.cluster) }
    });
    raised.unwrap();
    let url = cluster.member(0).spec().peer_url();
    let mut answer = ureq::get(&format!("{url}/downgrade/enabled")).call().unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "false");
}
