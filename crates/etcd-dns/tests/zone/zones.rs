//! What comes of a zone.

use std::net::Ipv4Addr;

use etcd_dns::{Options, Resolver, find_endpoints};
use etcd_membership::Cluster;
use etcd_testkit::{DnsServer, Zone};

use crate::{guide, host, hosts, options, search};

#[tokio::test]
async fn plain_records() {
    // By name and by address: the own entry is the same.
    for advertised in ["http://infra0.example.com:2380", "http://127.0.1.10:2380"] {
        let found = search(&guide("etcd-server"), &options("infra0", advertised)).await.unwrap();
        assert_eq!(
            found.members.to_string(),
            "0=http://infra1.example.com:2380,1=http://infra2.example.com:2380,infra0=http://infra0.example.com:2380"
        );
        assert_eq!(found.server_name, None);
        let cluster = Cluster::from_urls_map(&found.members, "etcd-cluster-1").unwrap();
        assert_eq!(cluster.id().to_string(), "c8ba12a1c26d31b1");
        assert_eq!(cluster.member_by_name("infra0").unwrap().id.to_string(), "a434bc977dbbaf3e");
    }
}

#[tokio::test]
async fn records_with_tls() {
    let options = options("infra1", "https://infra1.example.com:2380");
    let found = search(&guide("etcd-server-ssl"), &options).await.unwrap();
    assert_eq!(found.server_name.as_deref(), Some("example.com"));
    let cluster = Cluster::from_urls_map(&found.members, "etcd-cluster-1").unwrap();
    assert_eq!(cluster.id().to_string(), "3de0396875843349");
    assert_eq!(cluster.member_by_name("infra1").unwrap().id.to_string(), "add351150c895e38");
}

#[tokio::test]
async fn a_service_with_a_suffix() {
    let mut options = options("infra0", "http://infra0.example.com:2380");
    options.suffix = "foo".to_owned();
    let found = search(&guide("etcd-server-foo"), &options).await.unwrap();
    assert_eq!(found.members.len(), 3);
    let error = search(&guide("etcd-server"), &options).await.unwrap_err().to_string();
    assert!(error.contains("_etcd-server-ssl-foo lookup _etcd-server-ssl-foo._tcp.example.com"), "{error}");
}

#[tokio::test]
async fn nothing_there() {
    let error = search(&hosts(), &options("infra0", "http://127.0.1.10:2380")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "error querying DNS SRV records for _etcd-server-ssl lookup _etcd-server-ssl._tcp.example.com: no such host; \
         error querying DNS SRV records for _etcd-server lookup _etcd-server._tcp.example.com: no such host"
    );
}

