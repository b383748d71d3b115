use etcd_membership::{ClusterId, MemberId};
use http::HeaderMap;

use super::{Minor, compatible, has_streams};
use crate::Identity;
use crate::identity::{MIN_CLUSTER_VERSION, SERVER_VERSION, insert};

fn local() -> Identity {
    Identity {
        member: MemberId::new(1),
        cluster: ClusterId::new(2),
        server_version: "3.7.0".to_owned(),
        min_cluster_version: "3.0.0".to_owned(),
        peer_urls: Vec::new(),
    }
}

fn headers(server: &str, min_cluster: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(&mut headers, SERVER_VERSION, server);
    insert(&mut headers, MIN_CLUSTER_VERSION, min_cluster);
    headers
}

#[test]
fn members_talk_when_neither_is_too_old_for_the_other() {
    for (server, min_cluster, want) in [
        ("3.7.0", "3.0.0", true),
        ("3.7.9", "3.0.0", true),
        ("3.8.0-alpha.0+git", "3.0.0", true),
        ("3.4.23", "3.0.0", true),
        ("3.0.0", "2.3.0", true),
        ("2.3.8", "2.1.0", false),
        ("4.0.0", "3.7.0", true),
        ("4.0.0", "3.8.0", false),
        ("", "", false),
        ("three", "3.0.0", false),
        ("3.7.0", "-1.0", false),
        ("99999999999.0.0", "3.0.0", false),
    ] {
        assert_eq!(compatible(&local(), &headers(server, min_cluster)), want, "{server} {min_cluster}");
    }
    assert!(!compatible(&local(), &HeaderMap::new()));
}

#[test]
fn streams_came_with_2_1() {
    for (server, want) in [("3.7.1", true), ("2.1.0", true), ("2.0.13", false), ("", false), ("x", false)] {
        assert_eq!(has_streams(&headers(server, "3.0.0")), want, "{server}");
    }
}

#[test]
fn patch_and_suffix_do_not_count() {
    assert_eq!(Minor::parse("3.7.0"), Minor::parse("3.7.15-rc.1"));
    assert_eq!(Minor::parse("3"), None);
}
