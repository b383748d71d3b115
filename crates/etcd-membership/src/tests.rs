//! Identifiers, the JSON form of members, versions.

use proptest::prelude::*;

use crate::{Change, Cluster, ClusterVersion, Member, MemberId, Url, UrlsMap, Version, can_join};

#[test]
fn members_have_the_json_form_of_etcd() {
    let check = |json: &str, want: &str| {
        let member: Member = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&member).unwrap(), want);
    };
    let full = r#"{"id":5876484784695650753,"peerURLs":["http://a:2380"],"name":"infra2","clientURLs":["http://a:2379"]}"#;
    check(full, full);
    let learner = r#"{"id":1,"peerURLs":["http://a:2380"],"isLearner":true}"#;
    check(learner, learner);
    check(r#"{"id":1,"peerURLs":null,"clientURLs":null}"#, r#"{"id":1,"peerURLs":[]}"#);
    check(r#"{"id":18446744073709551615,"unknown":3}"#, r#"{"id":18446744073709551615,"peerURLs":[]}"#);
    for bad in ["{}", r#"{"id":"1"}"#, r#"{"id":-1}"#, "[]", ""] {
        assert!(serde_json::from_str::<Member>(bad).is_err(), "{bad}");
    }
}

#[test]
fn ids_are_hexadecimal() {
    assert_eq!(MemberId::new(0x08a0_a11c_6194_fc77).to_string(), "8a0a11c6194fc77");
    assert_eq!("8A0a".parse::<MemberId>().unwrap().get(), 0x8a0a);
    for bad in ["", "zz", "11111111111111111", "+1"] {
        assert!(bad.parse::<MemberId>().is_err(), "{bad}");
    }
}

#[test]
fn versions_are_read() {
    let check = |text: &str, want: Option<(u16, u16, u16)>| {
        let got = text.parse::<Version>().ok();
        assert_eq!(got.map(|version| (version.major, version.minor, version.patch)), want, "{text}");
    };
    check("3.7.1", Some((3, 7, 1)));
    check("3.7", Some((3, 7, 0)));
    check("3.8.0-alpha.0+git", Some((3, 8, 0)));
    for bad in ["", "3", "3.", "3.7.1.2", "3.+7", "not_decided", "3.70000"] {
        check(bad, None);
    }
    assert_eq!(ClusterVersion::new(3, 7).to_string(), "3.7.0");
    assert_eq!(ClusterVersion::new(3, 7).short(), "3.7");
    assert_eq!(serde_json::to_string(&ClusterVersion::new(3, 7)).unwrap(), r#""3.7.0""#);
}

#[test]
fn versions_work_together_or_not() {
    let cluster = ClusterVersion::new;
    assert!(cluster(3, 6).admits(Version::new(3, 7, 0)));
    assert!(cluster(3, 7).admits(Version::new(3, 7, 0)));
    assert!(!cluster(3, 8).admits(Version::new(3, 7, 9)));
    let change = |from: (u16, u16), to: (u16, u16), want| {
        assert_eq!(cluster(from.0, from.1).may_become(cluster(to.0, to.1)), want, "{from:?} {to:?}");
    };
    change((3, 0), (3, 7), true);
    change((3, 7), (3, 6), true);
    change((3, 7), (3, 5), false);
    change((3, 7), (3, 7), false);
    change((3, 7), (4, 0), false);
    let local = Version::new(3, 7, 0);
    assert!(can_join(local, [cluster(3, 4), cluster(3, 7)], false));
    assert!(!can_join(local, [], false));
    assert!(!can_join(local, [cluster(3, 4), cluster(3, 8)], false));
    assert!(!can_join(local, [cluster(2, 3)], false));
    assert!(can_join(local, [cluster(3, 8)], true));
    assert!(!can_join(local, [cluster(3, 7)], true));
}

fn url_text() -> impl Strategy<Value = String> {
    let parts = [
        "http",
        "https",
        "unix",
        "://",
        ":",
        "/",
        "//",
        "[",
        "]",
        "::1",
        "10.0.1.10",
        "2380",
        "@",
        "%",
        "%41",
        "?",
        "#",
        ",",
        "=",
    ];
    let part = prop_oneof![proptest::sample::select(parts.to_vec()).prop_map(str::to_owned), "\\PC{0,3}"];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_accepted_prints_as_itself(text in url_text(), host in "\\PC{0,5}") {
        if let Ok(url) = text.parse::<Url>() {
            prop_assert_eq!(url.as_str().parse::<Url>().unwrap(), url.clone());
            let _ = (url.scheme(), url.authority(), url.host(), url.port(), url.path(), url.socket_path());
            let _ = url.with_host(&host);
            prop_assert_eq!(url.scheme().is_unix(), url.socket_path().is_some());
        }
        if let Ok(map) = format!("a={text},b={text}").parse::<UrlsMap>() {
            prop_assert_eq!(map.to_string().parse::<UrlsMap>().unwrap(), map.clone());
            let _ = Cluster::from_urls_map(&map, &host);
        }
        let _ = (text.parse::<UrlsMap>(), text.parse::<Version>(), text.parse::<MemberId>());
    }

    #[test]
    fn contexts_never_panic(kind in -1..5_i32, id: u64, bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = Change::decode(kind, id, &bytes);
    }
}