#[tokio::test]
async fn only_others_are_there() {
    let stranger = "http://127.0.1.19:2380";
    let error = search(&guide("etcd-server"), &options("infra9", stranger)).await.unwrap_err();
    assert_eq!(error.to_string(), r#"cannot find local etcd member "infra9" in SRV records"#);
    // Another port, or another scheme, is another entry.
    for advertised in ["http://127.0.1.10:2381", "https://127.0.1.10:2380"] {
        let error = search(&guide("etcd-server"), &options("infra0", advertised)).await.unwrap_err();
        assert_eq!(error.to_string(), r#"cannot find local etcd member "infra0" in SRV records"#);
    }
    let zone = hosts().service("etcd-server", &host(0), 2380);
    let error = search(&zone, &options("infra0", "https://127.0.1.10:2380")).await.unwrap_err();
    assert!(
        matches!(&error, etcd_dns::DnsError::LocalMissing { mismatch: Some(text), .. }
        if text.contains("has scheme mismatch with expected peer https://127.0.1.10:2380")),
        "{error:?}"
    );
}

#[tokio::test]
async fn both_kinds_of_records_never_merge() {
    let zone = (0..3).fold(guide("etcd-server"), |zone, n| zone.service("etcd-server-ssl", &host(n), 2380));
    let found = search(&zone, &options("infra0", "http://127.0.1.10:2380")).await.unwrap();
    assert_eq!(
        found.members.to_string(),
        "0=https://infra1.example.com:2380,1=https://infra2.example.com:2380,2=http://infra1.example.com:2380,\
         3=http://infra2.example.com:2380,infra0=http://infra0.example.com:2380"
    );
}

#[tokio::test]
async fn a_target_without_an_address() {
    let zone = guide("etcd-server").service("etcd-server", "nohost.example.com", 2380);
    let error = search(&zone, &options("infra0", "http://127.0.1.10:2380")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "error querying DNS SRV records for _etcd-server lookup nohost.example.com: no such host"
    );
    let error = search(&guide("etcd-server"), &options("infra0", "http://nohost.example.com:2380")).await;
    assert_eq!(error.unwrap_err().to_string(), "lookup nohost.example.com: no such host");
}

/// The answer does not fit into a UDP packet.
#[tokio::test]
async fn a_thousand_records() {
    let zone = (1..1000).fold(hosts(), |zone, n| zone.service("etcd-server", &host(1), 3000 + n));
    let zone = zone.service("etcd-server", &host(0), 2380);
    let found = search(&zone, &options("infra0", "http://127.0.1.10:2380")).await.unwrap();
    assert_eq!(found.members.len(), 1000);
}

/// With names so short that a DNS message holds that many.
#[tokio::test]
async fn more_records_than_any_cluster_has() {
    let zone = |records: u16| {
        let zone = Zone::new("e.x").address("a.e.x", Ipv4Addr::new(127, 0, 1, 10));
        (0..records).fold(zone, |zone, n| zone.service("etcd-server", "a.e.x", 2380 + n))
    };
    let options = Options::new("infra0", "e.x", "http://127.0.1.10:2380".parse().unwrap());
    assert_eq!(search(&zone(1024), &options).await.unwrap().members.len(), 1024);
    assert_eq!(
        search(&zone(1025), &options).await.unwrap_err().to_string(),
        "error querying DNS SRV records for _etcd-server-ssl lookup _etcd-server-ssl._tcp.e.x: no such host; \
         error querying DNS SRV records for _etcd-server lookup _etcd-server._tcp.e.x: 1025 records, more than 1024"
    );
}

/// The name server cuts off what does not fit into 64 KiB; members must not go by a part of it.
#[tokio::test]
async fn more_records_than_a_message_holds() {
    let zone = (0..3000).fold(hosts(), |zone, n| zone.service("etcd-server", &host(0), 2380 + n));
    let error = search(&zone, &options("infra0", "http://127.0.1.10:2380")).await.unwrap_err().to_string();
    assert!(error.contains("_etcd-server lookup _etcd-server._tcp.example.com: "), "{error}");
    assert!(error.contains("truncated"), "{error}");
}

#[tokio::test]
async fn endpoints_of_clients() {
    let plain = |zone: Zone| (0..2).fold(zone, |zone, n| zone.service("etcd-client", &host(n), 2379));
    for (zone, expected) in [
        (plain(hosts()), Ok("http://infra0.example.com:2379 http://infra1.example.com:2379")),
        (
            plain(hosts()).service("etcd-client-ssl", &host(2), 2379),
            Ok(
                "https://infra2.example.com:2379 http://infra0.example.com:2379 http://infra1.example.com:2379",
            ),
        ),
        (
            hosts(),
            Err("dns lookup errors: lookup _etcd-client-ssl._tcp.example.com: no such host and \
                 lookup _etcd-client._tcp.example.com: no such host"),
        ),
    ] {
        let server = DnsServer::start(&zone).unwrap();
        let resolver = Resolver::at(&server.address().to_string()).await.unwrap();
        let found = find_endpoints("example.com", "", &resolver).await;
        let found = found.map(|urls| urls.join(" ")).map_err(|error| error.to_string());
        assert_eq!(found.as_deref(), expected.map_err(str::to_owned).as_ref().map(|urls| *urls));
    }
}
