//! Ids, changes and quorum checks.

use super::{Change, ChangeError, ChangeKind, Cluster};
use crate::{ClusterId, Member, MemberId, UrlsMap};

fn member(id: u64, name: &str) -> Member {
    Member {
        id: MemberId::new(id),
        peer_urls: vec![format!("http://m{id}:2380")],
        is_learner: false,
        name: name.to_owned(),
        client_urls: Vec::new(),
    }
}

fn learner(id: u64) -> Member {
    Member { is_learner: true, ..member(id, "") }
}

/// Each row: initial cluster, token, ids by name, cluster id.
#[test]
fn ids_are_those_of_etcd() {
    let check = |map: &str, token: &str, ids: &[&str], cluster_id: &str| {
        let map: UrlsMap = map.parse().unwrap();
        let cluster = Cluster::from_urls_map(&map, token).unwrap();
        let got: Vec<String> =
            map.names().map(|name| cluster.member_by_name(name).unwrap().id.to_string()).collect();
        assert_eq!(got, ids, "{map} {token}");
        assert_eq!(cluster.id().to_string(), cluster_id, "{map} {token}");
    };
    let http = "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra2=http://10.0.1.12:2380";
    let https = http.replace("http:", "https:");
    let with_infra3 =
        "infra0=http://10.0.1.10:2380,infra1=http://10.0.1.11:2380,infra3=http://10.0.1.13:2380";
    let dns = "infra0=http://infra0.example.com:2380,infra1=http://infra1.example.com:2380,infra2=http://infra2.example.com:2380";
    let loopback = "a=http://127.0.1.10:2380,b=http://127.0.1.11:2380,c=http://127.0.1.12:2380";
    let loopback13 = "a=http://127.0.1.10:2380,b=http://127.0.1.11:2380,c=http://127.0.1.13:2380";
    check("default=http://localhost:2380", "etcd-cluster", &["8e9e05c52164694d"], "cdf818194e3a8c32");
    check(
        http,
        "etcd-cluster-1",
        &["140fedbeeb74765d", "d5dc5f8d75d04e29", "8a0a11c6194fc77"],
        "acccc8912db0cd57",
    );
    check(
        &https,
        "etcd-cluster-1",
        &["1e802f06edc53c20", "2b4cdaea5008bdf4", "ea5d2d0d48e50614"],
        "374af106fe0f0dcd",
    );
    check(
        http,
        "etcd-cluster",
        &["794aea3ba77a1d64", "e25938377bdd2340", "9d480e1db4ddec45"],
        "e33cd1f1301c41a0",
    );
    check(
        with_infra3,
        "etcd-cluster",
        &["794aea3ba77a1d64", "e25938377bdd2340", "d4c8049a9708f481"],
        "de83bfe8225735ab",
    );
    check(
        with_infra3,
        "etcd-cluster-1",
        &["140fedbeeb74765d", "d5dc5f8d75d04e29", "f112c3689466e8f0"],
        "d1ac4783b778aee4",
    );
    check(
        http,
        "https://myetcd.local/v2/keys/discovery/6c007a14875d53d9bf0ef5a6fc0257c817f0fb83",
        &["7544f68be3722153", "2095d45fbac4864d", "9a493e99b9aa71c"],
        "20d37e5c2d823ac2",
    );
    check(
        http,
        "https://discovery.etcd.io/3e86b59982e49066c5d813af1c2e2579cbf573de",
        &["7337e51056db6238", "33f2467aa4d8f1de", "f8708766711c25f5"],
        "f474bbc10e396ee6",
    );
    check(
        dns,
        "etcd-cluster-1",
        &["a434bc977dbbaf3e", "89315860d4cce8f0", "518d77c6d7c5a9c1"],
        "c8ba12a1c26d31b1",
    );
    check(
        &dns.replace("http:", "https:"),
        "etcd-cluster-1",
        &["b94512c14e70514a", "add351150c895e38", "895c3ef00331fbe2"],
        "3de0396875843349",
    );
    check(
        dns,
        "etcd-cluster",
        &["47348111a7bdaaac", "fbd28236cd125f2f", "62594fa88acb3860"],
        "2d518c2f0ec6a2c4",
    );
    check(
        loopback,
        "http://127.0.0.1:4001/v2/keys/discovery/s1",
        &["5143313cfd8c765d", "454269bfb6e12b94", "d3a086ba5b76b3a1"],
        "79ecec1796590fdf",
    );
    check(
        loopback13,
        "etcd-cluster",
        &["432309efdd0780ad", "135ade7c82e1f474", "4d2d9db7a7795f83"],
        "6cb75883a39b4325",
    );
}

