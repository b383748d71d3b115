//! Joining a cluster.

use etcd_membership::{Change, Cluster, ClusterId, ClusterVersion, Member, MemberId, UrlsMap, Version};
use tokio::time::Instant;

use super::fakes::{Names, Peers};
use super::{THREE, joining};
use crate::{Mechanism, Mode, Offline, Options, resolve};

const FOUR: &str = "infra0=http://127.0.1.10:2380,infra1=http://127.0.1.11:2380,infra2=http://127.0.1.12:2380,\
                    infra3=http://127.0.1.13:2380";

/// The three members run; `added` is the URL of a fourth that was added to them.
fn running(added: Option<&str>) -> Cluster {
    let map: UrlsMap = THREE.parse().unwrap();
    let mut cluster = Cluster::from_urls_map(&map, "etcd-cluster").unwrap();
    if let Some(url) = added {
        cluster.apply(&Change::Add(Member {
            id: MemberId::new(4),
            peer_urls: vec![url.to_owned()],
            is_learner: false,
            name: String::new(),
            client_urls: Vec::new(),
        }));
    }
    cluster
}

async fn refuse(options: &Options, peers: &Peers) -> String {
    resolve(options, peers, &Names::default()).await.unwrap_err().etcd_text()
}

#[tokio::test(start_paused = true)]
async fn an_added_member_joins_with_the_id_it_was_given() {
    let cluster = running(Some("http://127.0.1.13:2380"));
    let joined = resolve(&joining("infra3", FOUR), &Peers::of(&cluster), &Names::default()).await.unwrap();
    assert_eq!((joined.local_id, joined.cluster_id), (MemberId::new(4), cluster.id()));
    assert_eq!(joined.mode, Mode::Join);
    assert_eq!(joined.members, cluster.members().cloned().collect::<Vec<_>>());
    // A name in place of an address is the same place.
    let cluster = running(Some("http://infra3.example.com:2380"));
    let names = Names::of(&[("infra3.example.com", "127.0.1.13")]);
    let joined = resolve(&joining("infra3", FOUR), &Peers::of(&cluster), &names).await.unwrap();
    assert_eq!(joined.local_id, MemberId::new(4));
}

#[tokio::test(start_paused = true)]
async fn somebody_must_answer() {
    let nobody = "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs";
    let error = resolve(&joining("infra3", FOUR), &Offline, &Names::default()).await.unwrap_err();
    assert_eq!(error.etcd_text(), nobody);
    assert_eq!(error.guide_line(), format!("etcd: {nobody}"));
    assert!(error.hint().contains("--initial-cluster-state=new"));
    let begin = Instant::now();
    let silent = Peers::default().silent("http://127.0.1.10:2380");
    assert_eq!(refuse(&joining("infra3", FOUR), &silent).await, nobody);
    assert_eq!(begin.elapsed().as_secs(), 10);
    let empty = Peers::default().answer("http://127.0.1.11:2380", ClusterId::new(1), Vec::new());
    assert_eq!(
        refuse(&joining("infra3", FOUR), &empty).await,
        "cannot fetch cluster info from peer urls: failed to get raft cluster member(s) from the given URLs"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_must_be_added_first() {
    let text = refuse(&joining("infra3", FOUR), &Peers::of(&running(None))).await;
    assert!(text.starts_with("error validating peerURLs {ClusterID:"), "{text}");
    assert!(text.ends_with(" RemovedMemberIDs:[]}: member count is unequal"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_urls_must_be_those_that_were_added() {
    let text = refuse(&joining("infra3", FOUR), &Peers::of(&running(Some("http://127.0.1.14:2380")))).await;
    assert!(
        text.ends_with(
            ": PeerURLs: no match found for existing member (4, [http://127.0.1.14:2380]), last resolver error \
             (resolved urls: \"http://127.0.1.14:2380\" != \"http://127.0.1.13:2380\")"
        ),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn joining_has_its_own_preconditions() {
    let peers = Peers::default();
    let cluster = running(Some("http://127.0.1.13:2380"));
    assert_eq!(
        refuse(&joining("infra3", THREE), &peers).await,
        "couldn't find local name \"infra3\" in the initial cluster configuration"
    );
    assert_eq!(
        refuse(&joining("a", "a=http://h:1,b=http://h:1"), &peers).await,
        "initial cluster a=http://h:1,b=http://h:1 has duplicate url"
    );
    let service = etcd_discovery::V2Options::new("http://127.0.0.1:9/token");
    let discovery = Options { mechanism: Mechanism::DiscoveryV2(service), ..joining("infra3", FOUR) };
    assert_eq!(
        refuse(&discovery, &peers).await,
        "discovery URL should not be set when joining existing initial cluster"
    );
    let incompatible = "incompatible with current running cluster";
    let newer = Peers::of(&cluster).version(Some(ClusterVersion::new(3, 8)));
    assert_eq!(refuse(&joining("infra3", FOUR), &newer).await, incompatible);
    let undecided = Peers::of(&cluster).version(None);
    assert_eq!(refuse(&joining("infra3", FOUR), &undecided).await, incompatible);
    assert_eq!(refuse(&joining("infra3", FOUR), &Peers::of(&cluster).downgrading()).await, incompatible);
    let older = Options { version: Version::new(3, 6, 2), ..joining("infra3", FOUR) };
    resolve(&older, &Peers::of(&cluster).downgrading(), &Names::default()).await.unwrap();
    let strict = Options { max_learners: 0, ..joining("infra3", FOUR) };
    let learner = Member { is_learner: true, ..cluster.member(MemberId::new(4)).unwrap().clone() };
    let with_learner = Cluster::new(cluster.id(), cluster.members().cloned().chain([learner]));
    assert_eq!(
        refuse(&strict, &Peers::of(&with_learner)).await,
        "membership: too many learner members in cluster"
    );
}
