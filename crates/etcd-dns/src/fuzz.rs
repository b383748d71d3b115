//! Entries for the fuzz targets (`tests/fuzz`) into decoders that nobody else needs to reach. Not part of the API.

use std::net::SocketAddr;

use hickory_resolver::proto::op::Message;

use crate::members::{Entries, Options};
use crate::resolver::targets;
use crate::service::{PEERS, record_name, url};

/// A name server's answer, bytes as on the wire, to the question for members; the first target is this member.
///
/// # Panics
/// When other members are found than those that the answer names.
pub fn answer(data: &[u8]) {
    let Ok(message) = Message::from_vec(data) else { return };
    for (service, scheme) in PEERS {
        let Ok(targets) = targets(&record_name(service, "example.com"), &message.answers) else { return };
        let peer_urls = format!("{scheme}://10.0.0.1:2380").parse().expect("a URL");
        let options = Options::new("own", "example.com", peer_urls);
        let addresses: Vec<SocketAddr> =
            (1..).zip(&targets).map(|(port, _)| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        let mut entries = Entries::new(&options, addresses[..1].to_vec());
        for (target, address) in targets.iter().zip(&addresses) {
            entries.add_target(service, scheme, target, &[*address]);
        }
        let Ok(found) = entries.finish(Vec::new()) else { continue };
        let mut expected: Vec<_> =
            targets.iter().map(|target| url(scheme, &target.host, target.port)).collect();
        let mut urls: Vec<_> = found.members.iter().flat_map(|(_, urls)| urls.to_strings()).collect();
        expected.sort();
        urls.sort();
        assert_eq!(urls, expected, "each target is one URL");
        assert_eq!(found.members.get("own").map(|urls| urls.len()), Some(1), "this member is one of them");
    }
}
