//! Zones of a real name server on loopback, and name servers that are none.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod hostile;
mod zones;

use std::net::Ipv4Addr;

use etcd_dns::{DnsError, Found, Options, Resolver, find_members};
use etcd_testkit::{DnsServer, Zone};

/// The guide's hosts on loopback.
pub(crate) fn hosts() -> Zone {
    let zone = Zone::new("example.com");
    (0..3).fold(zone, |zone, n| zone.address(&host(n), Ipv4Addr::new(127, 0, 1, 10 + n)))
}

pub(crate) fn host(n: u8) -> String {
    format!("infra{n}.example.com")
}

/// The hosts, with a record of `service` for each.
pub(crate) fn guide(service: &str) -> Zone {
    (0..3).fold(hosts(), |zone, n| zone.service(service, &host(n), 2380))
}

pub(crate) fn options(name: &str, advertised: &str) -> Options {
    Options::new(name, "example.com", advertised.parse().unwrap())
}

pub(crate) async fn search(zone: &Zone, options: &Options) -> Result<Found, DnsError> {
    let server = DnsServer::start(zone).unwrap();
    let resolver = Resolver::at(&server.address().to_string()).await.unwrap();
    find_members(options, &resolver).await
}
