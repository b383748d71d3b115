//! Fifty discovery clients at once, for a cluster of five.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_discovery::{DiscoveryError, Found, V2Options, join_v2};
use etcd_it::{Scratch, server};
use etcd_testkit::DiscoveryService;
use tokio::task::JoinSet;

use crate::service::Service;

/// What each of the fifty is told.
fn all_join(url: &str) -> Vec<Result<Found, DiscoveryError>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        let mut members = JoinSet::new();
        for n in 0..50 {
            let mut options = V2Options::new(url);
            // A busy machine takes its time; this is not about time.
            options.request_timeout = Duration::from_secs(60);
            members.spawn(async move {
                let peer_urls = format!("http://10.0.0.{n}:2380").parse().unwrap();
                join_v2(&options, &format!("infra{n}"), &peer_urls).await
            });
        }
        members.join_all().await
    })
}

/// Five are in, all with the same cluster, and 45 are told that it is full.
fn assert_five_are_in(outcomes: &[Result<Found, DiscoveryError>]) {
    let mut full = 0;
    let mut clusters = BTreeMap::new();
    for outcome in outcomes {
        match outcome {
            Ok(found) => *clusters.entry(found.members.to_string()).or_insert(0) += 1,
            Err(DiscoveryError::Full { size: 5 }) => full += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    let members: Vec<usize> = clusters.keys().map(|members| members.split(',').count()).collect();
    assert_eq!((full, clusters.values().copied().collect::<Vec<_>>(), members), (45, vec![5], vec![5]));
}

#[test]
fn through_the_service() {
    let service = Service::start(&["--requests-per-minute=1000000"]);
    let token = service.token("?size=5");
    assert_five_are_in(&all_join(&format!("{}{token}", service.url)));
}

#[test]
fn through_the_keys_of_a_member() {
    let scratch = Scratch::new();
    let member = DiscoveryService::start(&server(), scratch.path(), true).unwrap();
    let url = member.size_v2("race", "5").unwrap();
    assert_five_are_in(&all_join(&url));
}