#[test]
fn member_ids_are_those_of_etcd() {
    let check = |urls: &[&str], token: &str, added_at: Option<i64>, id: u64| {
        let urls: Vec<String> = urls.iter().map(|&url| url.to_owned()).collect();
        assert_eq!(MemberId::derive(&urls, token, added_at).get(), id, "{urls:?} {token:?} {added_at:?}");
    };
    let added = Some(472_662_245); // 1984-12-23T15:04:05Z
    check(&["http://10.0.0.8:2379"], "", None, 14544069596553697298);
    check(&["http://10.0.0.8:2379"], "", added, 2448790162483548276);
    check(&["http://10.0.0.8:2379"], "etcd", added, 6973882743191604649);
    check(&["http://10.0.0.1:2379", "http://10.0.0.2:2379"], "", None, 16552244735972308939);
    check(&["http://10.0.0.2:2379", "http://10.0.0.1:2379"], "", None, 16552244735972308939);
    check(&["http://127.0.1.12:2380"], "etcd-cluster-1", None, 0x3a55_7c8e_f1cd_433d);
}

#[test]
fn one_id_for_two_members_is_refused() {
    let map: UrlsMap = "a=http://a:1,b=http://a:1".parse().unwrap();
    let error = Cluster::from_urls_map(&map, "t").unwrap_err().to_string();
    assert!(error.starts_with("member exists with identical ID &{ID:"), "{error}");
}

#[test]
fn changes_are_accepted_or_refused_like_etcd() {
    let cluster = Cluster::new(ClusterId::new(9), [member(1, "a"), member(2, "b"), learner(3)])
        .with_removed([MemberId::new(8)]);
    let check = |change: Change, want: Result<(), ChangeError>| {
        assert_eq!(cluster.validate(&change), want, "{change:?}");
    };
    let id = MemberId::new;
    let url = |n: u64| vec![format!("http://m{n}:2380")];
    check(Change::Add(member(4, "")), Ok(()));
    check(Change::Add(member(8, "")), Err(ChangeError::IdRemoved));
    check(Change::Add(member(1, "")), Err(ChangeError::IdExists));
    check(Change::Add(Member { peer_urls: url(2), ..member(4, "") }), Err(ChangeError::PeerUrlExists));
    check(Change::Add(Member { peer_urls: url(2), ..learner(4) }), Err(ChangeError::PeerUrlExists));
    check(Change::Add(learner(4)), Err(ChangeError::TooManyLearners));
    check(Change::Promote(id(3)), Ok(()));
    check(Change::Promote(id(1)), Err(ChangeError::NotLearner));
    check(Change::Promote(id(7)), Err(ChangeError::IdNotFound));
    check(Change::Promote(id(8)), Err(ChangeError::IdRemoved));
    check(Change::Remove(id(1)), Ok(()));
    check(Change::Remove(id(7)), Err(ChangeError::IdNotFound));
    check(Change::Remove(id(8)), Err(ChangeError::IdRemoved));
    check(Change::Update { id: id(1), peer_urls: url(1) }, Ok(()));
    check(Change::Update { id: id(1), peer_urls: url(5) }, Ok(()));
    check(Change::Update { id: id(1), peer_urls: url(2) }, Err(ChangeError::PeerUrlExists));
    check(Change::Update { id: id(7), peer_urls: url(5) }, Err(ChangeError::IdNotFound));
    let roomy = cluster.clone().with_max_learners(2);
    assert_eq!(roomy.validate(&Change::Add(learner(4))), Ok(()));
    assert_eq!(roomy.check_learners(0), Err(ChangeError::TooManyLearners));
    assert_eq!(roomy.check_learners(1), Ok(()));
}

