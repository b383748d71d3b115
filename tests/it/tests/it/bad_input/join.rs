//! Members that want to be in a cluster that does not want them.

use etcd_it::{Ended, Server, TestCluster, cluster, is_go_3_4, start};
use etcd_testkit::MemberSpec;

use crate::lone::Lone;

fn specs(cluster: &TestCluster) -> Vec<MemberSpec> {
    cluster.members().iter().map(|member| member.spec().clone()).collect()
}

/// Starts a stranger as one of `members`, in state `existing`.
fn join(stranger: &Lone, members: &[MemberSpec]) -> Ended {
    let mut arguments = stranger.arguments_in(members, "etcd-testkit");
    arguments.push("--initial-cluster-state=existing".to_owned());
    Server::start(&stranger.scratch, arguments).wait()
}

fn assert_refused(ended: &Ended, says: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(says), "{says:?} is not in:\n{}", ended.stderr);
    assert!(is_go_3_4() || !ended.human_lines().is_empty(), "{}", ended.stderr);
}

#[test]
fn joining_without_being_added() {
    let mut cluster = start(cluster(2));
    let members = specs(&cluster);
    let mut stranger = Lone::new();
    stranger.spec.name = "infra9".to_owned();

    let mut one_more = members.clone();
    one_more.push(stranger.spec.clone());
    assert_refused(&join(&stranger, &one_more), "member count is unequal");

    let in_place_of_one = [members[0].clone(), stranger.spec.clone()];
    let says = "PeerURLs: no match found for existing member (";
    assert_refused(&join(&stranger, &in_place_of_one), says);

    assert_refused(&join(&stranger, &members), r#"couldn't find local name "infra9""#);

    for index in 0..2 {
        cluster.wait_for_health(index).unwrap();
        assert_eq!(cluster.member(index).probe().members().unwrap().len(), 2);
    }
}

#[test]
fn a_wiped_member_with_the_same_token() {
    let mut cluster = start(cluster(3));
    // Who has told its client URLs has been there.
    cluster.wait_for_names();
    let id = cluster.member(1).probe().metrics().unwrap().server_id().unwrap().to_owned();
    cluster.kill(1).unwrap();
    cluster.wipe(1).unwrap();
    let members = specs(&cluster);
    let scratch = Lone::new().scratch;
    let ended = Server::start(&scratch, members[1].arguments(&members, "etcd-testkit")).wait();
    assert_refused(&ended, &format!("member {id} has already been bootstrapped"));
}

#[test]
fn a_wiped_member_with_another_token() {
    let mut cluster = start(cluster(3));
    cluster.kill(1).unwrap();
    cluster.wipe(1).unwrap();
    let members = specs(&cluster);
    let scratch = Lone::new().scratch;
    let mut server = Server::start(&scratch, members[1].arguments(&members, "another"));
    if is_go_3_4() {
        server.wait_for_output("cluster ID mismatch");
    } else {
        let ended = server.wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let lines = ended.human_lines();
        let line = lines.first().copied().unwrap_or_default();
        assert!(line.starts_with("etcd: conflicting cluster ID to the target cluster ("), "{}", ended.stderr);
        assert!(line.ends_with("). Exiting."), "{}", ended.stderr);
    }
    for index in [0, 2] {
        cluster.wait_for_health(index).unwrap();
    }
}