#[test]
fn changes_take_effect() {
    let mut cluster = Cluster::new(ClusterId::new(9), [member(1, "a"), learner(3)]);
    let id = MemberId::new;
    cluster.apply(&Change::Add(member(2, "")));
    cluster.apply(&Change::Promote(id(3)));
    cluster.apply(&Change::Update { id: id(1), peer_urls: vec!["http://new:1".to_owned()] });
    assert!(cluster.set_attributes(id(2), "b", &["http://c:2379".to_owned()]));
    assert_eq!(cluster.voters().count(), 3);
    assert_eq!(cluster.member_by_name("b").unwrap().client_urls, ["http://c:2379"]);
    assert_eq!(cluster.remote_peer_urls("b"), ["http://m3:2380", "http://new:1"]);
    cluster.apply(&Change::Remove(id(2)));
    assert!(cluster.is_removed(id(2)));
    assert!(!cluster.set_attributes(id(2), "b", &[]));
    assert_eq!(cluster.members().len(), 2);
    assert_eq!(
        cluster.to_string(),
        "{ClusterID:9 Members:[\
         &{ID:1 RaftAttributes:{PeerURLs:[http://new:1] IsLearner:false} Attributes:{Name:a ClientURLs:[]}} \
         &{ID:3 RaftAttributes:{PeerURLs:[http://m3:2380] IsLearner:false} Attributes:{Name: ClientURLs:[]}}] \
         RemovedMemberIDs:[2]}"
    );
}

#[test]
fn a_change_survives_the_log() {
    let id = MemberId::new(7);
    let peer_urls = vec!["http://m7:2380".to_owned()];
    for (change, kind) in [
        (Change::Add(member(7, "")), ChangeKind::AddNode),
        (Change::Add(learner(7)), ChangeKind::AddLearnerNode),
        (Change::Promote(id), ChangeKind::AddNode),
        (Change::Remove(id), ChangeKind::RemoveNode),
        (Change::Update { id, peer_urls }, ChangeKind::UpdateNode),
    ] {
        let (got, context) = change.encode();
        assert_eq!(got, kind);
        assert_eq!(Change::decode(kind.to_wire(), 7, &context).unwrap(), change);
    }
}

#[test]
fn contexts_of_go_are_understood() {
    let decode = |kind: i32, context: &str| Change::decode(kind, 7, context.as_bytes());
    let bare = Member { peer_urls: Vec::new(), ..member(7, "") };
    assert_eq!(decode(0, r#"{"id":7,"peerURLs":null}"#).unwrap(), Change::Add(bare.clone()));
    assert_eq!(decode(0, r#"{"id":7,"peerURLs":null,"isPromote":true}"#).unwrap(), Change::Promote(bare.id));
    assert_eq!(decode(1, "").unwrap(), Change::Remove(bare.id));
    for (kind, context) in
        [(0, ""), (0, "{"), (0, r#"{"id":8,"peerURLs":null}"#), (2, "[]"), (4, "{}"), (-1, "{}")]
    {
        assert!(decode(kind, context).is_err(), "{kind} {context}");
    }
}

#[test]
fn a_quorum_must_stay() {
    let cluster = |started: u64, down: u64| {
        let members = (1..=started).map(|id| member(id, "up"));
        Cluster::new(
            ClusterId::new(1),
            members.chain((101..101 + down).map(|id| member(id, ""))).chain([learner(99)]),
        )
    };
    let add = |started, down, want| {
        assert_eq!(cluster(started, down).is_ready_to_add_voter(), want, "{started} {down}")
    };
    add(1, 0, true);
    add(2, 0, true);
    add(1, 1, false);
    add(2, 1, false);
    add(3, 1, true);
    let promote = |started, down, want| {
        assert_eq!(cluster(started, down).is_ready_to_promote(), want, "{started} {down}")
    };
    promote(1, 0, true);
    promote(1, 1, true);
    promote(1, 2, false);
    let remove = |started, down, id, want| {
        assert_eq!(
            cluster(started, down).is_ready_to_remove_voter(MemberId::new(id)),
            want,
            "{started} {down} {id}"
        );
    };
    remove(3, 0, 1, true);
    remove(2, 1, 1, false);
    remove(2, 1, 101, true);
    remove(1, 0, 1, false);
}
